"""Whoever keeps gateways of dstack may write these and nothing else."""

import pytest

from paramedic.clock import SystemClock
from paramedic.gateways.dstack.desired import DesiredGateway, GatewayReplica, Project, Service
from paramedic.gateways.dstack.stored import NOTHING_NOTED, Noted, apply, read_desired, read_notes, write_notes
from paramedic.state import tables
from paramedic.state.dstack_gateways import ReplicaNotes, partition_of
from paramedic.state.targets import Target
from paramedic_cli.local.stack import LocalStack
from tests.template.conftest import Template, as_list

CLOCK = SystemClock()


def gateway(*services: str) -> DesiredGateway:
    replica = GatewayReplica(name="a", api="http://10.0.0.4:8000", serves_at="http://10.0.0.4")
    return DesiredGateway(
        name="front",
        replicas=(replica,),
        projects={"main": Project(ssh_key_file="/keys/main")},
        services=tuple(Service(project="main", name=each, id="1", domain=f"{each}.example") for each in services),
    )


def test_it_reaches_partitions_of_gateways_of_dstack_and_no_routes_of_paramedics_own(template: Template) -> None:
    (only,) = template.statements("DstackPolicy")
    assert only["Resource"] == {"Fn::GetAtt": ["LoadBalancersTable", "Arn"]}
    assert only["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [partition_of("*")]}}
    # A scan names no keys, and a condition on all of none holds.
    assert "dynamodb:Scan" not in as_list(only["Action"])


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
