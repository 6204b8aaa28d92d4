"""A real minute without DynamoDB: nobody in front of the gateway notices."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic.state import tables
from paramedic_cli.local.emulator import Emulator, start_emulator
from paramedic_cli.local.project import project_root
from paramedic_cli.local.template_tables import create_tables
from tests.fakes.gateway_replica import GatewayReplica, publish
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

OUTAGE_SECONDS = 60
REQUESTS_PER_SECOND = 10
PREFIX = "outage-"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A DynamoDB of the test's own, that can be silenced without silencing anybody else's."""
    with start_emulator(tmp_path) as emulator:
        create_tables(project_root() / "template.yaml", emulator.environment, PREFIX)
        for name, value in {**emulator.environment, "TABLE_PREFIX": PREFIX}.items():
            monkeypatch.setenv(name, value)
        tables.bind(PREFIX)
        yield emulator


@pytest.fixture
def gateway(database: Emulator) -> Iterator[GatewayReplica]:
    replica = GatewayReplica(PREFIX)
    yield replica
    replica.close()


def ask_through_an_outage(gateway: GatewayReplica, database: Emulator) -> Counter[str | None]:
    """Who answered, request by request, while DynamoDB says nothing at all."""
    answers = Counter[str | None]()
    pause = threading.Event()
    os.kill(database.process.pid, signal.SIGSTOP)
    try:
        for _ in range(OUTAGE_SECONDS * REQUESTS_PER_SECOND):
            answers[gateway.served_by()] += 1
            pause.wait(1 / REQUESTS_PER_SECOND)
    finally:
        os.kill(database.process.pid, signal.SIGCONT)
    return answers


def test_a_minute_without_dynamodb_fails_no_request_and_is_caught_up_with(
    gateway: GatewayReplica, database: Emulator
) -> None:
    with Upstream(name="one") as one, Upstream(name="two") as two:
        publish("echo", 1, [one.url])
        gateway.start()
        eventually(lambda: gateway.served_by() == "one", f"the service; the log:\n{gateway.log_text()}")
        answers = ask_through_an_outage(gateway, database)
        assert answers == {"one": OUTAGE_SECONDS * REQUESTS_PER_SECOND}
        publish("echo", 2, [two.url])
        eventually(lambda: gateway.served_by() == "two", "a change made after the outage")
