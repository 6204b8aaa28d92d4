"""While a schedule's time is, there are at least as many replicas as it says; afterwards fewer come as ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from paramedic.autoscaling.tick import ScalingPolicy, initial_state, tick
from paramedic.autoscaling.window import Figures
from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.replica_policy import ReplicaPolicy
from paramedic.services.schedules import Schedule
from paramedic.services.spec import dump_spec, load_spec, parse_spec
from paramedic.state.autoscalers import AutoscalerState

STEP = 5
BY_RATE = {"min_replicas": 1, "max_replicas": 8, "target_qps_per_replica": 2.0, "downscale_delay_seconds": 15}
OFFICE_HOURS = {"start": "0 8 * * MON-FRI", "stop": "0 18 * * MON-FRI", "timezone": "Europe/Berlin", "min_replicas": 4}
LUNCH = {**OFFICE_HOURS, "start": "0 12 * * *", "stop": "0 13 * * *", "min_replicas": 6}


def policy(schedules: list[dict[str, Any]], **changes: Any) -> ReplicaPolicy:
    return ReplicaPolicy.model_validate({**BY_RATE, "schedules": schedules, **changes})


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())


def quiet(now: int) -> Figures:
    return Figures(complete_from=now - 500, complete_until=now)


def targets(replica_policy: ReplicaPolicy, start: int, ticks: int, target: int, *, restarts: bool = False) -> list[int]:
    state = initial_state(ScalingPolicy.of(replica_policy, STEP, start), 1, start)
    state, seen = state.model_copy(update={"target": target}), []
    for now in range(start, start + ticks * STEP, STEP):
        if restarts:
            state = AutoscalerState.model_validate_json(state.model_dump_json())
        state, _ = tick(ScalingPolicy.of(replica_policy, STEP, now), state, quiet(now), now)
        seen.append(state.target)
    return seen


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-23T07:59:50+01:00", [1, 1, 4, 4]),
        ("2026-11-23T17:59:50+01:00", [4, 4, 4, 4, 1]),
        ("2026-11-22T08:00:00+01:00", [1, 1]),
        ("2026-10-23T07:59:55+02:00", [1, 4]),
        ("2026-10-26T07:59:55+01:00", [1, 4]),
    ],
    ids=["it begins at once", "fewer come after their delay", "Sunday", "summer time", "winter time"],
)
def test_the_least_number_follows_the_wall_clock(start: str, expected: list[int], restarts: bool) -> None:
    seen = targets(policy([OFFICE_HOURS]), at(start), len(expected), expected[0], restarts=restarts)
    assert seen == expected


@pytest.mark.parametrize(
    ("moment", "least"), [("11:59", 4), ("12:00", 6), ("12:59", 6), ("13:00", 4), ("18:00", 1), ("07:59", 1)]
)
def test_the_highest_of_those_whose_time_it_is_counts(moment: str, least: int) -> None:
    now = at(f"2026-11-23T{moment}:30+01:00")
    assert ScalingPolicy.of(policy([OFFICE_HOURS, LUNCH]), STEP, now).minimum == least


def test_a_schedule_below_the_least_number_changes_nothing() -> None:
    now = at("2026-11-23T10:00:00+01:00")
    assert ScalingPolicy.of(policy([OFFICE_HOURS], min_replicas=5), STEP, now).minimum == 5


def test_a_service_that_is_scaled_to_zero_wakes_for_its_schedule_and_sleeps_again() -> None:
    to_zero = policy([OFFICE_HOURS], min_replicas=0)
    assert targets(to_zero, at("2026-11-23T07:59:55+01:00"), 2, 0) == [0, 4]
    assert targets(to_zero, at("2026-11-23T17:59:55+01:00"), 4, 4) == [4, 4, 4, 0]


def test_schedules_alone_scale_a_service_without_a_rate() -> None:
    fixed = ReplicaPolicy.model_validate(
        {"min_replicas": 2, "downscale_delay_seconds": 10, "schedules": [OFFICE_HOURS]}
    )
    assert fixed.maximum == 4
    assert targets(fixed, at("2026-11-23T07:59:55+01:00"), 2, 2) == [2, 4]
    assert targets(fixed, at("2026-11-23T17:59:55+01:00"), 3, 4) == [4, 4, 2]


def test_a_service_that_comes_up_while_a_schedule_is_in_effect_has_its_number_from_the_start() -> None:
    now = at("2026-11-23T10:00:00+01:00")
    assert initial_state(ScalingPolicy.of(policy([OFFICE_HOURS]), STEP, now), 1, now).target == 4


def test_minute_by_minute_through_a_change_of_the_clock_it_is_what_the_wall_clock_says() -> None:
    nightly = Schedule(start="30 2 * * *", stop="15 3 * * *", timezone="Europe/Berlin", min_replicas=3)
    begin = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    minutes = [begin + timedelta(minutes=n) for n in range(6 * 60)]
    replica_policy = policy([nightly.model_dump()])
    floors = [ScalingPolicy.of(replica_policy, STEP, int(each.timestamp())).minimum for each in minutes]
    # 02:30 comes twice that night and counts once, the first time; 03:15 is an hour and three quarters later.
    raised = [each for each, floor in zip(minutes, floors, strict=True) if floor == 3]
    assert (raised[0], raised[-1]) == (
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 14, tzinfo=UTC),
    )
    assert len(raised) == 105


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"start": "0 8 * *"}, "start", "is not a cron expression"),
        ({"stop": "soon"}, "stop", "is not a cron expression"),
        ({"timezone": "Berlin"}, "timezone", "is not an IANA time zone"),
        ({"stop": OFFICE_HOURS["start"]}, "start", "always comes together with"),
        ({"min_replicas": 9}, "min_replicas", "is more than max_replicas 8"),
        ({"min_replicas": 0}, "min_replicas", "greater than or equal to 1"),
        ({"replicas": 3}, "replicas", "did you mean 'min_replicas'"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused_by_name(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        parse_spec(document([{**OFFICE_HOURS, **changes}]))
    assert refused.value.field == f"service.replica_policy.schedules.0.{field}"
    assert words in str(refused.value)


def test_bounds_asked_for_later_must_leave_room_for_the_schedules() -> None:
    with pytest.raises(InvalidSpecError, match="is more than max_replicas 3"):
        policy([OFFICE_HOURS]).with_bounds(1, 3)


def test_a_spec_without_schedules_is_written_as_the_release_before_reads_it() -> None:
    spec = parse_spec(document([OFFICE_HOURS]))
    assert load_spec(dump_spec(spec)) == spec
    assert "schedules" not in dump_spec(parse_spec(document([])))


def document(schedules: list[dict[str, Any]]) -> dict[str, Any]:
    replica_policy = {**BY_RATE, "schedules": schedules}
    return {"name": "echo", "run": "serve", "service": {"readiness_probe": "/", "replica_policy": replica_policy}}
