"""Who must be gone before a successor starts, and by which receipt its launcher knows it."""

from paramedic.launchers.interface import launch_key
from paramedic.recovery.predecessors import predecessors_of
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Predecessor, Recovery, Step, Story
from tests.fakes.memory_dynamodb import MemoryDynamoDB

TARGET = "controller:main"


def receipt(launcher: str, key: str) -> Receipt:
    return Receipt(launcher=launcher, workload=TARGET, key=key, epoch=2, identity={"id": launcher})


def claimed_by(claimant: Receipt | None) -> ControllerEpoch:
    return ControllerEpoch("main", EPOCH, epoch=2, claimed_by="process-2", claimant=claimant)


def recovery(launched: Receipt | None) -> Recovery:
    story = Story(
        actor="health_check", reason="r", manual=False, diagnosis="dead", evidence="refused", launched=launched
    )
    return Recovery(TARGET, 2, step=Step.DONE, profile="in-ecs", story=story)


def test_a_claimant_is_stopped_by_the_receipt_that_its_launcher_gave() -> None:
    task = receipt("ecs", launch_key(TARGET, 2))
    found = predecessors_of(claimed_by(receipt("process", launch_key(TARGET, 2))), recovery(task))
    assert found == (Predecessor(epoch=2, receipt=task, profile="in-ecs"),)


def test_a_claimant_that_was_launched_by_somebody_else_stands_for_itself() -> None:
    by_hand = receipt("process", "manual/process-2")
    for previous in (recovery(receipt("ecs", launch_key(TARGET, 2))), recovery(None), None):
        assert predecessors_of(claimed_by(by_hand), previous) == (Predecessor(epoch=2, receipt=by_hand),)


def test_a_claimant_of_which_nothing_is_recorded_is_confirmed_by_no_other_receipt() -> None:
    assert predecessors_of(claimed_by(None), recovery(receipt("ecs", launch_key(TARGET, 2)))) == (Predecessor(epoch=2),)


def test_an_unclaimed_launch_is_looked_for_where_it_was_launched() -> None:
    unclaimed = ControllerEpoch("main", EPOCH, epoch=2)
    assert predecessors_of(unclaimed, recovery(None)) == (
        Predecessor(epoch=2, launch_key=launch_key(TARGET, 2), profile="in-ecs"),
    )


def test_what_two_stacks_launch_for_targets_called_alike_has_two_keys() -> None:
    # They may well launch in one account, cluster or namespace, where a key is a client token or a label.
    database, keys = MemoryDynamoDB(), []
    for prefix in ("prod-", "staging-"):
        with database.bound(prefix):
            keys.append(launch_key(TARGET, 2))
    assert keys == ["prod-controller:main/2", "staging-controller:main/2"]
