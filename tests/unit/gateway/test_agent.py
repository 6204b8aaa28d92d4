"""What an agent says of itself before it has done anything."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from paramedic_gateway.agent import Agent
from paramedic_gateway.front import Front
from paramedic_gateway.health import STALLED_SECONDS
from paramedic_gateway.layout import Layout
from paramedic_gateway.settings import Settings
from paramedic_gateway.signals import EndSignals
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ending() -> Iterator[EndSignals]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield EndSignals()
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def agent(tmp_path: Path, clock: FakeClock, ending: EndSignals) -> Agent:
    settings = Settings.from_env(
        {"TABLE_PREFIX": "p-", "PARAMEDIC_GATEWAY_REPLICA": "r1", "PARAMEDIC_GATEWAY_DIR": "/gw"}
    )
    layout, log = Layout(tmp_path), ListLog()
    return Agent(settings, layout, Front(settings, layout, clock, log), ending=ending, clock=clock, log=log)


def test_a_first_pass_that_does_not_end_is_a_stall(agent: Agent, clock: FakeClock) -> None:
    clock.advance(STALLED_SECONDS)
    assert agent.health().status == "ok"
    clock.advance(1)
    health = agent.health()
    assert (health.status, health.code) == ("stalled", HTTPStatus.SERVICE_UNAVAILABLE)


def test_what_serves_from_disk_waits_for_no_library_for_aws() -> None:
    program = "import sys, paramedic_gateway.__main__, paramedic_gateway.front; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "paramedic_gateway.front" in loaded
    assert {"pynamodb", "boto3", "botocore.client", "botocore.session"}.isdisjoint(loaded)
