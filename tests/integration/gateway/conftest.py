"""A gateway replica of its own for every test, and replicas behind it."""

import subprocess
from collections.abc import Iterator

import pytest

from paramedic.state import tables
from tests.fakes.gateway_replica import GatewayReplica, publish
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually


@pytest.fixture
def gateway(table_prefix: str) -> Iterator[GatewayReplica]:
    tables.bind(table_prefix)
    replica = GatewayReplica(table_prefix)
    yield replica
    replica.close()


@pytest.fixture
def one() -> Iterator[Upstream]:
    with Upstream(name="one") as upstream:
        yield upstream


@pytest.fixture
def two() -> Iterator[Upstream]:
    with Upstream(name="two") as upstream:
        yield upstream


@pytest.fixture
def serving(gateway: GatewayReplica, one: Upstream) -> subprocess.Popen[bytes]:
    """The agent of a replica that serves `echo` from `one`."""
    publish("echo", 1, [one.url])
    agent = gateway.start()
    eventually(lambda: gateway.served_by() == "one", f"the first answer; the log:\n{gateway.log_text()}")
    gateway.healthy()
    return agent
