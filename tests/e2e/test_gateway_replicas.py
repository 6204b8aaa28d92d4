"""A gateway of several real replicas on the deployed stack: agents, Envoys, and the functions that keep them."""

import json
import os
import signal
from collections.abc import Callable, Iterator

import httpx
import pytest

from paramedic.clock import SystemClock
from paramedic.gateways import verbs
from paramedic.gateways.spec_files import parse_gateway
from paramedic.gateways.view import GatewayView, read_rows, view_of
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.wanted_gateways import read_desired, read_placed
from paramedic_cli.host.layout import GATEWAY_PROFILE
from tests.e2e.conftest import Deployed, signal_group
from tests.fakes.gateway_replica import publish
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

GATEWAY = "twin"
PORT = 8085
FIRST = GatewayReplicaKey(GATEWAY, 1)


@pytest.fixture
def gateway(deployed: Deployed) -> Iterator[Deployed]:
    """A gateway of two replicas with a service; taken down after the test."""
    wanted = {"backend": GATEWAY_PROFILE, "replicas": 2, "port": PORT, "domain": "models.test"}
    with Upstream(name="one") as upstream:
        publish("echo", 1, [upstream.url], port=9103, gateway=GATEWAY)
        verbs.up(parse_gateway({"type": "gateway", "name": GATEWAY, **wanted}), "ada", SystemClock())
        yield deployed
        verbs.down(GATEWAY, "ada", SystemClock())
        eventually(lambda: kept(deployed) and read_desired(GATEWAY) is None, "the gateway to be gone")


def kept(deployed: Deployed) -> bool:
    """A run of the deployed function, as people's commands ask for it."""
    function = deployed.stack.outputs.gateway_reconcile_function_name
    deployed.stack.invoke(function, {"gateway": GATEWAY})
    return True


def view() -> GatewayView:
    rows = read_rows(GATEWAY)
    assert rows is not None
    return view_of(rows)


def kill(deployed: Deployed, key: GatewayReplicaKey) -> None:
    """kill -9 of the agent's process group, then of its Envoy, which would serve on."""
    [receipt] = [row.receipt for row in read_placed(key.gateway) if row.replica_num == key.number]
    assert receipt is not None
    signal_group(receipt, signal.SIGKILL)
    directory = deployed.layout.gateways / key.replica_name
    os.kill(int(json.loads((directory / "envoy.json").read_text())["pid"]), signal.SIGKILL)


def answers(number: int) -> str | None:
    """Who answers through one replica; None while nobody does."""
    row = GatewayReplica.read(GATEWAY, number)
    assert row is not None
    try:
        answer = httpx.get(f"http://{row.hostname}:{PORT}/", headers={"host": "echo.models.test"}, trust_env=False)
    except httpx.TransportError:
        return None
    return str(answer.json()["name"]) if answer.is_success else None


def recovered(key: GatewayReplicaKey, epoch: int) -> Callable[[], bool]:
    def look() -> bool:
        row = Recovery.read(key.target_id, epoch)
        return row is not None and row.step == Step.DONE

    return look


def test_a_killed_replica_is_back_and_serves_every_route_while_the_other_serves_on(gateway: Deployed) -> None:
    eventually(lambda: kept(gateway) and view().status == "running", "both replicas to serve")
    assert [each.registered for each in view().replicas] == [("echo",), ("echo",)]
    assert (answers(1), answers(2)) == ("one", "one")

    kill(gateway, FIRST)
    assert (answers(1), answers(2)) == (None, "one")
    gateway.tick()
    eventually(recovered(FIRST, 2), "the deployed recovery to relaunch it")
    assert (answers(1), answers(2)) == ("one", "one")

    gateway.tick()
    eventually(lambda: kept(gateway) and view().status == "running", "what was relaunched to be taken over")
    [first, second] = view().replicas
    assert (first.epoch, second.epoch) == (2, 1)
