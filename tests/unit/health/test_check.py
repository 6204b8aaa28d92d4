"""One check of a group: what it writes, what it announces, what it survives."""

from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from pynamodb.exceptions import QueryError

from paramedic.errors import InvalidInputError
from paramedic.health.checked_target import checked_target
from paramedic.health.event_details import ControllerFailed, parse_cured_by_relaunch
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.ticks import require_due
from paramedic.health.transitions import DetailType
from paramedic.state.controllers import ControllerHeartbeat
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.targets import BadPeriod, Target, TargetKind, bucket_of
from tests.fakes.check_world import TARGET, URL_TARGET, CheckWorld, iso

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")


@pytest.fixture
def world(memory_tables: None) -> CheckWorld:
    return CheckWorld()


@pytest.fixture
def writes(world: CheckWorld, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The DynamoDB writes made since."""
    seen: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counting(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if operation in WRITES:
            seen.append(operation)
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counting)
    return seen


def test_healthy_targets_cost_no_write_and_no_event(world: CheckWorld, writes: list[str]) -> None:
    summary = world.check(0)
    assert (summary.completed, summary.checked, summary.down, summary.unknown) == (1, 2, 0, 0)
    assert writes == []
    assert world.bus.entries == []


def test_a_dead_controller_is_recorded_and_announced(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    assert world.check(0).down == 1
    assert world.bus.types() == ["Controller Failed"]
    event = parse_cured_by_relaunch(DetailType.CONTROLLER_FAILED, world.bus.details()[0])
    assert (event.target_id, event.diagnosis, event.heartbeat_sequence) == (TARGET, "dead", 1)
    assert event.sentence.startswith("controller:demo: Refuses connections")
    bad = world.row().bad
    assert bad is not None
    assert (bad.diagnosis, bad.since, bad.unpublished) == ("dead", iso(0), None)


def test_an_unchanged_dead_controller_is_announced_again_without_a_write(world: CheckWorld, writes: list[str]) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    world.check(0)
    writes.clear()
    world.check(1)
    assert writes == []
    assert world.bus.types() == ["Controller Failed", "Controller Failed"]
    first, second = world.bus.details()
    assert first["event_id"] == second["event_id"]
    assert second["tick"] == iso(1)


def test_a_heartbeat_that_moves_means_busy(world: CheckWorld) -> None:
    world.beat()
    world.clock.on_sleep = world.beat
    world.prober.kinds[TARGET] = OutcomeKind.TIMEOUT
    for minute in range(5):
        world.check(minute)
    assert [(e["diagnosis"], e["cures"]) for e in world.bus.details()] == [("busy", False)]
    assert world.bus.types() == ["Target Down"]
    bad = world.row().bad
    assert bad is not None
    assert bad.heartbeat_sequence is None


def test_the_two_looks_at_a_heartbeat_are_the_stale_period_apart(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    before = world.clock.monotonic()
    world.check(0)
    assert world.clock.monotonic() - before == pytest.approx(10.0)


def test_one_read_that_dynamodb_does_not_answer_at_once_keeps_no_group_from_being_checked(
    world: CheckWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, failed = Target.query, list[object]()

    def query_after_one_failure(hash_key: object, **how: Any) -> object:
        if not failed:
            failed.append(hash_key)
            raise QueryError("no answer")
        return query(hash_key, **how)

    monkeypatch.setattr(Target, "query", query_after_one_failure)
    assert world.check(0).checked == 2
    assert len(failed) == 1


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("downtime", {"S": '{"since": "2026-01-05T02:00:00", "until": "2026-01-05T04:00:00", "reason": ""}'}),
        ("every_minutes", {"N": "0.5"}),
    ],
)
def test_a_row_with_times_that_make_no_sense_keeps_no_other_from_being_checked(
    world: CheckWorld, attribute: str, value: dict[str, str]
) -> None:
    boto3.client("dynamodb").update_item(
        TableName=Target.Meta.table_name,
        Key={"bucket": {"N": str(bucket_of(URL_TARGET))}, "target_id": {"S": URL_TARGET}},
        UpdateExpression="SET #a = :v",
        ExpressionAttributeNames={"#a": attribute},
        ExpressionAttributeValues={":v": value},
    )
    world.prober.kinds[TARGET] = OutcomeKind.TIMEOUT
    assert world.check(0).completed == 1
    assert world.row().bad is not None


def test_a_refused_event_stays_flagged_and_is_sent_at_the_next_tick(world: CheckWorld) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.REFUSED
    world.bus.refuses = True
    world.check(0)
    bad = world.row(URL_TARGET).bad
    assert bad is not None
    assert bad.unpublished == "Target Down"
    world.bus.refuses = False
    world.check(1)
    world.check(2)
    assert world.bus.types() == ["Target Down"]
    assert world.bus.details()[0]["event_id"] == bad.event_id
    published = world.row(URL_TARGET).bad
    assert published is not None
    assert published.unpublished is None


def test_recovery_is_announced_and_leaves_nothing_behind(world: CheckWorld, writes: list[str]) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    world.prober.kinds.clear()
    world.check(1)
    assert world.bus.types() == ["Target Down", "Target Recovered"]
    assert world.row(URL_TARGET).bad is None
    writes.clear()
    world.check(2)
    assert writes == []


def test_a_recovery_the_bus_refused_is_announced_at_the_next_tick(world: CheckWorld) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    world.prober.kinds.clear()
    world.bus.refuses = True
    world.check(1)
    world.bus.refuses = False
    world.check(2)
    assert world.bus.types() == ["Target Down", "Target Recovered"]
    assert world.row(URL_TARGET).bad is None


def test_timeouts_with_a_still_heartbeat_are_announced_only_once_they_are_hung(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    world.check(1)
    assert world.bus.types() == []
    world.check(2)
    assert world.bus.types() == ["Controller Failed"]
    assert world.bus.details()[0]["needs_host_signal"] is True


def test_a_suspicion_that_passes_was_never_announced(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    world.prober.kinds.clear()
    world.check(1)
    assert world.bus.entries == []
    assert world.row().bad is None


def test_an_unreadable_heartbeat_makes_the_target_unknown(world: CheckWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise StateUnreachableError("no answer")

    monkeypatch.setattr(ControllerHeartbeat, "read", unreachable)
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    summary = world.check(0)
    assert (summary.down, summary.unknown) == (0, 1)
    assert world.bus.entries == []
    assert world.row().bad is None


def test_a_late_message_is_dropped_and_counted(world: CheckWorld) -> None:
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    summary = world.check(0, arrives=1.6)
    assert (summary.late, summary.checked) == (1, 0)
    assert world.bus.entries == []


def test_a_tick_from_the_future_is_refused(world: CheckWorld) -> None:
    with pytest.raises(InvalidInputError, match="tick: is in the future"):
        world.check(60, arrives=0)


def test_a_tick_is_due_as_far_ahead_as_clocks_differ_and_no_further(world: CheckWorld) -> None:
    now = world.tick(0)
    require_due(world.tick(5), now)
    with pytest.raises(InvalidInputError, match=r"detail\.tick: is in the future"):
        require_due(world.tick(5.1), now, "detail.tick")


def test_a_message_overtaken_by_a_newer_tick_changes_nothing(world: CheckWorld) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.REFUSED
    world.check(1)
    recorded = world.row(URL_TARGET).bad
    world.prober.kinds.clear()
    world.check(0, arrives=1.1)
    assert world.row(URL_TARGET).bad == recorded
    assert world.bus.types() == ["Target Down"]


def test_a_verdict_stored_by_another_check_meanwhile_is_not_overwritten(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    row = world.row()
    world.clock.on_sleep = lambda: row.update(actions=[Target.bad_version.set(7)])
    world.check(0)
    assert world.row().bad is None
    assert world.bus.entries == []


def test_a_target_removed_during_the_check_is_not_made_again(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    world.clock.on_sleep = lambda: world.row().delete()
    world.check(0)
    assert Target.read(bucket_of(TARGET), TARGET) is None


def test_a_target_in_planned_downtime_is_not_checked_until_the_tick_that_ends_it(world: CheckWorld) -> None:
    period = PlannedPeriod(since=world.tick(1), until=world.tick(3), reason="nights")
    world.row().update(actions=[Target.downtime.set(period)])
    assert [world.check(minute).checked for minute in range(5)] == [2, 1, 1, 2, 2]


def test_a_late_check_of_a_tick_before_a_downtime_looks_at_nothing_that_is_off_by_now(world: CheckWorld) -> None:
    period = PlannedPeriod(since=world.tick(0.5), until=world.tick(3), reason="nights")
    world.row().update(actions=[Target.downtime.set(period)])
    assert world.check(0, arrives=0.75).checked == 1


def test_a_controller_that_is_stopped_as_its_downtime_begins_has_not_failed(world: CheckWorld) -> None:
    period = PlannedPeriod(since=world.tick(1), until=world.tick(3), reason="nights")
    world.row().update(actions=[Target.downtime.set(period)])
    world.beat()
    world.check(0)
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    world.check(1)
    world.check(2)
    assert world.bus.types() == []
    world.check(3)
    assert world.bus.types() == ["Controller Failed"]


def test_a_paused_target_is_not_checked(world: CheckWorld) -> None:
    world.row().update(actions=[Target.paused.set(True)])
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    assert world.check(0).checked == 1


@pytest.mark.parametrize(
    "attributes", [{"mode": "yolo"}, {"timeout_seconds": 600}, {"kind": "url"}, {"min_reader": 99}], ids=str
)
def test_one_malformed_row_hides_no_other(world: CheckWorld, attributes: dict[str, Any]) -> None:
    world.add(TARGET, **{"kind": TargetKind.CONTROLLER} | attributes)
    world.prober.kinds[URL_TARGET] = OutcomeKind.REFUSED
    summary = world.check(0)
    assert (summary.checked, summary.invalid_rows, summary.down) == (1, 1, 1)


def test_a_row_that_cannot_even_be_decoded_hides_no_other(world: CheckWorld) -> None:
    neighbour = next(f"url:{n}" for n in range(10_000) if bucket_of(f"url:{n}") == bucket_of(URL_TARGET))
    world.add(neighbour, TargetKind.URL)
    key = {"bucket": {"N": str(bucket_of(neighbour))}, "target_id": {"S": neighbour}}
    _put_raw(key | {"bad": {"S": "{half"}, "kind": {"S": "url"}, "url": {"S": "u"}, "mode": {"S": "auto"}})
    assert (world.check(0).checked, world.check(1).invalid_rows) == (2, 1)


@pytest.mark.parametrize(
    "recorded",
    [
        {"verdict": "poorly"},
        {"diagnosis": "sleepy"},
        {"unpublished": "Bogus"},
        {"unpublished": ""},
        {"event_id": ""},
        {"since": "yesterday"},
        {"last_tick": "2026-01-05T03:00:00"},
    ],
    ids=str,
)
@pytest.mark.parametrize("seen", [OutcomeKind.OK, OutcomeKind.REFUSED])
def test_a_malformed_record_of_one_target_leaves_the_others_judged(
    world: CheckWorld, recorded: dict[str, Any], seen: OutcomeKind, caplog: pytest.LogCaptureFixture
) -> None:
    sound = BadPeriod(
        verdict="down", diagnosis="unreachable", since=iso(0), last_tick=iso(0), outcome="refused", event_id="event-0"
    )
    world.add(URL_TARGET, TargetKind.URL, bad=sound.model_copy(update=recorded))
    world.beat()
    world.prober.kinds = {URL_TARGET: seen, TARGET: OutcomeKind.REFUSED}
    summary = world.check(1)
    assert (summary.checked, summary.invalid_rows, summary.down) == (1, 1, 1)
    assert [event["target_id"] for event in world.bus.details()] == [TARGET]
    (field,) = recorded
    assert f"{URL_TARGET}].bad.{field}" in caplog.text


@pytest.mark.parametrize(("field", "value"), [("mode", "bogus"), ("timeout_seconds", 99), ("kind", "url")])
def test_a_row_that_makes_no_sense_is_refused_by_the_name_of_its_field(
    world: CheckWorld, field: str, value: Any
) -> None:
    world.add(TARGET, **{"kind": TargetKind.CONTROLLER} | {field: value})
    with pytest.raises(InvalidRowError, match=rf"targets\[.*{TARGET}\]\.{field}: .*{value}"):
        checked_target(world.row())


def test_an_event_about_something_a_relaunch_does_not_cure_is_no_controller_failed() -> None:
    detail = ControllerFailed.model_validate(_detail()).model_dump(mode="json")
    assert parse_cured_by_relaunch(DetailType.CONTROLLER_FAILED, detail).schema_number == 1
    with pytest.raises(InvalidInputError, match=r"detail\.diagnosis"):
        parse_cured_by_relaunch(DetailType.CONTROLLER_FAILED, detail | {"diagnosis": "busy"})
    with pytest.raises(InvalidInputError, match=r"detail\.tick"):
        parse_cured_by_relaunch(DetailType.CONTROLLER_FAILED, detail | {"tick": "noon"})


def _put_raw(item: dict[str, Any]) -> None:
    import boto3

    boto3.client("dynamodb").put_item(TableName=Target.Meta.table_name, Item=item)


def _detail() -> dict[str, Any]:
    return {
        "event_id": "event-1",
        "target_id": TARGET,
        "kind": "controller",
        "tick": iso(1),
        "verdict": "down",
        "diagnosis": "dead",
        "cures": True,
        "needs_host_signal": False,
        "severity": "page",
        "sentence": "It is gone.",
        "since": iso(0),
        "decided_at": iso(1),
        "outcome": "refused",
        "heartbeat": "stale",
        "mode": "auto",
    }


def test_a_url_that_comes_and_goes_is_told_of_once_and_then_that_it_is_steady(
    world: CheckWorld, writes: list[str]
) -> None:
    for minute, kind in enumerate((OutcomeKind.TIMEOUT, OutcomeKind.OK) * 3):
        world.prober.kinds[URL_TARGET] = kind
        world.check(minute)
    told = [detail for detail in world.bus.details() if detail["notice"]]
    assert [detail["notice"] for detail in told] == ["open", "close", "open"]
    assert told[2]["sentence"].endswith("It comes and goes; the next message is sent once it is steady.")
    writes.clear()
    for minute in range(6, 10):
        world.check(minute)
    assert writes == []
    world.check(10)
    world.check(11)
    assert [detail["notice"] for detail in world.bus.details() if detail["notice"]] == [
        "open",
        "close",
        "open",
        "close",
    ]
    assert world.row(URL_TARGET).bad is None
