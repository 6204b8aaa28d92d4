"""State outlives mistakes, a new account can take the stack, and somebody is told when it fails."""

import json
import math
from typing import Any

from annotated_types import Le

from functions.health_probe.app import ANSWER_SECONDS
from paramedic.gateways.messages import ReconcileRequest
from paramedic.health.check import CheckSummary
from paramedic.health.dispatch import DispatchSummary
from paramedic.health.dispatch_settings import HealthDispatchSettings
from paramedic.health.event_details import event_schemas
from paramedic.health.events import SOURCE
from paramedic.health.groups import TARGETS_PER_GROUP
from paramedic.health.outcomes import ProbeRequest
from paramedic.health.probe_batches import batches_of
from paramedic.health.probing import INVOCATION_READ_SECONDS, INVOCATIONS_AT_ONCE
from paramedic.health.sentinels import ROUND_SECONDS
from paramedic.health.transitions import Notice
from paramedic.observability import NAMESPACE
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS
from paramedic.state.targets import TargetKind
from paramedic_cli.local.stack import LocalStack
from paramedic_cli.local.template_tables import table_definitions
from tests.template.conftest import Template

NEW_ACCOUNT_CONCURRENCY = 10
TABLES_THAT_EXPIRE = {
    "OperationsTable": "expires_at",
    "TrafficTable": "expires_at",
    "IdempotencyTable": "expiration",
}


def _tables(template: Template) -> dict[str, dict[str, Any]]:
    return template.of_type("AWS::DynamoDB::Table")


def test_every_table_outlives_the_stack_unless_its_creation_failed(template: Template) -> None:
    assert len(_tables(template)) == 14
    for table in _tables(template).values():
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_every_table_is_protected_backed_up_and_paid_for_by_use(template: Template) -> None:
    for table in _tables(template).values():
        properties = table["Properties"]
        assert template.default(properties["DeletionProtectionEnabled"]) == "true"
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert properties["BillingMode"] == "PAY_PER_REQUEST"


def test_only_what_may_vanish_expires(template: Template) -> None:
    expiring = {
        name: table["Properties"]["TimeToLiveSpecification"]["AttributeName"]
        for name, table in _tables(template).items()
        if "TimeToLiveSpecification" in table["Properties"]
    }
    assert expiring == TABLES_THAT_EXPIRE


def test_open_recoveries_are_found_by_a_sparse_index_of_keys(template: Template) -> None:
    (index,) = table_definitions(template.data)["recoveries"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "open"
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_no_concurrency_is_reserved_by_default(template: Template) -> None:
    for function in template.functions().values():
        reserved = function.get("ReservedConcurrentExecutions")
        if reserved is not None:
            condition, _, otherwise = reserved["Fn::If"]
            assert template.data["Conditions"][condition] == {
                "Fn::Not": [{"Fn::Equals": [{"Ref": "RecoveryReservedConcurrency"}, 0]}]
            }
            assert template.default({"Ref": "RecoveryReservedConcurrency"}) == 0
            assert otherwise == {"Ref": "AWS::NoValue"}


def test_an_account_with_ten_executions_can_run_everything_at_once(template: Template) -> None:
    (checks,) = template.sources_of("HealthCheckFunction")
    (recoveries,) = template.sources_of("RecoveryFunction")
    at_once = template.default(checks["ScalingConfig"]["MaximumConcurrency"])
    probes = at_once  # each check waits for at least one
    recovering = template.default(recoveries["ScalingConfig"]["MaximumConcurrency"])
    ticks = len(template.of_type("AWS::Scheduler::Schedule"))
    assert at_once + probes + recovering + ticks <= NEW_ACCOUNT_CONCURRENCY


def test_what_is_fast_is_checked_once_a_minute_unless_asked_and_never_more_often_than_dispatch_takes(
    template: Template,
) -> None:
    parameter = template.data["Parameters"]["FastChecksPerMinute"]
    environment = template.properties("HealthDispatchFunction")["Environment"]["Variables"]
    assert environment["FAST_CHECKS_PER_MINUTE"] == {"Ref": "FastChecksPerMinute"}
    assert parameter["Default"] == 1
    for number in parameter["AllowedValues"]:
        given = {"TABLE_PREFIX": "p-", "CHECK_QUEUE_URL": "queue", "FAST_CHECKS_PER_MINUTE": str(number)}
        assert HealthDispatchSettings.from_env(given).fast_checks_per_minute == number


def test_a_stale_period_covers_the_self_fence_lease_and_fits_into_every_invocation(template: Template) -> None:
    stale = template.data["Parameters"]["StaleSeconds"]
    assert stale["MinValue"] == SELF_FENCE_LEASE_SECONDS
    for name in ("HealthCheckFunction", "RecoveryFunction"):
        assert stale["MaxValue"] <= template.functions()[name]["Timeout"] / 2


def test_nothing_is_traced_by_default(template: Template) -> None:
    for function in template.functions().values():
        assert "Tracing" not in function


def test_there_are_at_most_ten_alarms_and_each_tells_somebody(template: Template) -> None:
    alarms = template.of_type("AWS::CloudWatch::Alarm")
    assert 0 < len(alarms) <= 10
    for alarm in alarms.values():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "AlertTopic"}]


