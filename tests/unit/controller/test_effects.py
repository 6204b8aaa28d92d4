"""Launcher calls: one effect per operation, whatever is lost on the way, and none without a lease."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from paramedic.launchers.interface import Launch, LauncherError
from paramedic.services.secrets import SecretSource
from paramedic.state.fencing import FencedError
from paramedic.state.operations import OperationKind
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import ReplicaStatus
from paramedic_controller.actions import Launched, LaunchFailed, Stopped
from paramedic_controller.effects import RETRY_AFTER_SECONDS, Actor, Effects, Pace, ReadSecrets, Unknown
from paramedic_controller.model import OpenOperation, ServiceState
from paramedic_controller.secrets import SecretError
from tests.fakes.clock import FakeClock
from tests.fakes.controller_world import InlineExecutor
from tests.fakes.launcher import FakeLauncher
from tests.fakes.waiting import eventually
from tests.unit.controller.states import operation, replica, state

ACTOR = Actor("main", epoch=2, stop_grace_seconds=0.0, log_dir=Path("/var/log"))
PACE = Pace(at_once=8, per_second=50)
LAUNCH = operation("o", OperationKind.LAUNCH, 1)
STOP = operation("s", OperationKind.STOP, 1)
LAUNCHING = state(replica(1, ReplicaStatus.LAUNCHING), operations=(LAUNCH,))
STOPPING = state(replica(1, ReplicaStatus.STOPPING), operations=(STOP,))

STOPPING_NOTHING = state(replica(1, ReplicaStatus.LAUNCHING), operations=(STOP,))


def always() -> bool:
    return True


def no_secrets(_: Mapping[str, SecretSource]) -> Mapping[str, str]:
    return {}


def missing_secret(_: Mapping[str, SecretSource]) -> Mapping[str, str]:
    raise SecretError("secret TOKEN cannot be had")


def make(launcher: FakeLauncher, clock: FakeClock | None = None, read_secrets: ReadSecrets = no_secrets) -> Effects:
    return Effects(
        launcher,
        ACTOR,
        pace=PACE,
        read_secrets=read_secrets,
        executor=InlineExecutor(),
        clock=clock or FakeClock(),
        on_done=lambda: None,
    )


def outcome(
    launcher: FakeLauncher,
    service: ServiceState,
    lease: Callable[[], bool] = always,
    read_secrets: ReadSecrets = no_secrets,
) -> object:
    effects = make(launcher, read_secrets=read_secrets)
    effects.start(service, service.operations[0], lease)
    (found,) = effects.finished(service)
    return found


def test_a_launch_carries_the_operation_as_its_key_and_tells_the_replica_who_it_is() -> None:
    launcher = FakeLauncher()
    found = outcome(launcher, LAUNCHING)
    assert isinstance(found, Launched)
    request = launcher.started["o"].request
    assert (request.workload, request.scope, request.epoch) == ("replica:u/1", "controller:main", 2)
    assert request.command == ("/bin/sh", "-c", "serve")
    assert request.environment == {
        "PARAMEDIC_REPLICA_HOST": "127.0.0.1",
        "PARAMEDIC_REPLICA_PORT": "4001",
        "PARAMEDIC_REPLICA_ID": "1",
        "PARAMEDIC_SERVICE": "echo",
    }


def test_secrets_go_into_the_replicas_environment_and_are_shown_nowhere() -> None:
    launcher = FakeLauncher()
    found = outcome(launcher, LAUNCHING, read_secrets=lambda _: {"TOKEN": "s3cret"})
    assert isinstance(found, Launched)
    request = launcher.started["o"].request
    assert request.environment["TOKEN"] == "s3cret"
    assert "s3cret" not in repr(request)
    assert "s3cret" not in str(found)


def test_nothing_is_launched_without_its_secrets() -> None:
    launcher = FakeLauncher()
    assert outcome(launcher, LAUNCHING, read_secrets=missing_secret) == LaunchFailed("o", "secret TOKEN cannot be had")
    assert launcher.started == {}


def test_a_launch_that_was_made_before_its_secret_went_missing_was_made() -> None:
    launcher = FakeLauncher()
    first = outcome(launcher, LAUNCHING)
    assert outcome(launcher, LAUNCHING, read_secrets=missing_secret) == first


def test_a_stop_needs_no_secrets() -> None:
    bare = state(replica(1, ReplicaStatus.LAUNCHING), operations=(STOP,))
    assert isinstance(outcome(FakeLauncher(), bare, read_secrets=missing_secret), Stopped)


def test_a_lease_that_runs_out_while_secrets_are_read_launches_nothing() -> None:
    launcher, held = FakeLauncher(), [True]

    def slow(_: Mapping[str, SecretSource]) -> Mapping[str, str]:
        held.clear()
        return {}

    assert isinstance(outcome(launcher, LAUNCHING, lambda: bool(held), slow), Unknown)
    assert launcher.started == {}


def test_the_same_launch_again_gives_the_first_receipt() -> None:
    launcher = FakeLauncher()
    assert outcome(launcher, LAUNCHING) == outcome(launcher, LAUNCHING)
    assert len(launcher.started) == 1


def test_a_launch_whose_process_has_ended_since_is_closed_as_failed() -> None:
    launcher = FakeLauncher()
    outcome(launcher, LAUNCHING)
    launcher.started["o"].alive = False
    found = outcome(launcher, LAUNCHING)
    assert isinstance(found, LaunchFailed)
    assert "was used" in found.detail


def test_a_refused_launch_that_started_nothing_has_failed() -> None:
    launcher = FakeLauncher(refuses="no such directory")
    assert outcome(launcher, LAUNCHING) == LaunchFailed("o", "no such directory")


def test_a_launch_that_reports_an_error_after_it_started_something_was_made() -> None:
    class Forgetful(FakeLauncher):
        def launch(self, request: Launch) -> Receipt:
            super().launch(request)
            raise LauncherError("disk full")

    assert isinstance(outcome(Forgetful(), LAUNCHING), Launched)


def test_a_launch_that_cannot_be_looked_for_stays_open_and_rests() -> None:
    class Blind(FakeLauncher):
        def find(self, workload: str, key: str) -> Receipt | None:
            raise LauncherError("file is locked")

    clock = FakeClock()
    effects = make(Blind(refuses="disk full"), clock)
    effects.start(LAUNCHING, LAUNCH, always)
    (found,) = effects.finished(LAUNCHING)
    assert isinstance(found, Unknown)
    assert effects.busy(LAUNCHING) == {"o"}
    clock.advance(RETRY_AFTER_SECONDS)
    assert effects.busy(LAUNCHING) == frozenset()


def test_a_stop_ends_exactly_what_the_receipt_names() -> None:
    launcher = FakeLauncher()
    launched = outcome(launcher, LAUNCHING)
    assert isinstance(launched, Launched)
    service = state(replace(replica(1, ReplicaStatus.STOPPING), receipt=launched.receipt), operations=(STOP,))
    assert outcome(launcher, service) == Stopped("s", "ended")
    assert launcher.living() == []


def test_a_stop_nobody_can_confirm_stays_open() -> None:
    assert isinstance(outcome(FakeLauncher(unconfirmed=True), _with_scope(STOPPING)), Unknown)


def test_a_stop_of_a_replica_that_was_never_started_is_done() -> None:
    bare = replica(1, ReplicaStatus.LAUNCHING)
    assert outcome(FakeLauncher(), state(bare, operations=(STOP,))) == Stopped("s", "nothing was started")


def test_without_a_lease_nothing_is_called() -> None:
    launcher = FakeLauncher()
    assert isinstance(outcome(launcher, LAUNCHING, lambda: False), Unknown)
    assert launcher.started == {}


def test_a_host_that_has_seen_a_higher_epoch_ends_the_process() -> None:
    launcher = FakeLauncher(scopes={"controller:main": 3})
    with pytest.raises(FencedError, match="refused epoch 2"):
        outcome(launcher, LAUNCHING)


def test_a_slow_call_delays_nobody_and_wakes_the_loop_when_it_ends() -> None:
    release, done = Event(), Event()

    class Slow(FakeLauncher):
        def launch(self, request: Launch) -> Receipt:
            release.wait(10)
            return super().launch(request)

    with ThreadPoolExecutor(1) as executor:
        effects = Effects(
            Slow(), ACTOR, pace=PACE, read_secrets=no_secrets, executor=executor, clock=FakeClock(), on_done=done.set
        )
        effects.start(LAUNCHING, LAUNCH, always)
        assert effects.finished(LAUNCHING) == []
        assert effects.busy(LAUNCHING) == {"o"}
        release.set()
        assert done.wait(10)
        assert isinstance(effects.finished(LAUNCHING)[0], Launched)


def test_a_host_full_of_slow_launches_holds_up_neither_the_caller_nor_a_stop() -> None:
    release, ended = Event(), Event()

    class Slow(FakeLauncher):
        def launch(self, request: Launch) -> Receipt:
            assert release.wait(60)
            return super().launch(request)

    service = state(*(replica(each, ReplicaStatus.LAUNCHING) for each in range(25)))
    waiting = {
        f"s{number}": [operation(f"{number}/{each}", OperationKind.LAUNCH, each) for each in range(25)]
        for number in range(100)
    }
    launcher, pace = Slow(), Pace(at_once=40, per_second=10_000)
    with ThreadPoolExecutor(pace.threads) as executor:
        effects = Effects(
            launcher, ACTOR, pace=pace, read_secrets=no_secrets, executor=executor, clock=FakeClock(), on_done=ended.set
        )

        def begin(due: dict[str, list[OpenOperation]], owner: ServiceState) -> int:
            turns = [each for some in effects.turns(due).values() for each in some]
            for each in turns:
                effects.start(owner, each, always)
            return len(turns)

        assert begin(waiting, service) == 40
        assert begin(waiting, service) == 0
        assert begin({"other": [STOP]}, STOPPING_NOTHING) == 1
        assert ended.wait(60)
        assert effects.finished(STOPPING_NOTHING) == [Stopped("s", "nothing was started")]
        release.set()
        eventually(lambda: len(launcher.started) == 40, "all that had begun")


def _with_scope(service: ServiceState) -> ServiceState:
    (only,) = service.replicas
    assert only.receipt is not None
    receipt = only.receipt.model_copy(update={"identity": {"scope": "controller:main"}})
    return replace(service, replicas=(replace(only, receipt=receipt),))
