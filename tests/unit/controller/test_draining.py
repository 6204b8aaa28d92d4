"""A leaving replica has finished only when every gateway replica there is has said so since."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.traffic import draining_key
from paramedic_controller.actions import OpenStop
from paramedic_controller.draining import DrainReport, drained
from paramedic_controller.evolve import evolve
from paramedic_controller.model import ServiceState
from tests.unit.controller.states import MOMENT, NOW, operation, replica, state

STOPPED_AT = NOW.timestamp()
KEY = draining_key("u", 2)


def leaving() -> ServiceState:
    """Replica 2 was routed to and is to be stopped since `STOPPED_AT`."""
    return evolve(state(replica(1), replica(2)), [OpenStop(2, "s", "why", failed=False)], MOMENT)


def report(after: float, requests: dict[str, int]) -> DrainReport:
    return DrainReport((NOW + timedelta(seconds=after)).timestamp(), requests)


@given(
    st.lists(
        st.tuples(st.sampled_from((-3600, -61, -1, 0, 1, 3600)), st.sampled_from(({}, {KEY: 0}, {KEY: 1}, {"u#1": 0})))
    )
)
def test_it_takes_the_word_of_every_gateway_replica_given_since_the_stop_was_intended(
    words: list[tuple[float, dict[str, int]]],
) -> None:
    finished = drained(leaving(), [report(after, requests) for after, requests in words])
    assert (finished == {2}) == all(after >= 0 and requests == {KEY: 0} for after, requests in words)


def test_what_was_said_before_counts_for_nothing_even_by_a_gateway_that_is_not_silent() -> None:
    assert drained(leaving(), [report(-1, {KEY: 0})]) == set()


def test_who_was_never_routed_to_has_nothing_to_finish() -> None:
    stop = operation("s", OperationKind.STOP, 3)
    new = state(replica(1), replica(3, ReplicaStatus.STOPPING), operations=(stop,))
    assert drained(new, [report(-1, {})]) == {3}
    assert drained(replace(new, balancer=None), [report(-1, {})]) == {3}