def test_silence_is_an_alarm_not_missing_data(template: Template) -> None:
    alarm = template.properties("MissingChecksAlarm")
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("ChecksCompleted", "breaching")
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 180


def test_checks_that_are_dropped_because_they_wait_for_each_other_alarm(template: Template) -> None:
    alarm = template.properties("CheckBacklogAlarm")
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("LateTicksDropped", "Sum", 1)
    assert (
        CheckSummary(late=1).counts()["LateTicksDropped"] == DispatchSummary(late=1).counts()["LateTicksDropped"] == 1
    )
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 300


def test_there_are_at_most_ten_metrics_and_alarms_watch_what_is_measured_of_this_stack(template: Template) -> None:
    measured = CheckSummary().counts().keys() | DispatchSummary().counts().keys()
    assert len(measured) <= 10
    own = [each["Properties"] for each in template.of_type("AWS::CloudWatch::Alarm").values()]
    own = [each for each in own if each["Namespace"] == NAMESPACE]
    assert own
    assert {each["MetricName"] for each in own} <= measured
    name = template.data["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    for each in own:
        assert each["Dimensions"] == [{"Name": "service", "Value": name}]
    assert name == {"Ref": "AWS::StackName"}


def test_the_dashboard_costs_nothing_unless_it_is_asked_for(template: Template) -> None:
    condition = template.data["Resources"]["Dashboard"]["Condition"]
    assert template.data["Conditions"][condition] == {"Fn::Equals": [{"Ref": "WithDashboard"}, "true"]}
    assert template.default({"Ref": "WithDashboard"}) == "false"


def test_a_check_outlasts_all_rounds_of_its_probes_and_a_stale_period(template: Template) -> None:
    a_thousand = [
        ProbeRequest(target_id=str(n), url="https://a.example/", attempts=3 if n else 1)
        for n in range(TARGETS_PER_GROUP)
    ]
    rounds = math.ceil(len(batches_of(a_thousand)) / INVOCATIONS_AT_ONCE)
    probing = rounds * template.functions()["HealthProbeFunction"]["Timeout"]
    stale = template.data["Parameters"]["StaleSeconds"]["MaxValue"]
    assert probing + stale < template.functions()["HealthCheckFunction"]["Timeout"]


def test_the_longest_timeout_that_a_target_may_have_ends_within_a_probe_that_asks_sentinels_as_well(
    template: Template,
) -> None:
    longest = next(each.le for each in ProbeRequest.model_fields["timeout_seconds"].metadata if isinstance(each, Le))
    for name in ("HealthProbeFunction", "HealthProbeVpcFunction"):
        assert template.functions()[name]["Timeout"] - ANSWER_SECONDS - ROUND_SECONDS > longest
        assert template.functions()[name]["Timeout"] < INVOCATION_READ_SECONDS


def test_the_dashboard_shows_every_alarm_and_every_metric(template: Template) -> None:
    body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    alarms, *graphs = json.loads(body)["widgets"]
    wanted = {f"${{{name}.Arn}}" for name in template.of_type("AWS::CloudWatch::Alarm")}
    assert set(alarms["properties"]["alarms"]) == wanted
    shown = {name for graph in graphs for _, name, *_ in graph["properties"]["metrics"]}
    assert CheckSummary().counts().keys() | DispatchSummary().counts().keys() <= shown
    lines = [line for graph in graphs for line in graph["properties"]["metrics"]]
    named = {word for line in lines for word in line if word.startswith("$")}
    assert len(named) == 1 + 2 + 4


def test_the_dashboard_that_is_deployed_names_the_stacks_own_alarms_and_functions(deployed_stack: LocalStack) -> None:
    cloudwatch = deployed_stack.client("cloudwatch")
    name = deployed_stack.outputs.event_bus_name
    body = cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]
    alarms, *graphs = json.loads(body)["widgets"]
    known = {each["AlarmArn"] for each in cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]}
    assert set(alarms["properties"]["alarms"]) == known
    assert len(known) == 10
    assert deployed_stack.outputs.check_function_name in json.dumps(graphs)


