"""Targets that report in by themselves: what their reports, their silence and their clocks are taken for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.clock import to_iso
from paramedic.errors import InvalidInputError
from paramedic.health.checked_target import checked_target
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.push_targets import START_GRACE, AwaitedReports, PushTarget, outcome_of
from paramedic.health.ticks import AHEAD_AT_MOST
from paramedic.state.reports import Report, report
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.targets import Target, TargetKind, bucket_of
from paramedic.validation import validated
from tests.fakes.check_world import TARGET, URL_TARGET, CheckWorld, iso

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BACKUP = "push:backup"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
AWAITED = AwaitedReports(BACKUP, NOON, 5 * MINUTE)


def heard(at: datetime | None, problem: str | None = None) -> Report:
    return Report(BACKUP, reported_at=None if at is None else to_iso(at), problem=problem)


@pytest.mark.parametrize(
    ("reported", "tick", "kind"),
    [
        (NOON, NOON + 5 * MINUTE, OutcomeKind.OK),
        (NOON, NOON + 5 * MINUTE + SECOND, OutcomeKind.SILENT),
        (NOON + AHEAD_AT_MOST, NOON, OutcomeKind.OK),
        (NOON + AHEAD_AT_MOST + SECOND, NOON, OutcomeKind.FAILED),
        (NOON - timedelta(days=400), NOON, OutcomeKind.SILENT),
        (None, NOON + START_GRACE, OutcomeKind.OK),
        (None, NOON + START_GRACE + SECOND, OutcomeKind.SILENT),
        (None, NOON - AHEAD_AT_MOST - SECOND, OutcomeKind.FAILED),
    ],
)
def test_a_report_counts_for_as_long_as_its_target_may_be_silent(
    reported: datetime | None, tick: datetime, kind: OutcomeKind
) -> None:
    assert outcome_of(AWAITED, heard(reported), tick).kind is kind


def test_one_that_may_be_silent_for_long_may_be_so_before_its_first_report_too() -> None:
    weekly = AwaitedReports(BACKUP, NOON, timedelta(days=8))
    assert outcome_of(weekly, heard(None), NOON + timedelta(days=8)).kind is OutcomeKind.OK
    assert outcome_of(weekly, heard(None), NOON + timedelta(days=8) + SECOND).kind is OutcomeKind.SILENT


@given(st.integers(-(10**6), 10**6), st.integers(0, 10**6), st.sampled_from([None, "full"]))
def test_no_clock_keeps_a_silent_target_alive_and_none_is_called_well_beyond_what_clocks_differ(
    skew: int, later: int, problem: str | None
) -> None:
    reported = NOON + skew * SECOND
    tick = NOON + later * SECOND
    outcome = outcome_of(AWAITED, heard(reported, problem), tick)
    if outcome.kind is OutcomeKind.OK:
        assert -AHEAD_AT_MOST <= tick - reported <= AWAITED.silent_after
        assert later <= (AWAITED.silent_after + AHEAD_AT_MOST).total_seconds() or skew > 0


def test_a_report_that_says_what_is_wrong_is_passed_on_without_what_a_terminal_would_obey() -> None:
    outcome = outcome_of(AWAITED, heard(NOON, "disk full\x1b[2J\n" + "x" * 900), NOON)
    assert (outcome.kind, outcome.detail[:15], len(outcome.detail)) == (OutcomeKind.FAILED, "disk full [2J x", 200)


@pytest.fixture
def world(memory_tables: None) -> CheckWorld:
    world = CheckWorld()
    world.add(BACKUP, TargetKind.PUSH, url=None, silent_after_seconds=120, added_at=iso(0))
    Report(BACKUP).save()
    return world


def found(world: CheckWorld) -> str | None:
    bad = world.row(BACKUP).bad
    return None if bad is None else bad.diagnosis


def test_a_target_that_reports_costs_no_write_of_ours_and_is_not_probed(world: CheckWorld) -> None:
    world.prober.kinds[BACKUP] = OutcomeKind.REFUSED
    report(BACKUP, None, world.tick(0))
    stored = world.row(BACKUP).serialize()
    assert world.check(1).checked == 3
    assert world.row(BACKUP).serialize() == stored
    assert world.bus.entries == []


def test_silence_is_told_once_and_so_is_the_report_that_ends_it(world: CheckWorld) -> None:
    report(BACKUP, None, world.tick(0))
    for minute in range(2, 6):
        world.check(minute)
    report(BACKUP, None, world.tick(6))
    world.check(6)
    world.check(7)
    assert world.bus.types() == ["Target Down", "Target Recovered"]
    down, recovered = world.bus.details()
    assert (down["diagnosis"], down["outcome"], down["tick"], down["notice"]) == ("silent", "silent", iso(3), "open")
    assert down["detail"] == f"last reported at {iso(0)}"
    assert (recovered["notice"], found(world)) == ("close", None)


def test_what_a_target_says_of_itself_is_told_until_it_says_that_it_is_well(world: CheckWorld) -> None:
    report(BACKUP, "disk full", world.tick(1))
    world.check(1)
    report(BACKUP, None, world.tick(2))
    world.check(2)
    assert [(each["verdict"], each["detail"]) for each in world.bus.details()] == [
        ("down", "disk full"),
        ("healthy", ""),
    ]


def test_a_report_from_the_future_is_replaced_by_the_next_one(world: CheckWorld) -> None:
    report(BACKUP, None, world.tick(10**6))
    world.check(0)
    assert found(world) == "failing"
    report(BACKUP, None, world.tick(1))
    world.check(1)
    assert found(world) is None


def test_a_row_of_reports_that_is_gone_says_nothing(world: CheckWorld) -> None:
    Report(BACKUP).delete()
    assert world.check(60).unknown == 1
    assert (world.bus.entries, found(world)) == ([], None)


@pytest.mark.parametrize("written", [{"S": "noon"}, {"N": "5"}, {"S": "2026-01-05T03:00:00"}], ids=str)
def test_one_nonsensical_report_says_nothing_and_hides_no_other(world: CheckWorld, written: dict[str, Any]) -> None:
    item = {"target_id": {"S": BACKUP}, "reported_at": written}
    boto3.client("dynamodb").put_item(TableName=Report.Meta.table_name, Item=item)
    other = next(f"push:{n}" for n in range(10_000) if bucket_of(f"push:{n}") == bucket_of(BACKUP))
    world.add(other, TargetKind.PUSH, url=None, silent_after_seconds=60, added_at=iso(0))
    Report(other).save()
    summary = world.check(60)
    assert (summary.unknown, summary.down) == (1, 1)
    assert [each["target_id"] for each in world.bus.details()] == [other]


def test_reports_that_cannot_be_read_say_nothing(world: CheckWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise StateUnreachableError("no answer")

    monkeypatch.setattr("paramedic.health.push_targets.read_reports", unreachable)
    summary = world.check(60)
    assert (summary.checked, summary.unknown, summary.down) == (3, 1, 0)
    assert world.bus.entries == []


def test_a_target_that_fell_silent_and_one_that_is_probed_are_judged_in_one_check(world: CheckWorld) -> None:
    world.prober.kinds = {URL_TARGET: OutcomeKind.REFUSED, TARGET: OutcomeKind.OK}
    world.check(60)
    assert {each["target_id"]: each["diagnosis"] for each in world.bus.details()} == {
        BACKUP: "silent",
        URL_TARGET: "unreachable",
    }


@pytest.mark.parametrize(
    ("field", "value"), [("silent_after_seconds", 59), ("silent_after_seconds", None), ("added_at", "noon")]
)
def test_a_row_that_awaits_nonsense_is_refused_by_the_name_of_its_field(field: str, value: Any) -> None:
    row = PushTarget.model_validate({"name": "backup", "push": {"silent_after_seconds": 60}}).row()
    row.added_at = to_iso(NOON)
    setattr(row, field, value)
    with pytest.raises(InvalidRowError, match=rf"{BACKUP}\]\.{field}"):
        checked_target(row)


def test_what_people_write_is_refused_by_the_name_of_its_field() -> None:
    with pytest.raises(InvalidInputError, match=r"target\.push\.silent_after_seconds.*greater than or equal to 60"):
        validated(PushTarget, {"name": "backup", "push": {"silent_after_seconds": 1}}, root="target")
    with pytest.raises(InvalidInputError, match=r"target\.url.*not permitted"):
        validated(PushTarget, {"name": "b", "url": "http://b", "push": {"silent_after_seconds": 60}}, root="target")


def test_a_row_holds_no_url_that_anybody_could_be_sent_to() -> None:
    row = PushTarget.model_validate({"name": "backup", "push": {"silent_after_seconds": 60}}).row()
    assert not row.url
    assert (row.mode, Target.checked(row).kind) == ("observe", "push")


@pytest.mark.parametrize(("after", "kind"), [(5 * MINUTE, OutcomeKind.OK), (5 * MINUTE + SECOND, OutcomeKind.SILENT)])
def test_silence_counts_from_the_end_of_a_planned_downtime(after: timedelta, kind: OutcomeKind) -> None:
    back = NOON + timedelta(days=2)
    off = AwaitedReports(BACKUP, NOON, 5 * MINUTE, off_until=back)
    assert outcome_of(off, heard(NOON), back + after).kind is kind


def test_a_downtime_that_is_still_to_come_makes_no_silence_longer() -> None:
    off = AwaitedReports(BACKUP, NOON, 5 * MINUTE, off_until=NOON + timedelta(days=2))
    assert outcome_of(off, heard(NOON), NOON + 6 * MINUTE).kind is OutcomeKind.SILENT
