"""Which service is tried through a replica, and what becomes of one that nobody can reach."""

from collections.abc import Mapping

import pytest

from paramedic.settings import InvalidSettingError
from paramedic.state.targets import RouteToTry
from paramedic_gateway.registration import Registration, chosen_route
from paramedic_gateway.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog
from tests.unit.gateway.routes import routes, upstream

REQUIRED = {"TABLE_PREFIX": "p-", "PARAMEDIC_GATEWAY_REPLICA": "r1", "PARAMEDIC_GATEWAY_DIR": "/gw"}
ECHO, ZOO = routes("echo", upstream(1)), routes("zoo", upstream(2))


def to_try(service: str) -> RouteToTry:
    return RouteToTry(service=service, host=f"{service}.models.test")


def test_the_first_service_with_a_ready_replica_is_tried() -> None:
    assert chosen_route(None, [ZOO, ECHO], "models.test") == to_try("echo")
    idle = routes("echo", upstream(1, draining=True))
    assert chosen_route(None, [idle, ZOO], "models.test") == to_try("zoo")
    assert chosen_route(None, [idle], "models.test") is None


def test_what_is_tried_stays_while_it_can_be_so_that_nothing_is_written() -> None:
    assert chosen_route(to_try("zoo"), [ECHO, ZOO], "models.test") == to_try("zoo")
    assert chosen_route(to_try("zoo"), [ECHO], "models.test") == to_try("echo")
    assert chosen_route(to_try("zoo"), [], "models.test") is None


def test_a_service_that_only_rules_lead_to_is_not_tried() -> None:
    ruled = routes("echo", upstream(1, version=2), versions=[{"version": 2, "path_prefix": "/v2"}])
    assert chosen_route(None, [ruled], "models.test") is None


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, None),
        ({"PARAMEDIC_GATEWAY_HOST": "0.0.0.0"}, None),
        ({"PARAMEDIC_GATEWAY_HOST": "10.0.0.4"}, "10.0.0.4"),
        ({"PARAMEDIC_GATEWAY_HOST": "0.0.0.0", "PARAMEDIC_GATEWAY_ADDRESS": "edge-a.internal"}, "edge-a.internal"),
        ({"PARAMEDIC_GATEWAY_ADDRESS": "2001:db8::7"}, "2001:db8::7"),
    ],
)
def test_it_is_checked_at_the_address_it_is_said_to_have(given: Mapping[str, str], address: str | None) -> None:
    assert Settings.from_env({**REQUIRED, **given}).checked_address == address


def test_an_address_with_a_port_is_refused() -> None:
    with pytest.raises(InvalidSettingError, match=r"ADDRESS.*alone; its port is PARAMEDIC_GATEWAY_PORT"):
        Settings.from_env({**REQUIRED, "PARAMEDIC_GATEWAY_ADDRESS": "edge-a.internal:8080"})


def test_one_that_nobody_can_reach_says_so_and_serves() -> None:
    log = ListLog()
    registration = Registration(Settings.from_env(REQUIRED), lambda: [ECHO], FakeClock(), log)
    registration.look()
    registration.look()
    assert registration.target is None
    assert "PARAMEDIC_GATEWAY_ADDRESS" in (registration.problem or "")
