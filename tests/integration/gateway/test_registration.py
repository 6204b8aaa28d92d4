"""How a replica keeps its target in line with what it serves, and what Envoy says to whoever tries a service."""

import signal
import subprocess
from collections.abc import Sequence

import pytest

from paramedic.state import tables
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica as ReplicaRow
from paramedic.state.target_registry import remove_target
from paramedic.state.targets import RouteToTry, Target, bucket_of
from paramedic_gateway.registration import Registration
from paramedic_gateway.routes.model import ServiceRoutes
from paramedic_gateway.settings import Settings
from tests.fakes.clock import UnhurriedClock
from tests.fakes.dynamodb_faults import watched
from tests.fakes.gateway_replica import PORT, GatewayReplica, publish, withdraw
from tests.fakes.log import ListLog
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually
from tests.unit.gateway.routes import routes, upstream

pytestmark = pytest.mark.integration

KEY = GatewayReplicaKey("default", 1)
ECHO = routes("echo", upstream(1))
SETTINGS = {
    "TABLE_PREFIX": "p-",
    "PARAMEDIC_GATEWAY_REPLICA": "edge-a",
    "PARAMEDIC_GATEWAY_DIR": "/gw",
    "PARAMEDIC_GATEWAY_HOST": "127.0.0.1",
    "PARAMEDIC_GATEWAY_DOMAIN": "models.test",
}


class Registering:
    """A registration whose replica serves what `services` says, None before DynamoDB was heard of."""

    def __init__(self) -> None:
        self.services: Sequence[ServiceRoutes] | None = None
        self.log = ListLog()
        self.registration = Registration(Settings.from_env(SETTINGS), lambda: self.services, UnhurriedClock(), self.log)

    def look(self) -> None:
        self.registration.look()

    def tries(self) -> str | None:
        row = target()
        return None if row is None or row.route is None else row.route.service


def target() -> Target | None:
    return Target.read(bucket_of(KEY.target_id), KEY.target_id)


@pytest.fixture
def replica(table_prefix: str) -> Registering:
    tables.bind(table_prefix)
    return Registering()


def test_what_is_tried_follows_what_is_served_and_costs_nothing_while_that_stays(replica: Registering) -> None:
    replica.look()
    assert replica.registration.target == KEY.target_id
    assert replica.tries() is None
    replica.services = [ECHO]
    replica.look()
    assert replica.tries() == "echo"
    with watched() as calls:
        replica.look()
    assert calls == []
    replica.services = [routes("zoo", upstream(2))]
    replica.look()
    assert replica.tries() == "zoo"


def test_a_service_it_was_told_of_and_no_longer_knows_is_tried_on_until_its_row_is_gone(replica: Registering) -> None:
    publish("echo", 1, ["http://127.0.0.1:9"])
    replica.services = [ECHO]
    replica.look()
    replica.services = [routes("zoo", upstream(2))]
    replica.look()
    assert replica.tries() == "echo"
    withdraw("echo")
    replica.look()
    assert replica.tries() == "zoo"


def test_one_whose_target_people_removed_serves_on_unchecked_without_a_complaint(replica: Registering) -> None:
    replica.look()
    remove_target(KEY.target_id, UnhurriedClock())
    replica.services = [ECHO]
    replica.look()
    replica.registration.leave()
    assert target() is None
    assert (replica.registration.problem, replica.log.warnings) == (None, [])


def test_a_row_that_cannot_be_understood_is_a_problem_that_goes_when_the_row_is_good_again(
    replica: Registering,
) -> None:
    row = ReplicaRow("default", 1, name="edge-a", status="serving", min_reader=99)
    row.save()
    replica.look()
    assert "min_reader" in (replica.registration.problem or "")
    row.update(actions=[ReplicaRow.min_reader.set(1)])
    replica.look()
    assert (replica.registration.problem, replica.registration.target) == (None, KEY.target_id)


def answer_to_trial(gateway: GatewayReplica, service: str) -> tuple[int, str]:
    answer = gateway.get(PORT, "/.paramedic/route", host=f"{service}.models.test")
    assert answer is not None
    return answer.status_code, answer.text


def test_a_trial_goes_where_requests_go_and_envoy_says_what_it_has_nowhere_to_send(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream
) -> None:
    before = gateway.healthy()
    assert answer_to_trial(gateway, "echo")[0] == 200
    assert one.requests[-1] == ("GET", "/.paramedic/route")
    assert answer_to_trial(gateway, "nosuch")[0] == 599
    one.die()
    assert answer_to_trial(gateway, "echo") == (503, "no replica of this service answers\n")
    publish("echo", 2, [])
    eventually(lambda: answer_to_trial(gateway, "echo")[0] == 599, "Envoy to have nowhere to send it")
    assert gateway.healthy()["unfinished_requests"] == before["unfinished_requests"]


def test_one_that_is_asked_to_end_says_so_and_one_whose_agent_alone_is_replaced_does_not(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    route = RouteToTry(service="echo", host="echo.models.test")
    eventually(lambda: (row := target()) and row.route == route, "what is to be tried")
    serving.send_signal(signal.SIGHUP)
    serving.wait()
    row = target()
    assert row is not None
    assert not row.left_at
    successor = gateway.start(PARAMEDIC_GATEWAY_DRAIN_SECONDS="0")
    assert eventually(lambda: gateway.healthy()["target"], "the successor to find its row") == KEY.target_id
    successor.send_signal(signal.SIGTERM)
    successor.wait()
    row = target()
    assert row is not None
    assert (bool(row.left_at), row.route) == (True, route)
