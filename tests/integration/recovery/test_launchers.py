"""Recoveries whose controllers run in tasks, instances, pods, whatever an endpoint makes, or on hosts behind SSM."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import Launch, launch_key
from paramedic.recovery import recoverer
from paramedic.recovery.by_hand import by_hand
from paramedic.recovery.messages import Status
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.recoveries import Step
from tests.fakes.launchers.ec2 import Ec2Backend
from tests.fakes.launchers.ecs import EcsBackend
from tests.fakes.launchers.ssm import UNIT
from tests.fakes.launchers.stages import CLOUDS, Stage, make_stage
from tests.fakes.recovery_world import CONTROLLER, TARGET, RecoveryWorld, by_hand_request

pytestmark = pytest.mark.integration


class CloudWorld(RecoveryWorld):
    """A world whose processes run in what `stage` launches; only the first was started otherwise."""

    def __init__(self, table_prefix: str, stage: Stage) -> None:
        super().__init__(table_prefix)
        self.stage = stage
        self.fences = False
        self.clock.on_sleep = self.go_on

    def around(self) -> Surroundings:
        plan = LaunchPlan(self.stage.launcher, _request, 60.0, self.fences)
        return replace(super().around(), profile=lambda name: plan)

    def go_on(self) -> None:
        """Whatever the stage runs has a process, which takes a step; what it does not run has none."""
        running = {receipt.key: receipt.epoch for receipt in self.stage.launcher.running(TARGET)}
        for key, epoch in running.items():
            if key not in self.host.processes:
                self._start(key, epoch)
        for key, process in self.host.processes.items():
            process.alive = process.alive and key in running
        self.host.go_on()

    def _start(self, key: str, epoch: int) -> None:
        process = self.host.start(TARGET, key, epoch, {"PARAMEDIC_CONTROLLER_ID": CONTROLLER})
        found = self.stage.launcher.find(TARGET, key)
        if found is not None and found.launcher == "ssm":
            # What it runs in is itself, and it says so as its own host sees it.
            seen = {name: value for name, value in found.identity.items() if name != "instance"}
            process.receipt = found.model_copy(update={"launcher": "process", "identity": seen})

    def recover_first(self) -> None:
        """The first controller is gone by a person's word: nobody has a receipt of what it ran in."""
        self.first.alive = False
        request = by_hand_request(predecessor_gone="I terminated its instance")
        by_hand(request, self.around())
        assert self.recovery(2).step == Step.DONE, self.recovery(2).story.entries
        self.clock.advance(3600)
        self.stage.clock.advance(3600)


@pytest.fixture
def world(table_prefix: str, stage_name: str, tmp_path: Path) -> Iterator[CloudWorld]:
    world = CloudWorld(table_prefix, make_stage(stage_name, tmp_path, tmp_path / "secret"))
    world.recover_first()
    yield world
    world.stage.end()


def _request(workload: str, scope: str, epoch: int, key: str) -> Launch:
    named = {"PARAMEDIC_CONTROLLER_ID": CONTROLLER}
    return Launch(workload=workload, scope=scope, epoch=epoch, key=key, environment=named)


def silent(around: Surroundings) -> Surroundings:
    """Nothing answers any more, as when an address goes with what had it, until the successor does."""

    def probe(request: ProbeRequest) -> ProbeOutcome:
        outcome = around.probe(request)
        kind = OutcomeKind.TIMEOUT if outcome.kind is OutcomeKind.REFUSED else outcome.kind
        return ProbeOutcome(target_id=request.target_id, kind=kind)

    return replace(around, probe=probe)


@pytest.mark.parametrize("stage_name", [*CLOUDS, "ssm-command", "ssm-unit"])
def test_a_controller_whose_workload_is_gone_is_relaunched_although_its_address_only_times_out(
    world: CloudWorld,
) -> None:
    world.stage.end()
    world.newest().alive = False
    recoverer.on_failure(world.found_bad("hung"), silent(world.around()))
    record = world.recovery(3)
    assert record.step == Step.DONE, record.story.entries
    assert "its process is gone" in record.story.evidence
    assert [each.receipt and each.receipt.key for each in record.story.predecessors] == [launch_key(TARGET, 2)]
    assert len(world.stage.living()) == 1


