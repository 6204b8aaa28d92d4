"""Who may do what: per function, table and action, and nothing by wildcard."""

import json
import socket
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from typer.testing import CliRunner, Result

from paramedic.clock import SystemClock, to_iso
from paramedic.downtime.stored import Subject, TargetSubject
from paramedic.downtime.windows import add_window, remove_window
from paramedic.health.addresses import AddressGuard
from paramedic.health.url_targets import UrlTarget
from paramedic.launchers.ec2.reading import KEY_TAG, LAUNCHED_BEFORE_TAG, TAGS
from paramedic.launchers.profiles import read_environment_file
from paramedic.recovery import recoverer
from paramedic.recovery.messages import Status
from paramedic.recovery.scheduled_drills import drill_what_is_due
from paramedic.recovery.wiring import make_surroundings
from paramedic.services import changes, verbs
from paramedic.services.spec import parse_spec
from paramedic.state import tables
from paramedic.state.claims import register
from paramedic.state.controllers import HEARTBEAT, ControllerEndpoint, ControllerEpoch, ControllerHeartbeat
from paramedic.state.downtime_windows import OneOff
from paramedic.state.downtimes import PARTITION, PlannedDowntime
from paramedic.state.drills import DRILLS, DrillSchedule, end_drills, schedule_drills
from paramedic.state.gateway_registry import RunningReplica, note_departure, note_route, register_replica
from paramedic.state.incidents import GLOBAL_TARGET
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.reports import Report
from paramedic.state.sealing import seal_for_recovery
from paramedic.state.services import (
    PAUSED,
    RUNNING,
    DesiredService,
    ObservedService,
    ServiceFence,
    ServiceSpecRow,
    desired_item,
    fence_item,
)
from paramedic.state.tables import Row
from paramedic.state.target_downtimes import WINDOWS_BUCKET, TargetDowntime
from paramedic.state.target_registry import add_target, change_drill_window, remove_target
from paramedic.state.targets import RouteToTry, Target, bucket_of, controller_target_id
from paramedic.state.transactions import Update, put_new, transact
from paramedic_cli.fleet import controller_ids
from paramedic_cli.host.embedded import grant_access
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.local.clients import client
from paramedic_cli.local.project import project_root
from paramedic_cli.local.stack import LocalStack
from paramedic_cli.main import app
from paramedic_controller.secrets import SecretError, fetch_from_secrets_manager
from tests.fakes.downtime_world import CONTROLLER_ITSELF, NIGHTS, DowntimeWorld
from tests.fakes.epochs import grant_next_epoch
from tests.fakes.noted_writes import changes_of, writes_noted
from tests.fakes.recovery_world import CONTROLLER, RecoveryWorld
from tests.fakes.targets import stored_controller_target, stored_target
from tests.template.conftest import Template, as_list

ROLES = (
    "DowntimeRole",
    "GatewayReconcileRole",
    "HealthDispatchRole",
    "HealthProbeRole",
    "HealthProbeVpcRole",
    "HealthCheckRole",
    "RecoveryRole",
    "SchedulerRole",
)
FOR_OTHERS = (
    "ControllerPolicy",
    "DeployerPolicy",
    "DstackPolicy",
    "GatewayPolicy",
    "OnCallPolicy",
    "ReaderPolicy",
    "ReporterPolicy",
)
WITHOUT_RESOURCES = {"ssm:GetCommandInvocation"}
"""Actions of which IAM knows no resource."""

IN_CLUSTERS = {"ArnLike": {"ecs:cluster": {"Fn::Split": [",", {"Ref": "EcsClusterArns"}]}}}
OF_TEMPLATES = {
    "ArnLike": {"ec2:LaunchTemplate": {"Fn::Split": [",", {"Ref": "Ec2LaunchTemplateArns"}]}},
    "Bool": {"ec2:IsLaunchTemplateResource": "true"},
}
MADE_BY_THIS_STACK = {
    "Null": {"aws:ResourceTag/aws:ec2launchtemplate:id": "false"},
    "StringLike": {"aws:ResourceTag/paramedic:key": {"Fn::Sub": "${AWS::StackName}-*"}},
}
BY_CONDITION: dict[str, Any] = {
    "SeeWhoIsRegistered": None,
    "SeeAndStopTasksOfTheseClusters": IN_CLUSTERS,
    "ListTasksOfTheseClusters": IN_CLUSTERS,
    "ReadRevisions": None,
    "SeeInstances": None,
    "MakeWhatTheTemplatesSay": OF_TEMPLATES,
    "TellNewOnesTheirEpoch": {"StringEquals": {"ec2:CreateAction": "RunInstances"}},
    "EndWhatItMade": MADE_BY_THIS_STACK,
    "SeeWhatCameOfCommands": None,
}
"""Statements of launchers whose resources have no names beforehand, by what narrows them; of three, IAM knows none."""

LAUNCHERS = {
    "launcher-ecs": {"EcsClusterArns", "EcsTaskDefinitionArns"},
    "launcher-ecs-services": {"EcsClusterArns", "EcsTaskDefinitionArns", "EcsServiceArns"},
    "launcher-ecs-roles": {"EcsClusterArns", "EcsTaskDefinitionArns", "EcsPassRoleArns"},
    "launcher-ec2": {"Ec2InstanceArns", "Ec2LaunchTemplateArns"},
    "launcher-ec2-instances": {"Ec2InstanceArns"},
    "launcher-ec2-templates": {"Ec2LaunchTemplateArns"},
    "launcher-ec2-roles": {"Ec2LaunchTemplateArns", "Ec2PassRoleArns"},
    "launcher-ssm": {"SsmLauncherInstanceArns"},
    "launcher-secrets": {"LauncherSecretArns"},
}
"""The policies of launchers by the parameters that let them in."""

