"""An in-memory DynamoDB for tests of one thread (what races is tested on the embedded one), and certificates."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from paramedic.state import tables
from paramedic.state.controllers import ControllerHeartbeat
from paramedic.state.gateways import GatewayReplica
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.reports import Report
from paramedic.state.targets import Target
from paramedic.state.traffic import TrafficReport
from tests.fakes.probed_servers import make_self_signed


@pytest.fixture
def memory_tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Empty tables, as far as checks read them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        tables.bind("memory-")
        for model in (Target, Report, ControllerHeartbeat, GatewayReplica, LoadBalancer, TrafficReport):
            model.create_table(billing_mode="PAY_PER_REQUEST")
        yield


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of `server.example`."""
    return make_self_signed(tmp_path_factory.mktemp("tls"), "server.example")


@pytest.fixture
def tls_server(self_signed: Path) -> ssl.SSLContext:
    """A server's context with them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed)
    return context


@pytest.fixture
def trusted(self_signed: Path) -> ssl.SSLContext:
    """A client's context that trusts `tls_server`."""
    return ssl.create_default_context(cafile=str(self_signed))