def test_alarms_and_notices_can_publish_to_the_topic(template: Template) -> None:
    assert "KmsMasterKeyId" not in template.properties("AlertTopic")
    services = [statement["Principal"]["Service"] for statement in template.statements("AlertTopicPolicy")]
    assert services == ["cloudwatch.amazonaws.com", "events.amazonaws.com"]


def test_people_are_sent_what_opens_and_what_closes_and_nothing_else(template: Template) -> None:
    rule = template.properties("NoticeRule")
    assert rule["EventPattern"] == {"source": [SOURCE], "detail": {"notice": list(Notice)}}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": "AlertTopic"}
    fields = {path.removeprefix("$.detail.") for path in target["InputTransformer"]["InputPathsMap"].values()}
    for schema in event_schemas().values():
        assert fields - {"$.detail-type"} <= set(schema["required"])


def test_recovery_is_only_given_what_it_recovers(template: Template) -> None:
    rules = template.of_type("AWS::Events::Rule").values()
    queue = {"Fn::GetAtt": ["RecoveryQueue", "Arn"]}
    patterns = [rule["Properties"]["EventPattern"] for rule in rules if queue in _targets_of(rule)]
    assert patterns == [{"source": [SOURCE], "detail": {"cures": [True]}}]


def test_whatever_is_found_of_a_gateway_replica_has_its_gateway_looked_at_at_once(template: Template) -> None:
    rule = template.properties("GatewayRule")
    assert rule["EventPattern"] == {"source": [SOURCE], "detail": {"kind": [TargetKind.GATEWAY]}}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["GatewayReconcileFunction", "Arn"]}
    (said,) = target["InputTransformer"]["InputPathsMap"].items()
    assert said == ("tick", "$.detail.tick")
    request = target["InputTransformer"]["InputTemplate"].replace("<tick>", '"2026-01-05T03:00:00.000Z"')
    assert ReconcileRequest.model_validate_json(request).tick is not None
    permission = template.properties("GatewayRulePermission")
    assert permission["SourceArn"] == {"Fn::GetAtt": ["GatewayRule", "Arn"]}
    assert permission["Principal"] == "events.amazonaws.com"


def _targets_of(rule: dict[str, Any]) -> list[Any]:
    return [target["Arn"] for target in rule["Properties"]["Targets"]]


def test_every_function_logs_to_a_group_with_a_retention(template: Template) -> None:
    retained = {
        group["Properties"]["LogGroupName"]["Fn::Sub"]: name
        for name, group in template.of_type("AWS::Logs::LogGroup").items()
        if "RetentionInDays" in group["Properties"]
    }
    for logical_id, function in template.functions().items():
        group = retained[f"/aws/lambda/{function['FunctionName']['Fn::Sub']}"]
        assert template.data["Resources"][logical_id]["DependsOn"] == group


def test_what_stays_unknown_alarms_whether_it_is_looked_at_every_minute_or_every_five(template: Template) -> None:
    alarm = template.properties("UnknownTargetsAlarm")
    minutes = alarm["EvaluationPeriods"] * alarm["Period"] // 60
    every_five = len(range(0, minutes, 5))
    assert every_five >= alarm["DatapointsToAlarm"] > 1