PUBLISHING = {"gateway-names": {"GatewayHostedZoneArns"}, "gateway-target-groups": {"GatewayTargetGroupArns"}}
"""What the keeper of gateways may publish, by the parameters that let it."""

LAUNCHING = ("GatewayReconcileRole", "RecoveryRole")
"""The roles of those who launch and stop workloads."""

THE_STACK_ITSELF = "stack/${AWS::StackName}/*"
"""What a stack's name stands for; only its id is longer."""

WRITES = ("PutItem", "UpdateItem", "DeleteItem")
SERVICE = {"service": {"readiness_probe": "/", "replicas": 1}, "run": "true"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
SEE_INTERFACES = {"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"}
JOIN_A_VPC = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
}


def _allowed(template: Template, name: str) -> list[dict[str, Any]]:
    return [statement for statement in template.statements(name) if statement["Effect"] == "Allow"]


def _tables_where(template: Template, name: str, action: str) -> set[str]:
    """Logical ids of the tables on which the role may do this."""
    return {
        resource["Fn::GetAtt"][0]
        for statement in _allowed(template, name)
        if f"dynamodb:{action}" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if "Fn::GetAtt" in resource
    }


def test_every_role_and_policy_of_the_template_is_examined_here(template: Template) -> None:
    roles = template.of_type("AWS::IAM::Role") | template.of_type("AWS::IAM::ManagedPolicy")
    assert set(roles) == {*ROLES, *FOR_OTHERS}


def test_every_function_has_a_role_of_its_own(template: Template) -> None:
    roles = [function["Role"]["Fn::GetAtt"][0] for function in template.functions().values()]
    assert len(set(roles)) == len(roles)
    assert set(roles) < set(ROLES)


@pytest.mark.parametrize("name", [*ROLES, *FOR_OTHERS])
def test_nothing_is_allowed_by_wildcard(template: Template, name: str) -> None:
    assert "ManagedPolicyArns" not in template.properties(name)
    for statement in _allowed(template, name):
        assert not {"NotAction", "NotResource"} & set(statement)
        assert not [action for action in as_list(statement["Action"]) if "*" in action]
        if set(as_list(statement["Action"])) not in (SEE_INTERFACES, JOIN_A_VPC, WITHOUT_RESOURCES):
            resources = [str(each).replace(THE_STACK_ITSELF, "") for each in as_list(statement["Resource"])]
            assert not [
                resource for resource in resources if "*" in resource and statement.get("Sid") not in BY_CONDITION
            ]


def test_the_prober_may_only_have_its_logs_written(template: Template) -> None:
    (statement,) = _allowed(template, "HealthProbeRole")
    assert set(statement["Action"]) == LOGS
    assert statement["Resource"] == {"Fn::GetAtt": ["HealthProbeLogs", "Arn"]}


def test_the_prober_in_a_vpc_may_be_joined_to_it_besides(template: Template) -> None:
    logs, see, join = _allowed(template, "HealthProbeVpcRole")
    assert (set(logs["Action"]), logs["Resource"]) == (LOGS, {"Fn::GetAtt": ["HealthProbeVpcLogs", "Arn"]})
    assert (set(see["Action"]), see["Resource"]) == (SEE_INTERFACES, "*")
    assert set(join["Action"]) == JOIN_A_VPC
    assert join["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*"}
    others = {*ROLES, *FOR_OTHERS} - {"HealthProbeVpcRole", *LAUNCHING}
    elsewhere = [action for name in others for s in _allowed(template, name) for action in as_list(s["Action"])]
    assert not [action for action in elsewhere if action.startswith("ec2:")]


