"""What a stack costs: from what was counted to units, from units to dollars."""

import json

import pytest
from pydantic import ValidationError

from benchmarks.cost_parts.bill import Deployed, beyond_free, bill, dollars, of_peer, of_process, standing, totals
from benchmarks.cost_parts.counting import Ticks, logged_gigabytes, mixed, used_by_a_tick
from benchmarks.cost_parts.item_size import item_bytes, read_units
from benchmarks.cost_parts.journal import Call, Invocation
from benchmarks.cost_parts.metered_stack import metrics_of
from benchmarks.cost_parts.prices import Prices, read_prices
from benchmarks.cost_parts.scaling import billed_caller, billed_probe, in_a_row

PRICES = read_prices()
ASSUMED = PRICES.assumed.model_copy(update={"vcpu_megabytes": 2048, "aws_call_seconds": 0.01, "log_event_bytes": 26})
NOTHING = Deployed(schedules=0, consumed_queues=0, alarms=0, metrics=0, dashboards=0)


def call(operation: str, begin: float, end: float, *, service: str = "dynamodb", units: float = 0.0) -> Call:
    return Call(service=service, operation=operation, begin=begin, end=end, units=units)


def took(wall: float, cpu: float, *calls: Call, queued: float = 0.0) -> Invocation:
    return Invocation(function="x", wall_seconds=wall, cpu_seconds=cpu, queued_seconds=queued, calls=calls)


def test_a_read_is_billed_by_each_four_kilobytes_begun_and_at_half_if_it_may_be_stale() -> None:
    item = {"name": {"S": "x" * 4092}}
    assert item_bytes(item) == 4096
    assert read_units([], consistent=True) == 1
    assert read_units([item], consistent=True) == 1
    assert read_units([item, {"n": {"N": "12"}}], consistent=True) == 2
    assert read_units([item], consistent=False) == 0.5


def test_an_items_size_counts_names_values_and_nesting() -> None:
    assert item_bytes({"é": {"S": "é"}}) == 4
    assert item_bytes({"n": {"N": "123"}, "b": {"BOOL": True}, "u": {"NULL": True}}) == (1 + 3) + 2 + 2
    assert item_bytes({"l": {"L": [{"S": "ab"}]}}) == 1 + 3 + (1 + 2)
    assert item_bytes({"m": {"M": {"k": {"S": "ab"}}}}) == 1 + 3 + 1 + (1 + 2)
    assert item_bytes({"s": {"SS": ["ab", "c"]}, "r": {"B": b"abc"}}) == (1 + 3) + (1 + 3)


def test_what_a_prober_waited_for_stays_as_it_is_and_what_it_worked_takes_longer() -> None:
    billed = billed_probe(took(3.02, 0.02), 512, ASSUMED)
    assert billed.seconds == pytest.approx(3.0 + 0.02 * 4)
    assert billed.gigabyte_seconds == pytest.approx(billed.seconds / 2)


def test_waiting_for_a_processor_of_this_machine_is_not_billed() -> None:
    assert billed_probe(took(1.0, 0.1, queued=0.3), 2048, ASSUMED).seconds == pytest.approx(0.6 + 0.1)


def test_work_never_takes_less_than_here_and_a_millisecond_begun_is_billed() -> None:
    assert billed_probe(took(0.0101, 0.0101), 4096, ASSUMED).seconds == 0.011


def test_a_caller_waits_for_aws_and_not_for_the_emulator_and_for_its_probes_from_first_to_last() -> None:
    slow = [call("Query", 0.0, 0.5), call("Query", 0.5, 1.0)]
    assert billed_caller(took(1.1, 0.01, *slow), 512, ASSUMED).seconds == pytest.approx(2 * 0.01 + 0.04)
    probes = [call("Invoke", 1.0, 2.0, service="lambda"), call("Invoke", 1.1, 4.1, service="lambda")]
    billed = billed_caller(took(4.2, 0.01, *slow, *probes), 512, ASSUMED, slower=0.25)
    assert billed.seconds == pytest.approx(2 * 0.01 + 3.1 + 0.25 + 0.01 + 0.04)


def test_calls_made_at_once_count_as_one_in_a_row() -> None:
    assert in_a_row([]) == 0
    assert in_a_row([call("Query", 0, 1), call("Query", 1, 2), call("Query", 5, 6)]) == 3
    assert in_a_row([call("Query", 0, 1), call("Query", 0, 1), call("Query", 1, 2)]) == 2
    assert in_a_row([call("Query", 0, 0), call("Query", 1, 1)]) == 2


