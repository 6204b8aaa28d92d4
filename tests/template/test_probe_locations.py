"""The prober in a VPC: the same code, there only where it is asked for, and everything about it with it."""

from collections.abc import Iterator
from typing import Any

import pytest

from paramedic.clock import SystemClock
from paramedic.health.check_messages import CheckMessage
from paramedic.health.check_settings import HealthCheckSettings
from paramedic.health.url_targets import UrlTarget
from paramedic.state import tables
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.target_registry import add_target, remove_target
from paramedic_cli.local.deploy import StackOutputs
from paramedic_cli.local.stack import LocalStack
from paramedic_cli.stack import Stack
from tests.fakes.targets import stored_target
from tests.template.conftest import Template

CONDITION = "HasVpcProbe"
FUNCTION = "HealthProbeVpcFunction"
OF_THE_VPC = {FUNCTION, "HealthProbeVpcRole", "HealthProbeVpcLogs"}


def test_there_is_no_prober_in_a_vpc_unless_subnets_are_named(template: Template) -> None:
    subnets = {"Ref": "VpcSubnetIds"}
    nothing = {"Fn::Equals": [{"Fn::Join": ["", subnets]}, ""]}
    assert template.data["Conditions"][CONDITION] == {"Fn::Not": [nothing]}
    assert template.default(subnets) == ""
    conditional = {name for name, each in template.data["Resources"].items() if each.get("Condition") == CONDITION}
    assert conditional == OF_THE_VPC
    assert template.data["Outputs"]["VpcProbeFunctionName"] == {"Condition": CONDITION, "Value": {"Ref": FUNCTION}}


def test_without_it_nothing_refers_to_what_is_not_there(template: Template) -> None:
    rest = {name: each for name, each in template.data["Resources"].items() if name not in OF_THE_VPC}
    outputs = {name: each for name, each in template.data["Outputs"].items() if each.get("Condition") != CONDITION}
    assert not set(_named_without_condition([rest, outputs])) & OF_THE_VPC


def _named_without_condition(part: Any) -> Iterator[str]:
    """Every resource that is referred to, but for what stands behind the condition."""
    match part:
        case {"Fn::If": [name, _, otherwise]} if name == CONDITION:
            yield from _named_without_condition(otherwise)
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case dict():
            for each in part.values():
                yield from _named_without_condition(each)
        case list():
            for each in part:
                yield from _named_without_condition(each)


def test_it_is_the_prober_but_for_where_it_is_and_its_own_sentinels(template: Template) -> None:
    functions = template.functions()
    public, vpc = dict(functions["HealthProbeFunction"]), dict(functions[FUNCTION])
    assert vpc.pop("VpcConfig") == {
        "SubnetIds": {"Ref": "VpcSubnetIds"},
        "SecurityGroupIds": {"Ref": "VpcSecurityGroupIds"},
    }
    for own in ("FunctionName", "Description", "Role"):
        assert public.pop(own) != vpc.pop(own)
    sentinels = [each["Environment"]["Variables"].pop("SENTINEL_URLS") for each in (public, vpc)]
    assert sentinels == [{"Ref": "SentinelUrls"}, {"Ref": "VpcSentinelUrls"}]
    assert public == vpc


def test_checks_know_of_it_where_it_is(template: Template) -> None:
    variables = template.properties("HealthCheckFunction")["Environment"]["Variables"]
    assert variables["VPC_PROBE_FUNCTION_NAME"] == {"Fn::If": [CONDITION, {"Ref": FUNCTION}, ""]}
    given = {"TABLE_PREFIX": "p-", "PROBE_FUNCTION_NAME": "here", "EVENT_BUS_NAME": "bus"}
    without = HealthCheckSettings.from_env({**given, "VPC_PROBE_FUNCTION_NAME": ""})
    assert without.probe_functions == {ProbeLocation.PUBLIC: "here"}
    with_it = HealthCheckSettings.from_env({**given, "VPC_PROBE_FUNCTION_NAME": "there"})
    assert with_it.probe_functions == {ProbeLocation.PUBLIC: "here", ProbeLocation.VPC: "there"}


def test_whoever_knows_the_stacks_name_knows_its_probers_names(template: Template) -> None:
    names = {
        ProbeLocation.PUBLIC: template.properties("HealthProbeFunction")["FunctionName"]["Fn::Sub"],
        ProbeLocation.VPC: template.properties(FUNCTION)["FunctionName"]["Fn::Sub"],
    }
    for location, name in names.items():
        assert Stack("demo", {}).probe_function(location) == name.replace("${AWS::StackName}", "demo")


def test_every_output_has_a_field_and_only_the_conditional_one_may_be_missing(template: Template) -> None:
    fields = {field.alias: field.is_required() for field in StackOutputs.model_fields.values()}
    assert fields == {name: "Condition" not in each for name, each in template.data["Outputs"].items()}


@pytest.mark.e2e
def test_a_check_has_targets_probed_from_where_their_rows_say_with_its_own_permissions(
    deployed_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in deployed_stack.environment.items():
        monkeypatch.setenv(name, value)
    tables.bind(deployed_stack.outputs.table_prefix)
    targets = [
        UrlTarget(name=f"from-{location}", url="http://127.0.0.1:1/", probe_from=location) for location in ProbeLocation
    ]
    for target in targets:
        add_target(target.row(), SystemClock())
    try:
        buckets = tuple(sorted({int(target.row().bucket) for target in targets}))
        body = CheckMessage(tick=SystemClock().now(), buckets=buckets).model_dump_json()
        event = {"Records": [{"messageId": "m1", "body": body}]}
        answer = deployed_stack.invoke(deployed_stack.outputs.check_function_name, event)
        assert answer == {"batchItemFailures": []}
        found = [stored_target(target.target_id).bad for target in targets]
        assert [None if bad is None else bad.outcome for bad in found] == ["refused", "refused"]
    finally:
        for target in targets:
            remove_target(target.target_id, SystemClock())
