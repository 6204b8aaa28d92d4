"""What an agent says of itself before it has done anything."""

from http import HTTPStatus
from pathlib import Path

import pytest

from paramedic_gateway.agent import Agent
from paramedic_gateway.health import STALLED_SECONDS
from paramedic_gateway.layout import Layout
from paramedic_gateway.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def agent(tmp_path: Path, clock: FakeClock) -> Agent:
    settings = Settings.from_env(
        {"TABLE_PREFIX": "p-", "PARAMEDIC_GATEWAY_REPLICA": "r1", "PARAMEDIC_GATEWAY_DIR": "/gw"}
    )
    return Agent(settings, Layout(tmp_path), clock, ListLog())


def test_a_first_pass_that_does_not_end_is_a_stall(agent: Agent, clock: FakeClock) -> None:
    clock.advance(STALLED_SECONDS)
    assert agent.health().status == "ok"
    clock.advance(1)
    health = agent.health()
    assert (health.status, health.code) == ("stalled", HTTPStatus.SERVICE_UNAVAILABLE)