@pytest.mark.parametrize("stage_name", ["ecs-task"])
def test_a_workload_that_outlives_its_controller_is_stopped_before_the_next_is_launched(world: CloudWorld) -> None:
    world.newest().alive = False
    (former,) = world.stage.launcher.running(TARGET)
    recoverer.on_failure(world.found_bad(), world.around())
    assert world.recovery(3).step == Step.DONE
    (successor,) = world.stage.launcher.running(TARGET)
    assert (former.epoch, successor.epoch) == (2, 3)


@pytest.mark.parametrize("stage_name", ["ecs-task"])
def test_a_workload_that_does_not_end_keeps_its_successor_waiting_and_pages_once(world: CloudWorld) -> None:
    world.newest().alive = False
    world.stage.backend.stuck = True
    recoverer.on_failure(world.found_bad(), world.around())
    for _ in range(2):
        world.clock.advance(60)
        recoverer.sweep(world.around())
    record = world.recovery(3)
    assert (record.step, record.waits_for) == (Step.STOP, "unconfirmed")
    assert any("STOPPED would confirm it" in entry.text for entry in record.story.entries)
    assert world.pages.count(f"Recovery of {TARGET} waits") == 1
    world.stage.backend.stuck = False
    world.clock.advance(60)
    recoverer.sweep(world.around())
    assert world.recovery(3).step == Step.DONE


@pytest.mark.parametrize("stage_name", ["ssm-command", "ssm-unit"])
def test_a_controller_that_hangs_on_its_host_is_seen_suspended_there_and_ended_before_the_next(
    world: CloudWorld,
) -> None:
    (former,) = world.stage.launcher.running(TARGET)
    os.kill(int(former.identity["pid"]), signal.SIGSTOP)
    world.newest().suspended = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    record = world.recovery(3)
    assert record.step == Step.DONE, record.story.entries
    assert "its process is suspended" in record.story.evidence
    (successor,) = world.stage.launcher.running(TARGET)
    assert (former.epoch, successor.epoch) == (2, 3)
    assert len(world.stage.living()) == 1


@pytest.mark.parametrize("stage_name", ["ssm-unit"])
def test_a_controller_of_which_a_silent_host_cannot_tell_is_fenced_and_relaunched_once_the_host_answers(
    world: CloudWorld,
) -> None:
    world.fences = True
    world.newest().alive = False
    hosts = world.stage.backend.hosts
    hosts.silent = True

    def answers_by_and_by() -> None:
        heartbeat = ControllerHeartbeat.read(CONTROLLER, HEARTBEAT)
        if heartbeat is not None and heartbeat.sealed_epoch == 3:
            hosts.silent = False
            # What was silent is not waited for again in an invocation; the world is none.
            world.stage.launcher = world.stage.backend.launcher(unit=UNIT, manager="user")
        if not hosts.silent:
            world.go_on()

    world.clock.on_sleep = answers_by_and_by
    recoverer.on_failure(world.found_bad(), world.around())
    record = world.recovery(3)
    assert record.step == Step.DONE, record.story.entries
    (fenced,) = [entry.text for entry in record.story.entries if entry.text.startswith("fenced")]
    assert "did not answer within 20 s" in fenced
    assert len(world.stage.living()) == 1


def its_own_check_fails(stage: Stage) -> None:
    """What the platform says of whatever it runs."""
    match stage.backend:
        case Ec2Backend():
            stage.backend.impaired = True
        case EcsBackend():
            for task in stage.backend.living():
                task["healthStatus"] = "UNHEALTHY"
        case _:
            told = {"name": "controller", "ready": False, "started": True, "state": {"running": {}}}
            for pod in stage.backend.living():
                pod["status"] = {"phase": "Running", "containerStatuses": [told]}


@pytest.mark.parametrize("stage_name", ["ecs-task", "ec2-start", "kubernetes-deployment"])
def test_a_controller_that_hangs_where_no_cpu_time_is_told_is_ended_only_if_its_platforms_own_check_fails(
    world: CloudWorld,
) -> None:
    world.newest().suspended = True
    (former,) = world.stage.launcher.running(TARGET)
    reply = recoverer.on_failure(world.found_bad("hung"), world.around())
    assert (reply.status, "nothing tells whether what runs makes progress" in reply.message) == (Status.REFUSED, True)
    assert world.stage.launcher.running(TARGET) == [former]
    its_own_check_fails(world.stage)
    recoverer.on_failure(world.found_bad("hung"), world.around())
    record = world.recovery(3)
    assert record.story.diagnosis == "hung"
    assert "fail" in record.story.evidence
    assert record.step == Step.DONE, record.story.entries
    assert [each.epoch for each in world.stage.launcher.running(TARGET)] == [3]