def test_a_tick_uses_what_its_functions_did_in_the_mean() -> None:
    check = took(
        1.0,
        0.0,
        call("Query", 0, 0.1, units=2),
        call("UpdateItem", 0.1, 0.2, units=1),
        call("Invoke", 0.2, 0.9, service="lambda"),
        call("PutEvents", 0.9, 1.0, service="events"),
    )
    dispatch = took(0.1, 0.0, call("SendMessage", 0.0, 0.1, service="sqs"))
    ticks = Ticks(
        number=2,
        invocations={
            "health-check": [check],
            "health-dispatch": [dispatch, dispatch],
            "health-probe": [took(0.7, 0.0)],
        },
        logged={"health-check": ["é" * 12]},
    )
    megabytes = {"health-check": 1024, "health-dispatch": 1024, "health-probe": 1024}
    used = used_by_a_tick(ticks, megabytes, ASSUMED)
    assert used["lambda_requests", "health-dispatch"] == 1
    assert used["lambda_gb_seconds", "health-check"] == pytest.approx((3 * 0.01 + 0.7 + 0.01) / 2)
    assert used["lambda_gb_seconds", "health-probe"] == pytest.approx(0.35)
    assert used["dynamodb_read_units", "health-check"] == 1
    assert used["dynamodb_write_units", "health-check"] == 0.5
    assert used["sqs_requests", "messages"] == 3
    assert used["bus_events", "health-check"] == 0.5
    assert used["log_gigabytes", "health-check"] == pytest.approx(50 / 2 / 1e9)


def test_ticks_of_two_kinds_are_weighed() -> None:
    line = ("lambda_requests", "x")
    assert mixed([(4, {line: 1.0}), (1, {line: 6.0, ("alarms", "y"): 5.0})]) == {line: 2.0, ("alarms", "y"): 1.0}


def test_what_stands_there_is_billed_whether_or_not_anything_happens() -> None:
    deployed = Deployed(schedules=3, consumed_queues=2, alarms=10, metrics=8, dashboards=1)
    lines = bill({}, {}, 1000, deployed, PRICES)
    by_item = {(line.item, line.of): line for line in lines}
    assert by_item["scheduler_invocations", "ticks"].floor_units == 3 * 43_200
    assert by_item["sqs_requests", "polls"].floor_units == 2 * 648_000
    assert totals(lines)["floor"] == pytest.approx(0.1296 + 1.296 * 0.4 + 1.0 + 2.4 + 3.0)
    assert totals(lines)["slope"] == 0
    assert standing(NOTHING, PRICES)["sqs_requests", "polls"] == 0


def test_the_slope_is_what_a_thousand_targets_add_however_many_were_measured() -> None:
    line = ("dynamodb_read_units", "health-check")
    lines = bill({line: 1.0}, {line: 33.0}, 500, NOTHING, PRICES)
    [read] = [each for each in lines if (each.item, each.of) == line]
    assert read.floor_units == 43_200
    assert read.slope_units == 64 * 43_200
    assert read.slope == pytest.approx(64 * 43_200 * 0.125 / 1e6)


def test_the_free_tier_is_shared_by_all_lines_of_an_item() -> None:
    deployed = Deployed(schedules=0, consumed_queues=2, alarms=12, metrics=8, dashboards=0)
    lines = bill({}, {("lambda_requests", "a"): 20.0, ("lambda_requests", "b"): 20.0}, 1000, deployed, PRICES)
    polls = (2 * 648_000 - 1_000_000) * 0.4 / 1e6
    assert beyond_free(lines, 0, PRICES) == pytest.approx(polls + 2 * 0.10)
    assert beyond_free(lines, 1, PRICES) == pytest.approx(polls + 2 * 0.10 + (40 * 43_200 - 1_000_000) * 0.2 / 1e6)


def test_the_peers_cost_what_their_price_lists_say() -> None:
    costs = [of_peer(peer, 1000, PRICES) for peer in PRICES.peers.values()]
    assert costs == pytest.approx([475.0, 4475.0, 51_840.0])


def test_a_controller_is_billed_by_its_units_of_each_day() -> None:
    process = PRICES.processes["a controller with one idle service"]
    assert of_process(process, PRICES) == pytest.approx(30 * (40_320 * 0.125 + 28_800 * 0.625) / 1e6)


def test_dollars_are_units_at_their_price() -> None:
    assert dollars(2_500_000, PRICES.prices["lambda_requests"]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("field", "value"), [("dollars", -1), ("per", 0), ("as_of", "yesterday"), ("source", None), ("fee", 1)]
)
def test_a_price_that_makes_no_sense_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    given = PRICES.model_dump()
    given["prices"]["alarms"][field] = value
    with pytest.raises(ValidationError, match=rf"prices\.alarms\.{field}"):
        Prices.model_validate(given)


def test_each_log_line_is_billed_with_the_metadata_that_cloudwatch_adds() -> None:
    assert logged_gigabytes(["a" * 74, "é"], ASSUMED) == pytest.approx((74 + 26 + 2 + 26) / 1e9)


def test_metrics_are_read_from_the_log_lines_that_hold_them() -> None:
    line = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "A"}, {"Name": "B"}]}]}, "A": [1], "B": [2]}
    assert metrics_of(json.dumps(line)) == ["A", "B"]
    assert list(metrics_of('{"message": "hello"}')) == []
    assert list(metrics_of("START RequestId: 1")) == []