@pytest.mark.parametrize("prober", ["HealthProbe", "HealthProbeVpc"])
def test_the_probers_own_code_is_denied_everything(template: Template, prober: str) -> None:
    (deny,) = [s for s in template.statements(f"{prober}Role") if s["Effect"] == "Deny"]
    assert (deny["Action"], deny["Resource"]) == ("*", "*")
    arn = deny["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]["Fn::Sub"]
    name = template.properties(f"{prober}Function")["FunctionName"]["Fn::Sub"]
    assert arn == f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{name}"


def test_checks_write_targets_and_no_other_table(template: Template) -> None:
    assert _tables_where(template, "HealthCheckRole", "UpdateItem") == {"TargetsTable"}
    assert not _tables_where(template, "HealthCheckRole", "PutItem")
    assert not _tables_where(template, "HealthDispatchRole", "UpdateItem")


def test_a_check_sends_one_document_to_hosts_that_the_operator_names_and_none_by_default(template: Template) -> None:
    statements = template.properties("HealthCheckRole")["Policies"][0]["PolicyDocument"]["Statement"]
    assert not [each for each in statements if "Fn::If" not in each and "ssm:" in str(each["Action"])]
    document, hosts, answers = (each["Fn::If"] for each in statements if "Fn::If" in each)
    assert {(condition, str(rest)) for condition, _, rest in (document, hosts, answers)} == {
        ("HasHostChecks", str({"Ref": "AWS::NoValue"}))
    }
    assert [each["Action"] for _, each, _ in (document, hosts, answers)] == [
        *["ssm:SendCommand"] * 2,
        *WITHOUT_RESOURCES,
    ]
    assert document[1]["Resource"]["Fn::Sub"].endswith(":document/${HostCheckDocument}")
    named = {"Ref": "HostCheckInstanceArns"}
    assert hosts[1]["Resource"] == {"Fn::Split": [",", named]}
    assert template.default(named) == ""
    nothing = {"Fn::Equals": [named, ""]}
    assert template.data["Conditions"]["HasHostChecks"] == {"Fn::Not": [nothing]}
    assert template.data["Resources"]["HostCheckDocument"]["Condition"] == "HasHostChecks"
    others = [name for name in (*ROLES, *FOR_OTHERS) if name not in ("HealthCheckRole", *LAUNCHING)]
    assert not [each for name in others for each in _allowed(template, name) if "ssm:" in str(each["Action"])]


def test_recovery_sends_one_document_to_hosts_that_the_operator_names(template: Template) -> None:
    by_ssm = [each for each in _allowed(template, "RecoveryRole") if "ssm:" in str(each["Action"])]
    document, hosts, answers = by_ssm
    assert (document["Action"], hosts["Action"], {answers["Action"]}) == (*["ssm:SendCommand"] * 2, WITHOUT_RESOURCES)
    assert document["Resource"]["Fn::Sub"].endswith(":document/${LaunchDocument}")
    assert hosts["Resource"] == {"Fn::Split": [",", {"Ref": "SsmLauncherInstanceArns"}]}
    assert template.data["Resources"]["LaunchDocument"]["Condition"] == "HasSsmLauncher"
    told = template.functions()["RecoveryFunction"]["Environment"]["Variables"]["SSM_LAUNCHER_DOCUMENT"]
    assert told == {"Fn::If": ["HasSsmLauncher", {"Ref": "LaunchDocument"}, ""]}


def test_recovery_neither_changes_services_nor_judges_targets(template: Template) -> None:
    put = {"ControllersTable", "RecoveriesTable", "IncidentsTable", "IdempotencyTable"}
    assert _tables_where(template, "RecoveryRole", "PutItem") == put
    assert _tables_where(template, "RecoveryRole", "UpdateItem") == {*put, "ServicesTable"}
    keys = {"controller_id", "item"}
    assert _attributes_of(template, "RecoveryRole", "UpdateItem", "ServicesTable") == {*keys, "owner_epoch"}
    assert _attributes_of(template, "RecoveryRole", "Query", "ServicesTable") == keys
    assert "ServicesTable" not in _tables_where(template, "RecoveryRole", "GetItem")
    assert _tables_where(template, "RecoveryRole", "ConditionCheckItem") == {"RecoveriesTable"}


@pytest.mark.integration
def test_a_recovery_that_seals_writes_and_reads_no_attribute_that_it_may_not(
    template: Template, table_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = RecoveryWorld(table_prefix)
    transact([put_new(ServiceFence(CONTROLLER, fence_item("chat"), owner_epoch=1, seq=0))], world.clock)
    world.fences_on_host = True
    world.first.alive = False
    world.host.lost.add("first")
    sent, asked = writes_noted(monkeypatch), _queries_noted(monkeypatch, f"{table_prefix}services")
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED
    changes = changes_of(sent, f"{table_prefix}services")
    assert changes == [("Update", _attributes_of(template, "RecoveryRole", "UpdateItem", "ServicesTable"))]
    checked = {change["TableName"] for item in sent for kind, change in item.items() if kind == "ConditionCheck"}
    assert f"{table_prefix}recoveries" in checked
    (query,) = asked
    named = set(query["ExpressionAttributeNames"].values())
    assert named == _attributes_of(template, "RecoveryRole", "Query", "ServicesTable")
    assert query["ProjectionExpression"]


@pytest.mark.parametrize("role", LAUNCHING)
def test_nothing_may_be_launched_in_aws_by_default(template: Template, role: str) -> None:
    always, *launchers = template.properties(role)["Policies"]
    services = {
        action.partition(":")[0] for s in always["PolicyDocument"]["Statement"] for action in as_list(s["Action"])
    }
    probes = {"lambda"} if role == "GatewayReconcileRole" else set()
    assert services == {"dynamodb", "logs", "sns", "sqs"} | probes
    let_in = {}
    for policy in launchers:
        condition, granted, otherwise = policy["Fn::If"]
        assert otherwise == {"Ref": "AWS::NoValue"}
        let_in[granted["PolicyName"]] = _parameters_of(template, condition)
    published = PUBLISHING if role == "GatewayReconcileRole" else {}
    assert let_in == LAUNCHERS | published
    for parameter in set().union(*LAUNCHERS.values(), *PUBLISHING.values()):
        assert template.default({"Ref": parameter}) == ""


def test_what_a_launcher_may_do_ends_at_what_the_operator_named(template: Template) -> None:
    _, *launchers = template.properties("RecoveryRole")["Policies"]
    for policy in launchers:
        _, granted, _ = policy["Fn::If"]
        for statement in granted["PolicyDocument"]["Statement"]:
            if statement["Sid"] in BY_CONDITION:
                assert statement.get("Condition") == BY_CONDITION[statement["Sid"]]
            elif statement["Sid"] != "SendOnlyThisDocument":
                comma, named = statement["Resource"]["Fn::Split"]
                assert (comma, named["Ref"] in LAUNCHERS[granted["PolicyName"]]) == (",", True)
    passed = [s for s in _allowed(template, "RecoveryRole") if s["Action"] == "iam:PassRole"]
    assert {s["Condition"]["StringEquals"]["iam:PassedToService"] for s in passed} == {
        "ecs-tasks.amazonaws.com",
        "ec2.amazonaws.com",
    }
    (tags,) = [s for s in _allowed(template, "RecoveryRole") if s.get("Sid") == "TellTheseTheirEpoch"]
    written = tags["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"]
    assert set(written) == {*TAGS, LAUNCHED_BEFORE_TAG}
    variables = template.properties("RecoveryFunction")["Environment"]["Variables"]
    (ends,) = [s for s in _allowed(template, "RecoveryRole") if s.get("Sid") == "EndWhatItMade"]
    # What launch keys begin with, and so the tags of what they launched.
    of_this_stack = {"Fn::Sub": f"{variables['TABLE_PREFIX']['Fn::Sub']}*"}
    assert ends["Condition"]["StringLike"] == {f"aws:ResourceTag/{KEY_TAG}": of_this_stack}


@pytest.mark.e2e
def test_recovery_has_the_policies_of_launchers_where_a_stack_names_what_they_may_use(
    deployed_stack: LocalStack,
) -> None:
    iam, stack = deployed_stack.client("iam"), deployed_stack.outputs.table_prefix.removesuffix("-")
    roles = [page["Roles"] for page in iam.get_paginator("list_roles").paginate()]
    (role,) = [
        role["RoleName"] for some in roles for role in some if role["RoleName"].startswith(f"{stack}-RecoveryRole")
    ]
    # The embedded AWS has no SSM documents, so its stack names no hosts of launcher `ssm`.
    assert set(iam.list_role_policies(RoleName=role)["PolicyNames"]) == {"recovery", *LAUNCHERS} - {"launcher-ssm"}


def _parameters_of(template: Template, condition: str) -> set[str]:
    """The parameters that a condition looks at."""

    def within(part: Any) -> set[str]:
        match part:
            case {"Ref": name}:
                return {str(name)}
            case {"Condition": name}:
                return within(template.data["Conditions"][name])
            case dict():
                return set().union(*map(within, part.values()))
            case list():
                return set().union(*map(within, part))
            case _:
                return set()

    return within({"Condition": condition})


@pytest.mark.parametrize("name", ["DowntimeRole", *LAUNCHING, *FOR_OTHERS])
def test_nobody_can_delete_an_epoch_or_a_record_of_a_recovery(template: Template, name: str) -> None:
    deletable = _tables_where(template, name, "DeleteItem")
    assert not deletable & {"ControllersTable", "RecoveriesTable", "IncidentsTable"}


def test_on_call_writes_what_is_watched_and_neither_epochs_nor_what_runs(template: Template) -> None:
    written = set().union(*(_tables_where(template, "OnCallPolicy", action) for action in WRITES))
    assert written == {"IncidentsTable", "ReportsTable", "TargetsTable"}


def test_a_reader_may_only_look_and_on_call_may_all_that_a_reader_may(template: Template) -> None:
    def may(name: str) -> set[tuple[str, str]]:
        return {
            (action, json.dumps(resource))
            for statement in _allowed(template, name)
            for action in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        }

    looks = {"Describe", "Get", "Query", "Scan", "BatchGet", "Filter"}
    verbs_used = {action.partition(":")[2] for action, _ in may("ReaderPolicy")}
    assert [verb for verb in verbs_used if not verb.startswith(tuple(looks))] == []
    assert may("ReaderPolicy") <= may("OnCallPolicy")


def test_a_controller_records_recoveries_of_controllers_and_cannot_touch_the_global_switch(template: Template) -> None:
    (own,) = [s for s in _allowed(template, "ControllerPolicy") if s.get("Condition")]
    tables_written = {resource["Fn::GetAtt"][0] for resource in own["Resource"]}
    assert tables_written == {"IncidentsTable", "RecoveriesTable"}
    assert own["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["controller:*"]}}
    assert not GLOBAL_TARGET.startswith("controller:")


def test_a_gateway_follows_routes_reports_traffic_has_itself_checked_and_does_nothing_else(template: Template) -> None:
    allowed = {
        (action.removeprefix("dynamodb:"), s["Resource"]["Fn::GetAtt"][0])
        for s in _allowed(template, "GatewayPolicy")
        for action in as_list(s["Action"])
    }
    assert allowed == {
        ("GetItem", "LoadBalancersTable"),
        ("UpdateItem", "TrafficTable"),
        *((action, "GatewaysTable") for action in ("Query", "PutItem", "UpdateItem")),
        *((action, "TargetsTable") for action in ("GetItem", "PutItem", "UpdateItem")),
    }


@pytest.mark.integration
def test_a_gateway_that_comes_and_goes_writes_no_attribute_that_it_may_not(
    template: Template, table_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.bind(table_prefix)
    sent, clock = writes_noted(monkeypatch), SystemClock()
    register_replica(replace(_running("10.0.0.6"), name="default-2", number=2, epoch=3), clock)
    register_replica(replace(_running("10.0.0.6"), name="default-2", number=2, epoch=4), clock)
    registered = register_replica(_running("10.0.0.4"), clock)
    note_route(registered.key, RouteToTry(service="echo", host="echo.models.test"), clock)
    note_route(registered.key, None, clock)
    note_departure(registered.key, clock)
    register_replica(_running("10.0.0.5"), clock)
    kept_from = {"bad", "mode", "profile", "downtime", "paused", "asked", "kind"}
    for action, kind in (("PutItem", "Put"), ("UpdateItem", "Update")):
        for logical_id, table in (("GatewaysTable", "gateways"), ("TargetsTable", "targets")):
            allowed = _attributes_of(template, "GatewayPolicy", action, logical_id)
            changes = [changed for done, changed in changes_of(sent, f"{table_prefix}{table}") if done == kind]
            assert changes
            assert set().union(*changes) <= allowed
    assert kept_from <= set(Target.get_attributes())
    assert kept_from.isdisjoint(_attributes_of(template, "GatewayPolicy", "UpdateItem", "TargetsTable"))


def test_a_reporter_reports_for_the_target_its_role_is_tagged_with_and_does_nothing_else(template: Template) -> None:
    (only,) = _allowed(template, "ReporterPolicy")
    assert (only["Action"], only["Resource"]) == ("dynamodb:UpdateItem", {"Fn::GetAtt": ["ReportsTable", "Arn"]})
    limits = only["Condition"]["ForAllValues:StringEquals"]
    assert limits["dynamodb:LeadingKeys"] == ["push:${aws:PrincipalTag/paramedic-target}"]
    said = {attribute.attr_name for attribute in (Report.target_id, Report.reported_at, Report.problem)}
    assert set(limits["dynamodb:Attributes"]) == said


def test_a_controller_reads_the_secrets_it_is_given_and_none_by_default(template: Template) -> None:
    own = [s for s in _allowed(template, "ControllerPolicy") if not str(s["Action"]).count("dynamodb:")]
    resource = {"Ref": "ReplicaSecretArns"}
    assert [(s["Action"], s["Resource"]) for s in own] == [("secretsmanager:GetSecretValue", resource)]
    assert template.default(resource) == ""
    (conditional,) = [s for s in _raw_statements(template, "ControllerPolicy") if "Fn::If" in s]
    condition, _, otherwise = conditional["Fn::If"]
    assert otherwise == {"Ref": "AWS::NoValue"}
    nothing = {"Fn::Equals": [{"Fn::Join": ["", resource]}, ""]}
    assert template.data["Conditions"][condition] == {"Fn::Not": [nothing]}


def test_a_deployer_writes_desired_state_and_acts_on_nothing_else(template: Template) -> None:
    assert _tables_where(template, "DeployerPolicy", "PutItem") == {"GatewaysTable", "ServicesTable"}
    assert not _tables_where(template, "DeployerPolicy", "DeleteItem")
    conditional = {"ControllersTable", "GatewaysTable", "LoadBalancersTable"}
    assert _tables_where(template, "DeployerPolicy", "UpdateItem") == {"ServicesTable"} | conditional
    assert set(_attributes_allowed(template, "DeployerPolicy")) == conditional
    actions = {action for s in _allowed(template, "DeployerPolicy") for action in as_list(s["Action"])}
    assert {action for action in actions if not action.startswith("dynamodb:")} == {"lambda:InvokeFunction"}
    (asking,) = [s for s in _allowed(template, "DeployerPolicy") if s["Action"] == "lambda:InvokeFunction"]
    assert asking["Resource"] == {"Fn::GetAtt": ["GatewayReconcileFunction", "Arn"]}


def test_the_end_of_a_downtime_changes_no_fence_spec_or_verdict_and_deletes_only_what_was_planned(
    template: Template,
) -> None:
    allowed = _attributes_allowed(template, "DowntimeRole")
    kept_from: dict[str, tuple[tuple[type[Row], str], ...]] = {
        "ServicesTable": ((ServiceFence, "owner_epoch"), (ServiceSpecRow, "spec"), (ObservedService, "status")),
        "ControllersTable": ((ControllerEpoch, "epoch"), (ControllerHeartbeat, "sequence")),
        "TargetsTable": ((Target, "bad"), (Target, "mode"), (Target, "profile"), (Target, "url")),
    }
    assert set(allowed) == set(kept_from)
    for table, fields in kept_from.items():
        assert {getattr(model, field).attr_name for model, field in fields}.isdisjoint(allowed[table])
    [deleting] = [s for s in _allowed(template, "DowntimeRole") if "dynamodb:DeleteItem" in as_list(s["Action"])]
    assert deleting["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [PARTITION]}}
    assert not _tables_where(template, "DowntimeRole", "PutItem")


@pytest.mark.integration
def test_a_pass_over_planned_downtimes_writes_no_attribute_that_it_may_not(
    template: Template, table_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = DowntimeWorld(table_prefix)
    world.plan()
    world.plan(subject=CONTROLLER_ITSELF)
    shop = UrlTarget(name="shop", url="http://shop.example/")
    add_target(shop.row(), world.clock)
    add_window(TargetSubject(shop.target_id), NIGHTS, "ada", "", world.clock)
    sent = writes_noted(monkeypatch)
    for time in ("20:00", "2026-01-06T07:00:00", "2026-01-06T07:10:00"):
        world.tick_at(time)
    allowed = _attributes_allowed(template, "DowntimeRole")
    for logical_id, table in (
        ("ServicesTable", "services"),
        ("ControllersTable", "controllers"),
        ("TargetsTable", "targets"),
    ):
        changes = changes_of(sent, f"{table_prefix}{table}")
        assert changes
        for kind, attributes in changes:
            assert kind == "Update"
            assert attributes <= allowed[logical_id]


def test_a_deployer_cannot_touch_an_epoch_a_heartbeat_or_a_route(template: Template) -> None:
    allowed = _attributes_allowed(template, "DeployerPolicy")
    kept_from: dict[str, tuple[type[Row], ...]] = {
        "ControllersTable": (ControllerEpoch, ControllerHeartbeat, ControllerEndpoint),
        "LoadBalancersTable": (LoadBalancer,),
    }
    for table, models in kept_from.items():
        for attributes in (model.get_attributes().values() for model in models):
            keys = {a.attr_name for a in attributes if a.is_hash_key or a.is_range_key}
            assert allowed[table] & {a.attr_name for a in attributes} == keys


@pytest.mark.integration
def test_up_and_down_write_no_attribute_that_a_deployer_may_not(
    template: Template, table_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.bind(table_prefix)
    register("main", "127.0.0.1", 18080, "local", SystemClock())
    sent = writes_noted(monkeypatch)
    _up_and_down("main")
    allowed = _attributes_allowed(template, "DeployerPolicy")
    for logical_id, table in {"ControllersTable": "controllers", "LoadBalancersTable": "load_balancers"}.items():
        changes = changes_of(sent, f"{table_prefix}{table}")
        assert changes
        for kind, attributes in changes:
            assert kind == "Update"
            assert attributes <= allowed[logical_id]


def _queries_noted(monkeypatch: pytest.MonkeyPatch, table: str) -> list[dict[str, Any]]:
    """From now on, every query of a table."""
    asked: list[dict[str, Any]] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noting(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "Query" and arguments["TableName"] == table:
            asked.append(arguments)
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noting)
    return asked


def _running(address: str) -> RunningReplica:
    url = f"http://{address}:8080/.paramedic/health"
    return RunningReplica(gateway="default", name="edge-a", hostname=address, port=8080, health_url=url)


def _attributes_of(template: Template, name: str, action: str, table: str) -> set[str]:
    """The attributes that an action of a policy is limited to on a table."""
    [allowed] = [
        statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"]
        for statement in _allowed(template, name)
        if f"dynamodb:{action}" in as_list(statement["Action"])
        and [each.get("Fn::GetAtt", [None])[0] for each in as_list(statement["Resource"])] == [table]
    ]
    return set(allowed)


@pytest.fixture
def controller(deployed_stack: LocalStack) -> Iterator[str]:
    """A controller of the deployed stack that has never run; no longer watched after the test."""
    name = f"c{uuid.uuid4().hex[:8]}"
    with pytest.MonkeyPatch.context() as monkeypatch:
        _use(deployed_stack.environment, monkeypatch)
        register(name, "127.0.0.1", 18080, "local", SystemClock())
    yield name
    with pytest.MonkeyPatch.context() as monkeypatch:
        _use(deployed_stack.environment, monkeypatch)
        remove_target(controller_target_id(name), SystemClock())


@pytest.mark.e2e
def test_a_deployers_keys_are_enough_for_up_and_down_and_delete_nothing(
    deployed_stack: LocalStack, controller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = deployed_stack.outputs
    keys = deployed_stack.environment_under("deployer-test", outputs.deployer_policy_arn)
    _use(keys, monkeypatch)
    assert controller in controller_ids()
    _up_and_down(controller)
    dynamodb = client("dynamodb", keys)
    fence = {"controller_id": {"S": controller}, "item": {"S": fence_item(controller)}}
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.delete_item(TableName=f"{outputs.table_prefix}services", Key=fence)
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.put_item(TableName=f"{outputs.table_prefix}controllers", Item=fence)
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        client("lambda", keys).invoke(FunctionName=outputs.recovery_function_name, Payload=b"{}")


@pytest.mark.e2e
def test_what_the_deployed_recovery_may_do_is_enough_to_seal_fences_and_reads_none_of_them(
    deployed_stack: LocalStack, controller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, clock = deployed_stack.outputs, SystemClock()
    _use(deployed_stack.environment, monkeypatch)
    transact([put_new(ServiceFence(controller, fence_item("chat"), owner_epoch=1, seq=0))], clock)
    row = Recovery(controller_target_id(controller), grant_next_epoch(controller, clock))
    # Held for as long as the test lasts, so that no sweep takes it.
    held = (Recovery.step.set(Step.STOP), Recovery.owner.set("test"), Recovery.deadline.set(2**33))
    transact([Update(row, held)], clock)
    keys = deployed_stack.environment_under("sealing-test", _policy_of(deployed_stack, outputs.recovery_function_name))
    _use(keys, monkeypatch)
    assert seal_for_recovery(row, "test", clock) == 1
    services = client("dynamodb", keys)
    fence = {"controller_id": {"S": controller}, "item": {"S": fence_item("chat")}}
    for call, fields in ((services.get_item, {"Key": fence}), (services.put_item, {"Item": fence})):
        with pytest.raises(services.exceptions.ClientError, match="AccessDenied"):
            call(TableName=f"{outputs.table_prefix}services", **fields)
    _use(deployed_stack.environment, monkeypatch)
    transact([Update(row, (Recovery.step.set(Step.SUPERSEDED), Recovery.open_marker.remove()))], clock)
    sealed, beats = ServiceFence.read(controller, fence_item("chat")), ControllerHeartbeat.read(controller, HEARTBEAT)
    assert sealed is not None
    assert beats is not None
    assert (sealed.owner_epoch, beats.sealed_epoch, beats.sequence) == (2, 2, 0)


@pytest.mark.e2e
def test_what_the_deployed_recovery_may_do_is_enough_to_look_whether_a_drill_may_be_made_and_to_say_why_not(
    deployed_stack: LocalStack, controller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, clock = deployed_stack.outputs, SystemClock()
    _use(deployed_stack.environment, monkeypatch)
    target_id = controller_target_id(controller)
    change_drill_window(target_id, "00:00-23:59", clock)
    schedule_drills(stored_target(target_id), 1, "ada", "test", clock)
    DrillSchedule(DRILLS, target_id).update(actions=[DrillSchedule.due_at.set("2026-01-01T00:00:00Z")])
    keys = deployed_stack.environment_under("drilling-test", _policy_of(deployed_stack, outputs.recovery_function_name))
    _use(keys, monkeypatch)
    around = make_surroundings(
        guard=AddressGuard(), profiles={}, page=lambda *_: True, stale_seconds=10.0, approval_minutes=1.0
    )
    drill_what_is_due(clock.now(), around)
    _use(deployed_stack.environment, monkeypatch)
    kept = DrillSchedule.read(DRILLS, target_id)
    assert kept is not None
    assert kept.waits_for
    end_drills(target_id, clock)


def _policy_of(stack: LocalStack, function: str) -> str:
    """What a deployed function may do, but for launchers, as a policy that users can be given; its ARN."""
    role = stack.client("lambda").get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
    iam = stack.client("iam")
    document = iam.get_role_policy(RoleName=role, PolicyName="recovery")["PolicyDocument"]
    name = f"as-{role}-{uuid.uuid4().hex[:8]}"
    return str(iam.create_policy(PolicyName=name[-60:], PolicyDocument=json.dumps(document))["Policy"]["Arn"])


@pytest.mark.e2e
def test_on_calls_keys_are_enough_to_have_a_url_checked_and_to_probe_it_from_the_stack(
    deployed_stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, name = deployed_stack.outputs, f"t{uuid.uuid4().hex[:8]}"
    _use(deployed_stack.environment_under("guarding-test", outputs.on_call_policy_arn), monkeypatch)
    stack = outputs.table_prefix.removesuffix("-")

    def types(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--stack", stack, "target", *arguments])

    assert types("add", name, "http://169.254.169.254/").exit_code == 0
    refused = types("test", name)
    assert (refused.exit_code, "never probed" in refused.stdout) == (1, True), refused.output
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert types("add", name, f"tcp://127.0.0.1:{listening.getsockname()[1]}").exit_code == 0
        assert types("test", name).stdout.startswith(f"url:{name}: ok (")
        there = ("--probe-from", "vpc")
        added = types("add", name, f"tcp://127.0.0.1:{listening.getsockname()[1]}", *there)
        assert added.exit_code == 0, added.stderr
        assert " from vpc" in types("list").stdout
        assert types("test", name).stdout.startswith(f"url:{name}: ok (")
    assert types("remove", name).exit_code == 0
    file = tmp_path / "targets.yaml"
    file.write_text(f"targets: [{{name: {name}, ssm: {{instance: i-01234567, check: unit, unit: chat}}}}]")
    out_of_reach = types("add", "--file", str(file))
    assert (out_of_reach.exit_code, "HostCheckInstanceArns" in out_of_reach.stderr) == (2, True), out_of_reach.output


@pytest.mark.e2e
def test_a_reporters_keys_report_and_the_deployed_check_hears_it_but_they_change_no_target(
    deployed_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, name = deployed_stack.outputs, f"t{uuid.uuid4().hex[:8]}"
    stack, target_id = outputs.table_prefix.removesuffix("-"), f"push:{name}"
    keys = deployed_stack.environment_under("reporter-test", outputs.reporter_policy_arn)
    on_call = deployed_stack.environment_under("awaiting-test", outputs.on_call_policy_arn)

    def types(environment: Mapping[str, str], *arguments: str) -> Result:
        _use(environment, monkeypatch)
        boto3.DEFAULT_SESSION = None
        return CliRunner().invoke(app, ["--stack", stack, "target", *arguments])

    added = types(on_call, "add", name, "--push", "--silent-after", "60")
    assert added.exit_code == 0, added.output
    said = types(keys, "report", name, "--failing", "no space left")
    assert said.exit_code == 0, said.output
    dynamodb = client("dynamodb", keys)
    key = {"bucket": {"N": str(bucket_of(target_id))}, "target_id": {"S": target_id}}
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.update_item(TableName=f"{outputs.table_prefix}targets", Key=key)
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.delete_item(TableName=f"{outputs.table_prefix}reports", Key={"target_id": {"S": target_id}})
    _check(deployed_stack, bucket_of(target_id))
    assert "no space left" in types(on_call, "list").stdout
    assert types(on_call, "remove", name).exit_code == 0
    assert "not registered" in types(keys, "report", name).stderr


def _check(stack: LocalStack, bucket: int) -> None:
    body = json.dumps({"tick": to_iso(SystemClock().now()), "buckets": [bucket]})
    event = {"Records": [{"messageId": "m", "body": body}]}
    assert stack.invoke(stack.outputs.check_function_name, event) == {"batchItemFailures": []}


@pytest.mark.e2e
def test_the_deployed_function_may_do_all_that_a_downtime_asks_for(
    deployed_stack: LocalStack, controller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, clock = deployed_stack.outputs, SystemClock()
    _use(deployed_stack.environment_under("planner-test", outputs.deployer_policy_arn), monkeypatch)
    verbs.up(controller, parse_spec({**SERVICE, "name": controller}), "tester", clock=clock, new_id=lambda: controller)
    service, itself = Subject(controller, controller), Subject(controller)
    plan = OneOff(begin=clock.now(), end=clock.now() + timedelta(hours=1))
    numbers = [add_window(subject, plan, "tester", "a test", clock).number for subject in (service, itself)]
    _tick(deployed_stack)
    assert _desired(controller).state == PAUSED
    assert stored_controller_target(controller).is_off_on_purpose(clock.now())
    for subject, number in zip((service, itself), numbers, strict=True):
        remove_window(subject, number, "tester", clock)
    _tick(deployed_stack)
    assert _desired(controller).state == RUNNING
    assert not stored_controller_target(controller).is_off_on_purpose(clock.now())
    verbs.down(controller, controller, "tester", clock=clock)
    for _ in range(2):
        _tick(deployed_stack)
    assert PlannedDowntime.read(PARTITION, service.item) is None
    assert PlannedDowntime.read(PARTITION, itself.item) is None


@pytest.mark.e2e
def test_on_calls_keys_plan_a_targets_downtime_which_the_deployed_function_tells_the_checks(
    deployed_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, clock, name = deployed_stack.outputs, SystemClock(), f"t{uuid.uuid4().hex[:8]}"
    _use(deployed_stack.environment_under("target-planner-test", outputs.on_call_policy_arn), monkeypatch)
    target = UrlTarget(name=name, url="http://127.0.0.1:1/")
    add_target(target.row(), clock)
    subject = TargetSubject(target.target_id)
    plan = OneOff(begin=clock.now(), end=clock.now() + timedelta(hours=1))
    number = add_window(subject, plan, "tester", "a test", clock).number
    _tick(deployed_stack)
    assert stored_target(target.target_id).is_off_on_purpose(clock.now())
    remove_window(subject, number, "tester", clock)
    _tick(deployed_stack)
    assert not stored_target(target.target_id).is_off_on_purpose(clock.now())
    remove_target(target.target_id, clock)
    assert TargetDowntime.read(WINDOWS_BUCKET, target.target_id) is None


def _tick(stack: LocalStack) -> None:
    payload = (project_root() / "events/downtime.json").read_bytes()
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs.downtime_function_name, Payload=payload)
    assert "FunctionError" not in answer, answer["Payload"].read()


def _desired(controller_id: str) -> DesiredService:
    row = DesiredService.read(controller_id, desired_item(controller_id))
    assert row is not None
    return row


@pytest.mark.e2e
def test_a_controllers_keys_read_the_secrets_of_its_replicas_and_no_other(
    deployed_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, other = (f"{prefix}/{uuid.uuid4().hex}" for prefix in ("replicas", "others"))
    for name in (given, other):
        deployed_stack.client("secretsmanager").create_secret(Name=name, SecretString="s3cret")
    policy = deployed_stack.outputs.controller_policy_arn
    _use(deployed_stack.environment_under("controller-secrets-test", policy), monkeypatch)
    assert fetch_from_secrets_manager(given) == "s3cret"
    with pytest.raises(SecretError, match="AccessDenied"):
        fetch_from_secrets_manager(other)


@pytest.mark.e2e
def test_on_calls_keys_write_neither_services_nor_controllers(deployed_stack: LocalStack) -> None:
    outputs = deployed_stack.outputs
    dynamodb = client("dynamodb", deployed_stack.environment_under("on-call-test", outputs.on_call_policy_arn))
    key = {"controller_id": {"S": "main"}, "item": {"S": "desired#chat"}}
    for table in ("controllers", "services"):
        with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
            dynamodb.put_item(TableName=f"{outputs.table_prefix}{table}", Item=key)


@pytest.mark.e2e
def test_a_gateways_keys_change_no_route_and_read_no_service(deployed_stack: LocalStack) -> None:
    outputs = deployed_stack.outputs
    dynamodb = client("dynamodb", deployed_stack.environment_under("gateway-test", outputs.gateway_policy_arn))
    route = {"gateway": {"S": "default"}, "service": {"S": "nosuch"}}
    table = f"{outputs.table_prefix}load_balancers"
    assert "Item" not in dynamodb.get_item(TableName=table, Key=route)
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.put_item(TableName=table, Item=route)
    service = {"controller_id": {"S": "main"}, "item": {"S": "desired#chat"}}
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.get_item(TableName=f"{outputs.table_prefix}services", Key=service)
    target = {"bucket": {"N": "1"}, "target_id": {"S": "url:nosuch"}}
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.delete_item(TableName=f"{outputs.table_prefix}targets", Key=target)


@pytest.mark.e2e
def test_whoever_runs_the_stack_locally_can_deploy_and_act_by_hand(
    deployed_stack: LocalStack, controller: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = HostLayout(tmp_path)
    layout.prepare()
    grant_access(deployed_stack, layout)
    keys = read_environment_file(layout.operator_environment)
    _use(keys, monkeypatch)
    _up_and_down(controller)
    request = {"action": "recover", "target": "controller:nobody", "actor": "me", "reason": "test"}
    recovery = deployed_stack.outputs.recovery_function_name
    answer = client("lambda", keys).invoke(
        FunctionName=recovery, Payload=json.dumps({**request, "request_id": uuid.uuid4().hex}).encode()
    )
    assert "(got 'controller:nobody')" in answer["Payload"].read().decode()


def _raw_statements(template: Template, name: str) -> list[dict[str, Any]]:
    """As they are written, conditions and all."""
    return list(template.properties(name)["PolicyDocument"]["Statement"])


def _attributes_allowed(template: Template, name: str) -> dict[str, set[str]]:
    """By table, the attributes that the updates of a role or policy are limited to."""
    return {
        statement["Resource"]["Fn::GetAtt"][0]: set(
            statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"]
        )
        for statement in _allowed(template, name)
        if "dynamodb:Attributes" in statement.get("Condition", {}).get("ForAllValues:StringEquals", {})
    }


def _use(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tables.bind(environment["TABLE_PREFIX"])


def _up_and_down(controller_id: str) -> None:
    # A gateway's service names are its own, and it is one stack for all these tests.
    spec = parse_spec({**SERVICE, "name": controller_id})
    verbs.up(controller_id, spec, "tester", clock=SystemClock(), new_id=lambda: uuid.uuid4().hex)
    changes.update(controller_id, spec.model_copy(update={"run": "other"}), "tester", clock=SystemClock())
    changes.restart(controller_id, spec.name, "tester", clock=SystemClock())
    changes.scale(controller_id, spec.name, lambda policy: policy, "tester", clock=SystemClock())
    verbs.down(controller_id, spec.name, "tester", clock=SystemClock())


def test_only_their_own_service_can_assume_the_roles(template: Template) -> None:
    for role in ROLES:
        (statement,) = template.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        expected = "scheduler.amazonaws.com" if role == "SchedulerRole" else "lambda.amazonaws.com"
        assert statement["Principal"] == {"Service": expected}
