"""Who has the last word about whether a service runs: a person before a plan, whatever order things come in."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from paramedic.downtime.decisions import GRACE, DesiredNow, Step, Watch, after_downtime, next_step
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.services import DOWN, PAUSED, RUNNING, PausedBy

NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
HOURS = st.integers(-30, 0).map(lambda hours: NOW + timedelta(hours=hours))
PERIODS = st.lists(HOURS.map(lambda since: PlannedPeriod(since=since, until=NOW + timedelta(hours=1), reason="")))
DESIRED = st.builds(
    DesiredNow,
    state=st.sampled_from([RUNNING, PAUSED, DOWN]),
    paused_by=st.sampled_from([None, *PausedBy]),
    resumed_at=st.none() | HOURS,
)


def done(desired: DesiredNow, step: Step) -> DesiredNow:
    """The desired state once `step` is written."""
    match step:
        case Step.PAUSE:
            return desired.model_copy(update={"state": PAUSED, "paused_by": PausedBy.DOWNTIME})
        case Step.RESUME:
            return desired.model_copy(update={"state": RUNNING, "paused_by": None})
        case Step.NOTHING:
            return desired


@given(DESIRED, PERIODS)
def test_one_step_is_always_enough(desired: DesiredNow, periods: list[PlannedPeriod]) -> None:
    assert next_step(done(desired, next_step(desired, periods)), periods) is Step.NOTHING


@given(DESIRED, PERIODS)
def test_what_a_person_paused_or_took_down_is_never_touched(desired: DesiredNow, periods: list[PlannedPeriod]) -> None:
    for state, by in ((PAUSED, PausedBy.PERSON), (DOWN, desired.paused_by)):
        assert next_step(desired.model_copy(update={"state": state, "paused_by": by}), periods) is Step.NOTHING


@given(DESIRED, PERIODS)
def test_a_resume_is_never_undone_by_a_downtime_that_had_begun(
    desired: DesiredNow, periods: list[PlannedPeriod]
) -> None:
    resumed = desired.model_copy(update={"state": RUNNING, "resumed_at": NOW})
    assert next_step(resumed, periods) is Step.NOTHING


@given(DESIRED)
def test_nothing_is_paused_outside_a_downtime_and_nothing_stays_so_because_of_one(desired: DesiredNow) -> None:
    by_downtime = desired.state == PAUSED and desired.paused_by == PausedBy.DOWNTIME
    assert next_step(desired, []) is (Step.RESUME if by_downtime else Step.NOTHING)


@given(st.sampled_from([PAUSED, DOWN]), st.booleans(), st.integers(0, 100))
def test_nobody_is_told_of_what_is_not_meant_to_run(state: str, serving: bool, minutes: int) -> None:
    now = NOW + timedelta(minutes=minutes)
    assert after_downtime(DesiredNow(state=state), serving, NOW, now) is Watch.END


def test_a_service_has_ten_minutes_to_be_ready() -> None:
    running, almost = DesiredNow(state=RUNNING), NOW + GRACE - timedelta(microseconds=1)
    assert after_downtime(running, False, NOW, almost) is Watch.WAIT
    assert after_downtime(running, False, NOW, NOW + timedelta(minutes=10)) is Watch.TELL
    assert after_downtime(running, True, NOW, NOW + timedelta(minutes=10)) is Watch.END
