"""The autoscaler's row takes the same room whatever was counted, and says exactly what was counted."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from paramedic.autoscaling.tick import ScalingPolicy, initial_state, tick, window_at
from paramedic.autoscaling.traffic import CounterReading, Coverage, merge
from paramedic.state.autoscalers import AutoscalerState, Window
from paramedic.state.packed_seconds import MAX_COUNT, Known, pack_seconds, unpack_seconds
from paramedic.state.ring import RING_SECONDS, pack_ring, unpack_ring

START = 1_700_000_000
POLICY = ScalingPolicy(minimum=1, maximum=4, target_qps=2.0, upscale_ticks=3, downscale_ticks=4, interval=5)


def after_two_minutes(rate: int) -> AutoscalerState:
    """By way of a gateway's ring, as it is stored."""
    state = initial_state(POLICY, 1, START)
    for now in range(START + 5, START + 125, 5):
        ring = unpack_ring(pack_ring([rate] * RING_SECONDS))
        served = CounterReading(
            replica="0", incarnation="a", total=rate * (now - START + RING_SECONDS), ring=ring, ring_end=now
        )
        covers = Coverage(replica="0", incarnation="a", covers_from=START - RING_SECONDS, covers_until=now)
        state, _ = tick(POLICY, state, merge(state.cursors, [covers], [served], seconds=window_at(now), now=now), now)
    return state


def test_the_row_has_the_same_size_at_every_rate_and_the_window_is_exact_to_the_second() -> None:
    sizes = set()
    for rate in (10, 10_000, 1_000_000):
        state = after_two_minutes(rate)
        text = state.model_dump_json()
        sizes.add(len(text))
        assert AutoscalerState.model_validate_json(text) == state
        assert state.window.counts == (rate,) * 60
        assert state.cursors == {"0#a": rate * (120 + RING_SECONDS)}
    assert len(sizes) == 1


windows = st.builds(
    lambda start, seconds, counted, unknown: Window(
        start=start,
        counts=tuple(count for count, _ in seconds),
        incomplete=tuple(
            second for second, (count, partial) in enumerate(seconds, start) if partial and count is not None
        ),
        counted_until=counted,
        unknown_before=unknown,
    ),
    st.integers(0, 2**40),
    st.lists(st.tuples(st.none() | st.integers(0, MAX_COUNT), st.booleans()), max_size=60),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
)


@given(windows)
def test_every_window_is_read_as_it_was_written(window: Window) -> None:
    assert Window.model_validate_json(window.model_dump_json()) == window


def test_a_second_with_more_requests_than_can_be_written_is_written_as_the_most() -> None:
    assert unpack_seconds(pack_seconds([(MAX_COUNT + 1, Known.ALL)])) == [(MAX_COUNT, Known.ALL)]


OF_AN_EARLIER_RELEASE = """{"version": 3, "target": 2, "overprovision": 0, "upscale_count": 1, "downscale_count": 0,
"window": {"start": 100, "counts": [1, null, 3], "incomplete": [102], "counted_until": 103, "unknown_before": 7},
"cursors": {"0#a": 12}, "last_tick": 103}"""


def test_what_an_earlier_release_wrote_is_read() -> None:
    state = AutoscalerState.model_validate_json(OF_AN_EARLIER_RELEASE)
    window = Window(start=100, counts=(1, None, 3), incomplete=(102,), counted_until=103, unknown_before=7)
    assert (state.window, state.cursors, state.upscale_count) == (window, {"0#a": 12}, 1)


@pytest.mark.parametrize(
    "malformed",
    [{"packed": "!"}, {"packed": "AAAA"}, {"packed": base64.b64encode(b"\0\0\0\0\7").decode()}, {"start": None}],
)
def test_a_malformed_window_is_refused(malformed: dict[str, object]) -> None:
    written = Window(start=1, counts=(1,)).model_dump(mode="json")
    with pytest.raises(ValidationError):
        Window.model_validate({**written, **malformed})


def test_an_earlier_release_takes_no_second_for_one_without_requests() -> None:
    written = after_two_minutes(10).window.model_dump(mode="json")
    assert "counts" not in written
    assert written["unknown_before"] == START + 120
