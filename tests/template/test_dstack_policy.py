"""Whoever keeps gateways of dstack may write these and nothing else."""

import pytest

from paramedic.clock import SystemClock
from paramedic.gateways.dstack.desired import DesiredGateway, GatewayReplica, Project, Service
from paramedic.gateways.dstack.stored import NOTHING_NOTED, Noted, apply, read_desired, read_notes, write_notes
from paramedic.state import tables
from paramedic.state.dstack_gateways import ReplicaNotes
from paramedic.state.targets import Target
from paramedic_cli.local.stack import LocalStack
from tests.template.conftest import Template, as_list

CLOCK = SystemClock()
WRITES = ("dynamodb:*", "dynamodb:Put", "dynamodb:Update", "dynamodb:Delete", "dynamodb:BatchWrite")


def gateway(*services: str) -> DesiredGateway:
    replica = GatewayReplica(name="a", api="http://10.0.0.4:8000", serves_at="http://10.0.0.4")
    return DesiredGateway(
        name="front",
        replicas=(replica,),
        projects={"main": Project(ssh_key="main")},
        services=tuple(Service(project="main", name=each, id="1", domain=f"{each}.example") for each in services),
    )


def test_it_reaches_one_table_which_nobody_else_writes_for_it_says_where_keys_are_sent(template: Template) -> None:
    (only,) = template.statements("DstackPolicy")
    table = {"Fn::GetAtt": ["DstackGatewaysTable", "Arn"]}
    assert only["Resource"] == table
    writers = {
        name
        for name in template.of_type("AWS::IAM::Role") | template.of_type("AWS::IAM::ManagedPolicy")
        for statement in template.statements(name)
        if table in as_list(statement["Resource"])
        and any(action.startswith(WRITES) for action in as_list(statement["Action"]))
    }
    assert writers == {"DstackPolicy"}


def test_with_the_policy_alone_a_gateway_is_desired_changed_and_noted(
    deployed_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = deployed_stack.outputs
    for name, value in deployed_stack.environment_under("dstack-test", outputs.dstack_policy_arn).items():
        monkeypatch.setenv(name, value)
    tables.bind(outputs.table_prefix)
    apply(gateway("one", "two"), "me", CLOCK)
    assert apply(gateway("two", "three"), "me", CLOCK).removed == 1
    assert read_desired("front").gateway.by_key == gateway("two", "three").by_key
    for version in (1, 2):
        former = read_notes("front").get("a", NOTHING_NOTED)
        assert isinstance(former, Noted)
        write_notes("front", "a", former, ReplicaNotes(closed_passes=version), CLOCK)
    assert read_notes("front")["a"] == Noted(ReplicaNotes(closed_passes=2), 2)
    with pytest.raises(tables.StateUnreachableError, match="AccessDenied"):
        Target.read_all(0)
