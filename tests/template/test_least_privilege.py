"""Who may do what: per function, table and action, and nothing by wildcard."""

from typing import Any

import pytest

from tests.template.conftest import Template, as_list

ROLES = ("HealthDispatchRole", "HealthProbeRole", "HealthCheckRole", "RecoveryRole", "SchedulerRole")
FOR_OTHERS = ("ControllerPolicy", "OperatorPolicy")
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}


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
        assert not [resource for resource in as_list(statement["Resource"]) if "*" in str(resource)]


def test_the_prober_may_only_have_its_logs_written(template: Template) -> None:
    (statement,) = _allowed(template, "HealthProbeRole")
    assert set(statement["Action"]) == LOGS
    assert statement["Resource"] == {"Fn::GetAtt": ["HealthProbeLogs", "Arn"]}


def test_the_probers_own_code_is_denied_everything(template: Template) -> None:
    (deny,) = [s for s in template.statements("HealthProbeRole") if s["Effect"] == "Deny"]
    assert (deny["Action"], deny["Resource"]) == ("*", "*")
    arn = deny["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]["Fn::Sub"]
    name = template.properties("HealthProbeFunction")["FunctionName"]["Fn::Sub"]
    assert arn == f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{name}"


def test_checks_write_targets_and_no_other_table(template: Template) -> None:
    assert _tables_where(template, "HealthCheckRole", "UpdateItem") == {"TargetsTable"}
    assert not _tables_where(template, "HealthCheckRole", "PutItem")
    assert not _tables_where(template, "HealthDispatchRole", "UpdateItem")


def test_recovery_neither_changes_services_nor_judges_targets(template: Template) -> None:
    written = _tables_where(template, "RecoveryRole", "UpdateItem") | _tables_where(template, "RecoveryRole", "PutItem")
    assert written == {"ControllersTable", "RecoveriesTable", "IncidentsTable", "IdempotencyTable"}


@pytest.mark.parametrize("name", ["RecoveryRole", *FOR_OTHERS])
def test_nobody_can_delete_an_epoch_or_a_record_of_a_recovery(template: Template, name: str) -> None:
    deletable = _tables_where(template, name, "DeleteItem")
    assert not deletable & {"ControllersTable", "RecoveriesTable", "IncidentsTable"}


def test_the_operator_cannot_write_what_controllers_observed(template: Template) -> None:
    observed = {"ReplicasTable", "AutoscalersTable", "OperationsTable", "LoadBalancersTable", "TrafficTable"}
    for action in ("PutItem", "DeleteItem"):
        assert not observed & _tables_where(template, "OperatorPolicy", action)
    # `up` creates the index of a gateway that has none.
    assert observed & _tables_where(template, "OperatorPolicy", "UpdateItem") == {"LoadBalancersTable"}


def test_only_their_own_service_can_assume_the_roles(template: Template) -> None:
    for role in ROLES:
        (statement,) = template.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        expected = "scheduler.amazonaws.com" if role == "SchedulerRole" else "lambda.amazonaws.com"
        assert statement["Principal"] == {"Service": expected}
