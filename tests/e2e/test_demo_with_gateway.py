"""What clients of a gateway notice while the controller and one of the service's replicas are dead: nothing."""

import signal
import uuid

import pytest

from demo.client import Client
from demo.counted import read_counted
from demo.scenario import SERVICE
from paramedic.clock import SystemClock
from paramedic.gateways.replica import SHARED_PORT
from paramedic.services import verbs
from paramedic.services.spec import ServiceSpec, parse_spec, read_spec
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.recoveries import Step
from paramedic.state.replicas import Replica
from paramedic_cli.host.gateway_replica import GatewayFailedError, read_health, replica_name, start_gateway
from tests.e2e.conftest import Deployed, recovery_at, signal_group
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NAME = "served"
RATE = 60.0
REPLICAS = 2


def routes() -> tuple[str, ...]:
    """Where the service's requests go by its row."""
    row = LoadBalancer.read(NAME, NAME)
    return tuple(route.url for route in row.routes.replicas) if row else ()


def service() -> ServiceSpec:
    """The demo's, with a fixed number of replicas and a gateway of its own."""
    section = {"readiness_probe": "/health", "replicas": REPLICAS, "gateway": NAME}
    example = read_spec(SERVICE)
    return parse_spec({"name": NAME, "service": section, "run": example.run, "workdir": example.workdir})


def start_service(deployed: Deployed) -> tuple[str, str]:
    """Have the service served through the gateway; returns its uid and its URL."""
    up = verbs.up(NAME, service(), "tester", clock=SystemClock(), new_id=lambda: uuid.uuid4().hex)
    eventually(lambda: len(routes()) == REPLICAS or None, "two routed replicas")
    gateway = start_gateway(deployed.layout, NAME, SHARED_PORT)
    row = LoadBalancer.read(NAME, NAME)
    assert row is not None
    port = int(row.port)
    eventually(lambda: read_health(deployed.layout, port), "the service's port")
    return up.uid, f"http://{gateway.host}:{port}"


def test_no_get_fails_while_the_controller_and_a_replica_are_dead(deployed: Deployed) -> None:
    controller = deployed.start_controller(NAME)
    uid, url = start_service(deployed)
    with Client(url, RATE, held=0) as client:
        eventually(lambda: client.seconds > 5 or None, "some traffic")
        signal_group(controller, signal.SIGKILL)
        victim = Replica.read_all(uid)[-1]
        assert victim.receipt is not None
        signal_group(victim.receipt, signal.SIGKILL)
        # The dead replica stays routed to: nobody is there to take it out.
        sent = len(client.requests)
        eventually(lambda: len(client.requests) > sent + 5 * RATE, "some traffic without a controller")
        deployed.tick()
        eventually(recovery_at(NAME, 2, Step.DONE), "the recovery")
        eventually(lambda: (victim.url not in routes() and len(routes()) == REPLICAS) or None, "a replacement")
        answered = len(client.requests)
        eventually(lambda: len(client.requests) > answered + 5 * RATE, "some traffic to the replacement")
    assert [each.problem for each in client.requests if each.problem] == []
    assert len(client.requests) > 15 * RATE
    assert_each_counted_once(client, uid)


def assert_each_counted_once(client: Client, uid: str) -> None:
    """What the gateway reports is what was sent, second by second."""
    replica, total = replica_name(NAME), len(client.requests)
    eventually(lambda: read_counted(NAME, replica, uid).reading.total == total or None, "all to be counted")
    assert read_counted(NAME, replica, uid).is_possible(client.requests)


def test_a_gateway_started_again_takes_over_the_envoy_that_serves_on(deployed: Deployed) -> None:
    first = start_gateway(deployed.layout, "again", 8081)
    envoy = deployed.layout.gateways / "again/envoy.json"
    before = envoy.read_text()
    with pytest.raises(GatewayFailedError, match="another agent serves"):
        start_gateway(deployed.layout, "again", 8081)
    signal_group(first.receipt, signal.SIGKILL)
    second = start_gateway(deployed.layout, "again", 8081)
    assert second.receipt != first.receipt
    assert envoy.read_text() == before
