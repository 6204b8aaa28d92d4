"""Real controllers with real replicas: what kill -9, SIGSTOP and a second start do to them."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from paramedic.clock import to_iso
from paramedic.launchers.process import procfs
from paramedic.services.changes import update
from paramedic.services.moving import move
from paramedic.services.replica_policy import ReplicaPolicy
from paramedic.services.spec import read_spec
from paramedic.services.verbs import down
from paramedic.state.controllers import ENDPOINT, EPOCH, ControllerEndpoint, ControllerEpoch
from paramedic.state.operations import Operation, OperationKind, open_item
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic.state.services import DesiredService, ObservedService, desired_item, observed_item
from paramedic.state.standbys import read_standby
from paramedic_controller.exits import Exit
from tests.fakes.controller_stage import CLOCK, EXAMPLE, HTTP, Stage, kill_group
from tests.fakes.epochs import grant_next_epoch, grant_to_standby
from tests.fakes.traffic_reporter import TrafficReporter
from tests.fakes.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.integration


def predict(url: str) -> str:
    return str(HTTP.post(f"{url}/predict", json={"prompt": "de", "length": 5}).json()["text"])


def identities(service: dict[str, Any]) -> list[tuple[int, str, int]]:
    return [(each["replica_id"], each["url"], each["pid"]) for each in service["replicas"]]


@pytest.fixture
def first(stage: Stage) -> subprocess.Popen[bytes]:
    """The first controller, serving the example."""
    process = stage.start()
    stage.healthy(1)
    stage.up()
    stage.serving(2)
    return process


def test_killed_and_relaunched_a_controller_takes_up_exactly_where_it_stopped(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    before, health_before = stage.serving(2), stage.healthy(1)
    kill_group(first)
    first.wait()
    assert all(predict(url).startswith("de") for url in before["routes"])
    second = stage.recover()
    health = stage.healthy(2)
    after = stage.serving(2)
    assert after == before
    assert health["pid"] == second.pid != health_before["pid"]
    assert health["recovered"] == {
        "services": 1,
        "replicas": 2,
        "ports": {"echo-model": before["port"]},
        "ids": {"echo-model": 3},
        "unfinished_requests": {"count": 0, "examples": []},
        "unfinished_operations": [],
    }
    assert all(predict(url).startswith("de") for url in after["routes"])
    text = "\n".join(stage.log_lines())
    assert "recover mode: controller main, epoch 2: 1 services, 2 replicas" in text
    assert "Unfinished requests: 0 (none)" in text
    assert "Unfinished operations: 0 (none)" in text


def test_a_standby_takes_over_from_a_killed_controller_with_every_replica(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    before = stage.serving(2)
    standby = stage.start("--standby")
    registered = eventually(lambda: read_standby("main"), "the standby to wait")
    kill_group(first)
    first.wait()
    grant_to_standby("main", str(registered.process_id), CLOCK)
    health = stage.healthy(2)
    assert stage.serving(2) == before
    assert health["pid"] == standby.pid
    assert health["took_over"]["healthy_after_seconds"] > 0
    standby.terminate()
    assert standby.wait(PATIENCE_SECONDS) == Exit.STOPPED


def test_a_replica_that_died_meanwhile_is_replaced_under_a_new_id(stage: Stage, first: subprocess.Popen[bytes]) -> None:
    before = stage.serving(2)
    kill_group(first)
    os.kill(before["replicas"][1]["pid"], signal.SIGKILL)
    stage.recover()
    stage.healthy(2)

    def replaced() -> dict[str, Any] | None:
        service = stage.serving(2)
        return service if service["next_replica_id"] == 4 else None

    after = eventually(replaced, "the replacement")
    assert identities(after)[0] == identities(before)[0]
    assert [each["replica_id"] for each in after["replicas"]] == [1, 3]


def test_a_launch_that_was_intended_but_not_made_is_made_by_the_successor(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    before = stage.serving(2)
    kill_group(first)
    first.wait()
    leave_an_open_launch(before["uid"], replica_id=3)
    stage.recover()
    health = stage.healthy(2)
    assert health["recovered"]["unfinished_operations"] == ["launch echo-model replica 3 (1 of 2 replicas)"]
    assert "Unfinished operations: 1 (launch echo-model replica 3 (1 of 2 replicas))" in stage.log_lines()
    # Made first, as its predecessor may have made it; then one too many, so that the newest goes.
    after = eventually(lambda: undisturbed(stage, before), "the third replica to come and go")
    assert after["next_replica_id"] == 4
    done = Operation.read_all(before["uid"], Operation.item.startswith("done#"))
    outcomes = {(int(row.replica_id), row.kind): row.outcome for row in done}
    assert outcomes[(3, "launch")] == "launched"
    assert outcomes[(3, "stop")].startswith("stopped")


def leave_an_open_launch(uid: str, replica_id: int) -> None:
    """What a controller that dies between writing an intent and acting on it leaves."""
    now = to_iso(CLOCK.now())
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    operation = Operation(
        uid,
        open_item("interrupted"),
        kind=OperationKind.LAUNCH,
        replica_id=replica_id,
        version=1,
        reason="1 of 2 replicas",
        opened_by_epoch=1,
        opened_at=now,
    )
    status = ReplicaStatus.LAUNCHING
    Replica(uid, replica_id, version=1, url=url, status=status, operation="interrupted", launched_at=now).save()
    operation.save()
    observed = ObservedService("main", observed_item("echo-model"))
    observed.update(actions=[ObservedService.next_replica_id.set(replica_id + 1)])


def undisturbed(stage: Stage, before: dict[str, Any]) -> dict[str, Any] | None:
    status = stage.get("/status")
    service = status["services"][0] if status else None
    if service is None or service["open_operations"] or identities(service) != identities(before):
        return None
    return dict(service)


def test_the_autoscaler_goes_on_from_where_its_predecessor_stopped(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    service = stage.serving(2)
    reporter = TrafficReporter("default", "0", "life-1", CLOCK)

    def scaled_up() -> dict[str, Any] | None:
        reporter.count(service["uid"], 300)
        reporter.flush(["POST /predict"])
        status = stage.get("/status")
        found = status["services"][0] if status else None
        return found if found and found["target"] == 4 else None

    eventually(scaled_up, "the autoscaler to want four replicas")
    before = stage.serving(4)
    kill_group(first)
    stage.recover()
    health = stage.healthy(2)
    after = stage.serving(4)
    assert (after["target"], identities(after)) == (4, identities(before))
    assert health["recovered"]["unfinished_requests"] == {"count": 1, "examples": ["POST /predict"]}


def test_converged_state_is_written_by_nothing_but_heartbeats(stage: Stage, first: subprocess.Popen[bytes]) -> None:
    stage.serving(2)
    before, beats = stage.rows(), stage.healthy(1)["heartbeat_sequence"]
    eventually(lambda: stage.healthy(1)["heartbeat_sequence"] >= beats + 2, "two heartbeats")
    assert stage.rows() == before


def test_a_port_that_was_taken_meanwhile_is_an_error_and_never_another_port(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    endpoint = ControllerEndpoint.read("main", ENDPOINT)
    assert endpoint is not None
    kill_group(first)
    first.wait()
    with socket.create_server(("127.0.0.1", int(endpoint.port))):
        second = stage.recover()
        assert second.wait(PATIENCE_SECONDS) == Exit.PORT_TAKEN
    assert f"port {int(endpoint.port)} of 127.0.0.1 cannot be bound" in stage.log.read_text()
    epoch = ControllerEpoch.read("main", EPOCH)
    assert epoch is not None
    assert epoch.epoch == 2
    assert not epoch.claimed_by


def test_a_second_start_beside_a_healthy_controller_ends_with_an_error_and_fences_nothing(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    before = stage.rows()
    second = stage.start()
    assert second.wait(PATIENCE_SECONDS) == Exit.ALREADY_RUNNING
    assert "controller main is running (epoch 1)" in stage.log.read_text()
    assert stage.rows() == before
    assert stage.healthy(1)["pid"] == first.pid


def test_a_controller_started_by_hand_after_a_crash_or_restarted_by_its_supervisor_recovers_itself(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    before = stage.serving(2)
    kill_group(first)
    first.wait()
    second = stage.start()
    assert stage.healthy(2)["pid"] == second.pid
    assert stage.serving(2) == before
    record = eventually(lambda: completed(2), "the completed record")
    assert (record.story.actor, record.story.launched.identity["pid"]) == ("self-start", str(second.pid))
    # What systemd does to a unit of KillMode=process that is restarted, its environment being that of an old launch.
    second.terminate()
    assert second.wait(PATIENCE_SECONDS) == Exit.STOPPED
    assert all(predict(url).startswith("de") for url in before["routes"])
    stage.start(PARAMEDIC_EPOCH="1")
    stage.healthy(3)
    assert stage.serving(2) == before
    assert "ended when it was asked to" in eventually(lambda: completed(3), "the completed record").story.evidence


def completed(epoch: int) -> Any:
    record = Recovery.read("controller:main", epoch)
    return record if record is not None and record.step == Step.DONE else None


def test_a_suspended_controller_is_killed_by_the_one_that_is_started_in_its_place(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    os.kill(first.pid, signal.SIGSTOP)
    stage.start()
    stage.healthy(2)
    assert first.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_a_start_by_hand_during_a_recovery_leaves_it_alone(stage: Stage, first: subprocess.Popen[bytes]) -> None:
    kill_group(first)
    grant_next_epoch("main", CLOCK)
    assert stage.start().wait(PATIENCE_SECONDS) == Exit.RECOVERY_OPEN


def test_an_epoch_is_claimed_once(stage: Stage, first: subprocess.Popen[bytes]) -> None:
    kill_group(first)
    first.wait()
    stage.recover()
    stage.healthy(2)
    stage.move_elsewhere()
    rows = stage.rows()
    launched = stage.start(PARAMEDIC_EPOCH="2", PARAMEDIC_LAUNCH_KEY="controller:main/2")
    assert launched.wait(PATIENCE_SECONDS) == Exit.CLAIM_REFUSED
    assert stage.rows() == rows


def test_a_controller_that_was_suspended_and_replaced_touches_nothing_when_it_wakes(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    before = stage.serving(2)
    os.kill(first.pid, signal.SIGSTOP)
    stage.move_elsewhere()
    stage.recover()
    stage.healthy(2)
    os.kill(before["replicas"][0]["pid"], signal.SIGKILL)

    def replaced() -> dict[str, Any] | None:
        service = stage.serving(2)
        return service if service["next_replica_id"] == 4 else None

    after = eventually(replaced, "the successor's replacement")
    rows = stage.rows()
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(PATIENCE_SECONDS) == Exit.FENCED
    assert stage.rows() == rows
    assert stage.serving(2) == after


def test_a_service_is_taken_down_with_every_process_it_had(stage: Stage, first: subprocess.Popen[bytes]) -> None:
    pids = [each["pid"] for each in stage.serving(2)["replicas"]]
    down("main", "echo-model", "ada", clock=CLOCK)
    eventually(lambda: (s := stage.get("/status")) is not None and not s["services"], "the service to go")
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_what_users_ask_for_while_the_controller_is_dead_is_done_when_it_is_back_and_elsewhere_when_it_is_moved(
    stage: Stage,
) -> None:
    first = stage.start()
    stage.healthy(1)
    kill_group(first)
    asked = stage.up()
    stage.recover()
    stage.healthy(2)
    before = stage.serving(2)
    assert before["port"] == asked.port
    # Its epoch is lower than that under which the replicas were launched.
    stage.start(PARAMEDIC_CONTROLLER_ID="second")
    eventually(lambda: ControllerEpoch.read("second", EPOCH), "the second controller to start")
    move("main", "echo-model", "second", "ada", clock=CLOCK)
    eventually(lambda: DesiredService.read("second", desired_item("echo-model")), "the service to be handed over")
    assert all(predict(url).startswith("de") for url in before["routes"])
    down("second", "echo-model", "ada", clock=CLOCK)
    eventually(lambda: DesiredService.read("second", desired_item("echo-model")) is None, "the service to end")
    # Whoever launched them is still their parent, and may not have asked how they ended.
    stats = [procfs.read_stat(each["pid"]) for each in before["replicas"]]
    assert all(stat is None or stat.gone for stat in stats)
    stage.healthy(2)


def test_a_controller_that_measures_its_replicas_adds_some_and_leaves_them_running_when_it_is_asked_to_end(
    stage: Stage, first: subprocess.Popen[bytes]
) -> None:
    stage.serving(2)
    by_memory = {"min_replicas": 2, "max_replicas": 3, "target_utilization": {"metric": "memory", "target": "1Mi"}}
    policy = ReplicaPolicy.model_validate(by_memory)
    spec = read_spec(EXAMPLE)
    section = spec.service.model_copy(update={"replica_policy": policy})
    update("main", spec.model_copy(update={"service": section}), "ada", clock=CLOCK)
    routes = stage.serving(3)["routes"]
    first.terminate()
    assert first.wait(PATIENCE_SECONDS) == Exit.STOPPED
    assert all(predict(url).startswith("de") for url in routes)


def test_wrong_settings_end_the_start_naming_the_variable(stage: Stage) -> None:
    assert stage.start(STALE_SECONDS="9").wait(PATIENCE_SECONDS) == Exit.BAD_SETTINGS
    assert "STALE_SECONDS" in stage.log.read_text()
