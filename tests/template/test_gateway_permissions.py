"""Who keeps gateways, and who wants them, may write what that takes and nothing else."""

import fnmatch
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from paramedic.gateways import verbs
from paramedic.state import tables
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.recoveries import Recovery
from paramedic.state.wanted_gateways import DESIRED, PlacedReplica
from paramedic_cli.local.project import project_root
from paramedic_cli.local.stack import LocalStack
from tests.fakes.gateway_world import GATEWAY, GatewayWorld
from tests.fakes.noted_writes import writes_noted
from tests.template.conftest import Template, as_list

TABLES = {
    "ControllersTable": "controllers",
    "GatewaysTable": "gateways",
    "RecoveriesTable": "recoveries",
    "TargetsTable": "targets",
    "TrafficTable": "traffic",
}
HASH_KEYS = {"controllers": "controller_id", "gateways": "gateway", "recoveries": "target_id"}


def _statements(template: Template, role: str, action: str, table: str) -> list[dict[str, Any]]:
    return [
        statement
        for statement in template.statements(role)
        if f"dynamodb:{action}" in as_list(statement["Action"])
        and {"Fn::GetAtt": [table, "Arn"]} in as_list(statement["Resource"])
    ]


def _permits(statement: dict[str, Any], kind: str, change: dict[str, Any], table: str) -> bool:
    """Whether the statement's conditions let a change through, as IAM would see it."""
    conditions = statement.get("Condition", {})
    like = conditions.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
    limited = conditions.get("ForAllValues:StringEquals", {}).get("dynamodb:Attributes")
    item = change["Item"] if kind == "Put" else change["Key"]
    named = {*item, *change.get("ExpressionAttributeNames", {}).values()}
    key = next(iter(item[HASH_KEYS[table]].values())) if like else ""
    fits = like is None or any(fnmatch.fnmatchcase(str(key), pattern) for pattern in like)
    return fits and (limited is None or named <= set(limited))


def _require_allowed(template: Template, role: str, sent: list[dict[str, Any]], prefix: str) -> set[tuple[str, str]]:
    """Every change was allowed; which kinds there were, by table."""
    seen = set()
    for item in sent:
        for kind, change in item.items():
            table = change["TableName"].removeprefix(prefix)
            logical = next(name for name, found in TABLES.items() if found == table)
            statements = _statements(template, role, f"{kind}Item", logical)
            assert any(_permits(each, kind, change, table) for each in statements), (role, kind, change)
            seen.add((kind, table))
    return seen


@pytest.mark.integration
def test_a_gateways_whole_life_takes_no_write_that_its_keeper_may_not_make(
    template: Template, table_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = GatewayWorld(table_prefix)
    keeper = writes_noted(monkeypatch)

    def by_others(act: Callable[[], None]) -> None:
        before = len(keeper)
        act()
        del keeper[before:]

    agents_go_on = world.agents_go_on
    world.agents_go_on = lambda: by_others(agents_go_on)  # type: ignore[method-assign]
    world.clock.on_sleep = world.agents_go_on
    by_others(lambda: world.up(replicas=2))
    world.hosts["a"].mute = {2}
    world.runs(2)
    world.hosts["a"].mute = set()
    world.runs(2)
    by_others(lambda: world.update(replicas=1))
    world.run()
    by_others(lambda: verbs.down(GATEWAY, "ada", world.clock))
    world.run()
    kinds = _require_allowed(template, "GatewayReconcileRole", keeper, table_prefix)
    assert {("Delete", "gateways"), ("Put", "controllers"), ("Update", "controllers"), ("Update", "targets")} <= kinds


@pytest.mark.integration
def test_wanting_a_gateway_takes_no_write_that_a_deployer_may_not_make(
    template: Template, table_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = GatewayWorld(table_prefix)
    sent = writes_noted(monkeypatch)
    world.up()
    world.update(domain="example.com", replicas=3)
    verbs.redeploy(GATEWAY, "ada", world.clock)
    verbs.down(GATEWAY, "ada", world.clock)
    assert _require_allowed(template, "DeployerPolicy", sent, table_prefix) == {
        ("Put", "gateways"),
        ("Update", "gateways"),
    }


def test_a_gateway_replica_and_a_deployer_are_kept_from_what_the_keeper_writes_down(template: Template) -> None:
    for statement in _statements(template, "GatewayPolicy", "UpdateItem", "GatewaysTable"):
        assert statement["Condition"]["ForAllValues:StringNotLike"] == {"dynamodb:LeadingKeys": [f"{DESIRED}*"]}
    (wanting,) = _statements(template, "DeployerPolicy", "UpdateItem", "GatewaysTable")
    own = {attribute.attr_name for attribute in (PlacedReplica.phase, PlacedReplica.receipt, PlacedReplica.profile)}
    assert own.isdisjoint(wanting["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"])


def test_the_keeper_is_kept_from_epochs_and_recoveries_of_controllers(template: Template) -> None:
    for table, model in (("ControllersTable", ControllerEpoch), ("RecoveriesTable", Recovery)):
        for action in ("PutItem", "UpdateItem"):
            for statement in _statements(template, "GatewayReconcileRole", action, table):
                limits = statement["Condition"]["ForAllValues:StringLike"]
                assert limits == {"dynamodb:LeadingKeys": ["gateway:*"]}, model
        assert not _statements(template, "GatewayReconcileRole", "DeleteItem", table)


@pytest.mark.e2e
def test_the_deployed_function_may_do_all_that_it_takes_to_say_why_a_gateway_has_no_replica(
    deployed_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = deployed_stack.outputs
    for name, value in deployed_stack.environment_under("gateways-test", outputs.deployer_policy_arn).items():
        monkeypatch.setenv(name, value)
    tables.bind(outputs.table_prefix)
    world = GatewayWorld(outputs.table_prefix)
    spec = world.spec(name=f"g{uuid.uuid4().hex[:8]}", backend="nowhere")
    verbs.up(spec, "ada", world.clock)
    event = json.loads((project_root() / "events/gateway_reconcile.json").read_text())
    done = deployed_stack.invoke(outputs.gateway_reconcile_function_name, event)
    assert "launcher profile 'nowhere' does not exist" in str(done[spec.name])
    verbs.down(spec.name, "ada", world.clock)
    deployed_stack.invoke(outputs.gateway_reconcile_function_name, {"gateway": spec.name})
    assert spec.name not in deployed_stack.invoke(outputs.gateway_reconcile_function_name, event)
