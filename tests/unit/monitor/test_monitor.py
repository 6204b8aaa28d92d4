"""What a monitor does with what it finds, and when: nothing keeps another from being done."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.health.events import BusEntry, HealthEvent
from paramedic.health.transitions import DetailType, Notice
from paramedic_cli.monitor.handing_on import HandedOn
from paramedic_cli.monitor.jobs import Jobs
from paramedic_cli.monitor.ticking import MINUTE, seconds_until, tick_after
from tests.fakes.recovery_world import failure

NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)


def entry(detail_type: DetailType, event_id: str, notice: Notice | None = None) -> BusEntry:
    event = HealthEvent.model_validate(failure(NOW, "dead").model_dump())
    cures = detail_type is DetailType.CONTROLLER_FAILED
    return BusEntry(detail_type, event.model_copy(update={"event_id": event_id, "notice": notice, "cures": cures}))


FAILED = entry(DetailType.CONTROLLER_FAILED, "failed")
NOTICED = entry(DetailType.TARGET_DOWN, "noticed", Notice.OPEN)
UNNOTICED = entry(DetailType.TARGET_DOWN, "unnoticed")


def test_a_failed_controller_goes_to_recovery_a_notice_to_people_and_what_is_neither_to_nobody() -> None:
    recovered: list[HealthEvent] = []
    told: list[tuple[str, str]] = []

    def page(subject: str, text: str) -> bool:
        told.append((subject, text))
        return True

    handed_on = HandedOn(page, recovered.append)
    assert handed_on.publish([FAILED, NOTICED, UNNOTICED]) == {"failed", "noticed", "unnoticed"}
    assert [each.event_id for each in recovered] == ["failed"]
    assert told == [("Target Down", "found bad")]


def test_a_notice_that_reaches_nobody_is_not_called_sent() -> None:
    handed_on = HandedOn(lambda subject, text: False, lambda event: None)
    assert handed_on.publish([NOTICED, UNNOTICED]) == {"unnoticed"}


@pytest.fixture
def gate() -> Event:
    return Event()


def blocked(gate: Event, done: list[str], name: str) -> Callable[[], None]:
    def job() -> None:
        assert gate.wait(timeout=60)
        done.append(name)

    return job


def test_what_is_under_way_is_not_begun_again_under_its_name(gate: Event) -> None:
    jobs, done = Jobs(at_once=2), list[str]()
    jobs.begin("sweep", blocked(gate, done, "first"))
    jobs.begin("sweep", blocked(gate, done, "second"))
    jobs.begin("downtime", blocked(gate, done, "other"))
    gate.set()
    jobs.wait()
    assert sorted(done) == ["first", "other"]
    jobs.begin("sweep", blocked(gate, done, "third"))
    jobs.wait()
    assert done[-1] == "third"


def test_a_job_that_fails_is_counted_and_keeps_no_other_from_being_done(gate: Event) -> None:
    jobs, done = Jobs(at_once=1), list[str]()
    gate.set()

    def fails() -> None:
        raise ZeroDivisionError

    jobs.begin("downtime", fails)
    jobs.begin("sweep", blocked(gate, done, "sweep"))
    jobs.wait()
    assert (done, jobs.failed) == (["sweep"], 1)


def test_what_a_job_begins_is_waited_for_as_well(gate: Event) -> None:
    jobs, done = Jobs(at_once=1), list[str]()
    gate.set()
    jobs.begin("check", lambda: jobs.begin("recovery", blocked(gate, done, "recovery")))
    jobs.wait()
    assert done == ["recovery"]


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(last=moments, now=moments)
def test_the_next_tick_is_never_a_minute_from_now_or_more(last: datetime, now: datetime) -> None:
    assert abs(tick_after(last, now) - now) < MINUTE


@given(last=moments, late=st.floats(0, 59.9))
def test_ticks_keep_their_second_whatever_a_pass_took(last: datetime, late: float) -> None:
    assert tick_after(last, last + timedelta(seconds=60 + late)) == last + MINUTE


@given(due=moments, now=moments, most=st.floats(0.1, 60))
def test_nobody_waits_longer_than_to_the_next_beat(due: datetime, now: datetime, most: float) -> None:
    assert 0 <= seconds_until(due, now, most) <= most
