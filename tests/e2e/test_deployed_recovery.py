"""The deployed functions find real controllers dead or hung, and relaunch them on this host."""

import os
import signal
from collections.abc import Callable

import pytest

from paramedic.launchers.interface import RunState
from paramedic.state.controllers import ENDPOINT, EPOCH, ControllerEndpoint, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Step, open_recoveries
from paramedic_cli.host.standby import start_standby
from tests.e2e.conftest import Deployed, epoch_of, recovery_at, signal_group
from tests.fakes.targets import stored_controller_target
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def is_claimed_by(controller_id: str, receipt: Receipt) -> bool:
    row = ControllerEpoch.read(controller_id, EPOCH)
    return row is not None and row.claimant is not None and row.claimant.identity["pid"] == receipt.identity["pid"]


def all_clear_for(controller_id: str) -> Callable[[], bool | None]:
    return lambda: True if stored_controller_target(controller_id).bad is None else None


@pytest.mark.parametrize(("fleet", "stood_by"), [(1, 0), (2, 0), (3, 1)])
def test_a_small_fleet_killed_as_a_whole_is_back_as_a_whole_by_its_standbys_and_by_launches(
    deployed: Deployed, fleet: int, stood_by: int
) -> None:
    names = [f"fleet-{fleet}-{number}" for number in range(fleet)]
    receipts = {name: deployed.start_controller(name) for name in names}
    standbys = {name: start_standby(deployed.layout, name) for name in names[:stood_by]}
    ports = {name: ControllerEndpoint.read(name, ENDPOINT).port for name in names}  # type: ignore[union-attr]
    for receipt in receipts.values():
        signal_group(receipt, signal.SIGKILL)
    deployed.tick()
    for name in names:
        done = eventually(recovery_at(name, 2, Step.DONE), f"recovery of {name}")
        assert done.story.actor == "health_check"
        assert epoch_of(name) == 2
        assert (done.story.granted is not None) == (name in standbys)
        assert name not in standbys or is_claimed_by(name, standbys[name])
        assert ControllerEndpoint.read(name, ENDPOINT).port == ports[name]  # type: ignore[union-attr]
    deployed.tick()
    for name in names:
        eventually(all_clear_for(name), f"all clear for {name}")
        assert epoch_of(name) == 2


def test_a_suspended_controller_is_killed_before_its_successor_starts(deployed: Deployed) -> None:
    receipt = deployed.start_controller("suspended")
    os.kill(int(receipt.identity["pid"]), signal.SIGSTOP)

    deployed.tick()
    eventually(lambda: stored_controller_target("suspended").bad, "a first bad tick")
    assert epoch_of("suspended") == 1
    deployed.tick()
    done = eventually(recovery_at("suspended", 2, Step.DONE), "recovery of a suspended controller")
    assert deployed.launcher.describe(receipt).state is RunState.ABSENT
    assert "suspended" in done.story.evidence
    assert [entry.step for entry in done.story.entries] == ["gate", "launch", "verify", "done"]


def test_a_healthy_controller_is_left_alone_by_ticks_and_by_people(deployed: Deployed) -> None:
    deployed.start_controller("healthy")
    deployed.tick()
    answer = deployed.invoke_recovery(deployed.manual("healthy"))
    assert answer["body"]["status"] == "refused"
    assert "answers" in answer["body"]["message"]
    assert epoch_of("healthy") == 1


def test_the_raw_payload_of_events_recovers_a_dead_controller_and_counts_once(deployed: Deployed) -> None:
    signal_group(deployed.start_controller("by-hand"), signal.SIGKILL)
    payload = deployed.manual("by-hand")
    first = deployed.invoke_recovery(payload)
    assert (first["body"]["status"], first["body"]["epoch"]) == ("recovered", 2)
    assert deployed.invoke_recovery(payload) == first
    another = deployed.invoke_recovery({**payload, "action": "hold"})
    assert "event.request_id: was another request's" in another["body"]["errorMessage"]
    assert epoch_of("by-hand") == 2
    assert open_recoveries() == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"target": ""}, "event.target"),
        ({"actor": None}, "event.actor"),
        ({"surprise": 1}, "event.surprise"),
        ({"action": "explode"}, "event.action"),
        ({"target": "controller:nobody"}, "target"),
    ],
)
def test_a_malformed_request_names_the_field_and_changes_nothing(
    deployed: Deployed, changes: dict[str, object], named: str
) -> None:
    answer = deployed.invoke_recovery(deployed.manual("nobody", request_id="malformed-1", **changes))
    assert answer["failed"]
    assert named in answer["body"]["errorMessage"]
    assert open_recoveries() == []
