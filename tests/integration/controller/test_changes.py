"""Changes to services hold whether or not the controller lives, and replace no replica that is as good as new."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from paramedic.services import changes
from paramedic.services.changes import (
    CannotChangeError,
    Changed,
    restart,
    scale,
    update,
)
from paramedic.services.desired import ServiceChangedError, ServiceGoingDownError, ServiceMissingError
from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.progress import Outcome, read_progress
from paramedic.services.spec import LoadBalancingPolicy, ServiceSpec
from paramedic.services.verbs import down
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.services import KEPT_VERSIONS, DesiredService, ServiceSpecRow, desired_item, spec_item
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from tests.fakes.controller_world import ControllerWorld, Life, make_spec
from tests.fakes.dynamodb_faults import faults, reply_lost, silent

pytestmark = pytest.mark.integration


def running(spec: ServiceSpec, command: str) -> ServiceSpec:
    return spec.model_copy(update={"run": command})


def outcome(changed: Changed) -> Outcome:
    return read_progress("main", "echo", changed.uid, changed.revision).outcome


def ready_versions(world: ControllerWorld) -> list[int]:
    return [each.version for each in world.stored().replicas if each.status is ReplicaStatus.READY]


@pytest.fixture
def life(world: ControllerWorld) -> Life:
    """A controller that serves two replicas of `echo`."""
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    return life


def test_an_update_made_while_no_controller_lives_is_done_by_the_next_one(world: ControllerWorld, life: Life) -> None:
    changed = update("main", running(make_spec(min_replicas=2), "serve --new"), "grace", clock=world.clock)
    assert outcome(changed) is Outcome.PENDING
    world.start().settle()
    assert outcome(changed) is Outcome.DONE
    assert ready_versions(world) == [2, 2]
    commands = {each.request.command[-1] for each in world.launcher.living()}
    assert commands == {"serve --new"}


def test_the_two_replicas_of_a_rolling_update_are_replaced_one_after_the_other(
    world: ControllerWorld, life: Life
) -> None:
    update("main", running(make_spec(min_replicas=2), "serve --new"), "grace", clock=world.clock)
    for _ in range(30):
        life.run_pass()
        assert len(ready_versions(world)) >= 2
        world.clock.advance(1.0)
    assert ready_versions(world) == [2, 2]


def test_other_numbers_replace_no_replica(world: ControllerWorld, life: Life) -> None:
    before = set(world.launcher.started)
    changed = scale("main", "echo", lambda policy: policy.with_bounds(3, None), "grace", clock=world.clock)
    life.settle()
    assert outcome(changed) is Outcome.DONE
    assert ready_versions(world) == [1, 1, 2]
    assert len(world.launcher.started) == len(before) + 1


def test_an_update_of_what_is_no_matter_to_replicas_replaces_none(world: ControllerWorld, life: Life) -> None:
    spec = make_spec(min_replicas=2)
    section = spec.service.model_copy(update={"load_balancing_policy": LoadBalancingPolicy.ROUND_ROBIN})
    before = set(world.launcher.started)
    update("main", spec.model_copy(update={"service": section}), "grace", clock=world.clock)
    life.settle()
    balancer = world.stored().balancer
    assert balancer is not None
    assert balancer.policy == "round_robin"
    assert set(world.launcher.started) == before


def test_a_restart_replaces_every_replica_though_nothing_changed(world: ControllerWorld, life: Life) -> None:
    changed = restart("main", "echo", "grace", clock=world.clock)
    life.settle()
    assert outcome(changed) is Outcome.DONE
    assert ready_versions(world) == [2, 2]


def test_going_back_during_an_update_keeps_the_replicas_that_still_serve(world: ControllerWorld, life: Life) -> None:
    spec = make_spec(min_replicas=2)
    update("main", running(spec, "serve --bad"), "grace", clock=world.clock)
    for _ in range(2):
        life.run_pass()
    assert ready_versions(world) == [1, 2]
    back = update("main", spec, "grace", clock=world.clock)
    life.settle()
    assert outcome(back) is Outcome.DONE
    # One was replaced before the user thought better of it; its successor runs the same under the newer number.
    assert ready_versions(world) == [1, 3]
    assert {each.request.command[-1] for each in world.launcher.living()} == {"serve"}


def test_of_two_changes_at_once_one_is_made_and_the_other_names_whose_it_was(
    world: ControllerWorld, life: Life
) -> None:
    def attempt(actor: str) -> str:
        try:
            restart("main", "echo", actor, clock=world.clock)
        except ServiceChangedError as error:
            return str(error)
        return actor

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(attempt, [f"person-{number}" for number in range(8)]))
    made = [each for each in results if each.startswith("person-")]
    desired = DesiredService.read("main", desired_item("echo"))
    assert desired is not None
    assert int(desired.revision) == 1 + len(made)
    assert desired.changed_by in made
    assert all("by person-" in each for each in results if each not in made)


def test_a_superseded_change_says_by_whom(world: ControllerWorld, life: Life) -> None:
    first = restart("main", "echo", "ada", clock=world.clock)
    restart("main", "echo", "grace", clock=world.clock)
    progress = read_progress("main", "echo", first.uid, first.revision)
    assert progress.outcome is Outcome.SUPERSEDED
    assert "grace" in progress.detail


def test_a_change_whose_answer_was_lost_is_made_once(world: ControllerWorld, life: Life) -> None:
    with faults("TransactWriteItems", reply_lost):
        changed = restart("main", "echo", "ada", clock=world.clock)
    assert changed.revision == 2
    desired = DesiredService.read("main", desired_item("echo"))
    assert desired is not None
    assert int(desired.revision) == 2


def test_a_change_that_nobody_answers_is_not_called_made(world: ControllerWorld, life: Life) -> None:
    with faults("TransactWriteItems", *[silent] * 100), pytest.raises(StateUnreachableError):
        restart("main", "echo", "ada", clock=world.clock)


def test_only_the_last_versions_are_kept(world: ControllerWorld, life: Life) -> None:
    for _ in range(KEPT_VERSIONS + 2):
        restart("main", "echo", "ada", clock=world.clock)
    life.settle()
    kept = [version for version in range(1, 14) if ServiceSpecRow.read("main", spec_item("echo", version))]
    assert kept == list(range(4, 14))
    assert ready_versions(world) == [13, 13]
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    assert not ServiceSpecRow.read("main", spec_item("echo", 13))


def test_a_service_that_goes_down_or_is_not_there_cannot_be_changed(world: ControllerWorld, life: Life) -> None:
    down("main", "echo", "ada", clock=world.clock)
    with pytest.raises(ServiceGoingDownError, match="by ada"):
        restart("main", "echo", "grace", clock=world.clock)
    with pytest.raises(ServiceMissingError, match="no service 'nosuch'"):
        changes.restart("main", "nosuch", "grace", clock=world.clock)


def test_gateway_and_port_stay_what_they_are(world: ControllerWorld, life: Life) -> None:
    with pytest.raises(CannotChangeError, match=r"service\.gateway: 'echo' belongs to gateway 'default'"):
        update("main", make_spec(gateway="other"), "grace", clock=world.clock)
    spec = make_spec()
    section = spec.service.model_copy(update={"ports": 9})
    with pytest.raises(CannotChangeError, match=r"service\.ports: 'echo' has port"):
        update("main", spec.model_copy(update={"service": section}), "grace", clock=world.clock)


def test_numbers_that_contradict_each_other_are_refused_before_anything_is_written(
    world: ControllerWorld, life: Life
) -> None:
    with pytest.raises(InvalidSpecError, match=r"service\.replica_policy"):
        scale("main", "echo", lambda policy: policy.with_bounds(2, 1), "grace", clock=world.clock)
    desired = DesiredService.read("main", desired_item("echo"))
    assert desired is not None
    assert int(desired.revision) == 1


def test_a_version_that_does_not_start_is_reported_as_failed_while_the_old_one_serves(
    world: ControllerWorld, life: Life
) -> None:
    changed = update("main", running(make_spec(min_replicas=2), "serve --bad"), "grace", clock=world.clock)
    world.launcher.refuses = "no such image"
    while outcome(changed) is Outcome.PENDING:
        life.run_pass()
        world.clock.advance(1.0)
    progress = read_progress("main", "echo", changed.uid, changed.revision)
    assert progress.outcome is Outcome.FAILED
    assert "no such image; failed 5 times in a row, next launch after" in progress.detail
    assert ready_versions(world) == [1, 1]


def test_a_successor_waits_on_where_its_predecessor_did(world: ControllerWorld, life: Life) -> None:
    update("main", running(make_spec(min_replicas=2), "serve --bad"), "grace", clock=world.clock)
    world.launcher.refuses = "no such image"
    for _ in range(25):
        life.run_pass()
        world.clock.advance(1.0)
    attempts: list[str] = []
    successor = world.start(attempts.append)
    observed = world.stored().observed
    assert observed is not None
    assert observed.retry_at is not None
    successor.run_pass()
    assert "before launch" not in attempts
    world.clock.advance(60.0)
    successor.run_pass()
    assert "before launch" in attempts


def test_an_update_mends_a_service_whose_stored_spec_nobody_understands(world: ControllerWorld, life: Life) -> None:
    ServiceSpecRow("main", spec_item("echo", 1)).update(actions=[ServiceSpecRow.spec.set("{")])
    changed = update("main", make_spec(min_replicas=2), "grace", clock=world.clock)
    life.settle()
    assert outcome(changed) is Outcome.DONE
    assert ready_versions(world) == [2, 2]
    ServiceSpecRow("main", spec_item("echo", 2)).update(actions=[ServiceSpecRow.spec.set("{")])
    with pytest.raises(InvalidRowError, match="paramedic update"):
        restart("main", "echo", "grace", clock=world.clock)
