"""How soon an Envoy that ended has its successor: at once, unless it ends again and again."""

from hypothesis import given
from hypothesis import strategies as st

from paramedic.launchers.process.procfs import TICKS_PER_SECOND
from paramedic_gateway.proxy.process import EnvoyIdentity
from paramedic_gateway.proxy.restarts import LONGEST_WAIT_SECONDS, STABLE_SECONDS, Restarts

QUICK = 0.5


def waits(*lives: float) -> list[float]:
    restarts = Restarts()
    return [restarts.wait_after(lived) for lived in lives]


def test_two_ends_in_quick_succession_are_not_waited_with_and_further_ones_longer_each_time() -> None:
    assert waits(*[QUICK] * 8) == [0, 0, 1, 2, 4, 8, 10, 10]


def test_an_envoy_that_ran_for_a_while_is_started_again_at_once_whatever_came_before() -> None:
    assert waits(QUICK, QUICK, QUICK, STABLE_SECONDS, QUICK, QUICK, QUICK) == [0, 0, 1, 0, 0, 0, 1]


@given(st.lists(st.floats(0, 1e9), max_size=2000))
def test_nobody_ever_waits_for_long(lives: list[float]) -> None:
    assert all(0 <= wait <= LONGEST_WAIT_SECONDS for wait in waits(*lives))


def test_an_envoy_is_as_old_as_its_process_whoever_watches_it() -> None:
    identity = EnvoyIdentity(pid=7, start_time=100 * TICKS_PER_SECOND, boot_id="b", started_with="s")
    assert identity.age(since_boot=130.5) == 30.5
