"""However replicas of several kinds come and go, there are enough for the rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.autoscaling.capacity import carried_over, replicas_for

L4, A100 = 2.5, 8.0


@pytest.mark.parametrize(
    ("rate", "capacity", "running", "wanted"),
    [
        (20, L4, [], 8),
        (20, A100, [], 3),
        (20, L4, [L4] * 8, 8),
        (0, L4, [A100, L4], 0),
        (20, A100, [L4] * 8, 8),
        (20, A100, [L4] * 7 + [A100], 6),
        (20, A100, [L4] * 6 + [A100] * 2, 4),
        (20, A100, [L4] * 5 + [A100] * 3, 3),
        (25, A100, [L4] * 4, 6),
        (20, L4, [A100] * 3, 8),
        (0.3, 0.1, [0.1] * 3, 3),
        (1e9, L4, [A100], 50),
    ],
)
def test_as_many_as_any_way_of_going_on_needs(rate: float, capacity: float, running: list[float], wanted: int) -> None:
    assert replicas_for(rate, capacity, running, maximum=50) == wanted


@pytest.mark.parametrize(
    ("target", "capacity", "running", "carried"),
    [(3, L4, [A100] * 3, 10), (8, A100, [L4] * 8, 8), (3, L4, [L4] * 3, 3), (1, L4, [A100] * 3, 4), (0, L4, [], 0)],
)
def test_less_capable_ones_take_over_in_numbers_that_can(
    target: int, capacity: float, running: list[float], carried: int
) -> None:
    assert carried_over(target, capacity, running, maximum=50) == carried


capacities = st.sampled_from([0.1, 1.0, 2.5, 8.0])


@given(st.integers(0, 12_000).map(lambda requests: requests / 60), capacities, st.lists(capacities, max_size=20))
def test_the_kind_to_come_alone_serves_the_rate_and_so_does_the_best_of_what_runs(
    rate: float, capacity: float, running: list[float]
) -> None:
    wanted = replicas_for(rate, capacity, running, maximum=5000)
    assert wanted * capacity >= rate * (1 - 1e-6)
    best = sorted(running, reverse=True)[:wanted]
    assert sum(best) + (wanted - len(best)) * capacity >= rate * (1 - 1e-6)
