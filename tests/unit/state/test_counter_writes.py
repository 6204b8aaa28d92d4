"""Reports name the counters that were written: whoever goes by them never misses one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.state.traffic import Moved
from paramedic.state.traffic_report import REMEMBERED_REPORTS, CounterWrites

SERVICES = ("a", "b", "c")
FLUSHES = st.lists(
    st.tuples(
        st.sets(st.sampled_from(SERVICES)),
        st.sampled_from(["reported", "not reported", "restarted before the report"]),
        st.booleans(),
    ),
    max_size=30,
)


@settings(max_examples=200)
@given(FLUSHES)
def test_a_counter_that_was_written_since_it_was_read_is_always_read_again(
    flushes: list[tuple[set[str], str, bool]],
) -> None:
    sequence, writes = 0, CounterWrites(0)
    stored, read, read_after = dict.fromkeys(SERVICES, 0), dict.fromkeys(SERVICES, 0), -1
    for moved_services, end, is_looked_at in flushes:
        sequence += 1
        for service in moved_services:
            writes.note(service, sequence)
            stored[service] = sequence
        if end == "restarted before the report":
            writes = CounterWrites(sequence)
        if end != "reported" or not is_looked_at:
            continue
        report = writes.moved(sequence)
        read.update({name: stored[name] for name in SERVICES if report.may_differ(name, read_after)})
        read_after = sequence
        assert read == stored


def test_a_counter_at_rest_is_not_read_again() -> None:
    writes = CounterWrites(0)
    writes.note("busy", 1)
    assert [writes.moved(1).may_differ(name, 0) for name in ("busy", "idle")] == [True, False]
    assert not writes.moved(2).may_differ("busy", 1)


def test_a_report_names_only_what_was_written_lately() -> None:
    writes = CounterWrites(0)
    writes.note("busy", 1)
    last = 1 + REMEMBERED_REPORTS
    assert writes.moved(last) == Moved(since=1)
    assert writes.moved(last).may_differ("busy", 0)
