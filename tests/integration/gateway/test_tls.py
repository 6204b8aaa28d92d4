"""TLS: from files and from Secrets Manager, renewed under open connections."""

import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from http.client import HTTPResponse
from pathlib import Path

import boto3
import pytest
from cryptography import x509

from paramedic.state import tables
from tests.fakes.certificates import Pems, self_signed
from tests.fakes.gateway_replica import GatewayReplica, own_address, publish
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.integration

TLS_PORT = 8443


def connect(
    gateway: GatewayReplica, port: int = TLS_PORT, protocols: Sequence[str] = ("h2", "http/1.1")
) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    return context.wrap_socket(socket.create_connection((gateway.host, port), timeout=20))


def serial(gateway: GatewayReplica, port: int = TLS_PORT) -> int | None:
    """The serial number of the certificate that new connections get, None while nobody listens."""
    try:
        with connect(gateway, port) as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"").serial_number
    except OSError:
        return None


def ask(connection: ssl.SSLSocket, path: str) -> str:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: echo.models.test\r\n\r\n".encode())
    response = HTTPResponse(connection)
    response.begin()
    body = response.read()
    assert response.status == 200, body
    return str(json.loads(body)["path"])


@pytest.fixture
def one() -> Iterator[Upstream]:
    with Upstream(name="one") as upstream:
        publish("echo", 1, [upstream.url])
        yield upstream


@pytest.fixture
def gateway(table_prefix: str) -> Iterator[GatewayReplica]:
    tables.bind(table_prefix)
    replica = GatewayReplica(table_prefix, PARAMEDIC_GATEWAY_TLS_PORT=str(TLS_PORT))
    yield replica
    replica.close()


def write(folder: Path, pems: Pems) -> None:
    (folder / "tls.crt").write_text(pems.certificate)
    (folder / "tls.key").write_text(pems.key)


def stored(pems: Pems) -> str:
    """What a secret with this certificate holds."""
    return json.dumps({"certificate": pems.certificate, "private_key": pems.key})


@pytest.fixture
def black_hole() -> Iterator[socket.socket]:
    """Takes connections and never answers."""
    with socket.create_server((own_address(), 0)) as server:
        server.settimeout(PATIENCE_SECONDS)
        yield server


def test_a_certificate_from_files_is_renewed_without_dropping_a_connection(
    gateway: GatewayReplica, one: Upstream, tmp_path: Path
) -> None:
    write(tmp_path, self_signed(1))
    gateway.start(
        PARAMEDIC_GATEWAY_CERTIFICATE_FILE=str(tmp_path / "tls.crt"),
        PARAMEDIC_GATEWAY_KEY_FILE=str(tmp_path / "tls.key"),
    )
    eventually(lambda: serial(gateway) == 1, f"TLS; the log:\n{gateway.log_text()}")
    eventually(gateway.served_by, "the service")
    with connect(gateway) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    with connect(gateway, protocols=["http/1.1"]) as connection:
        assert ask(connection, "/before") == "/before"
        write(tmp_path, self_signed(2))
        eventually(lambda: serial(gateway) == 2, "the new certificate")
        assert ask(connection, "/after") == "/after"
    (tmp_path / "tls.key").write_text(self_signed(3).key)
    assert "do not fit" in gateway.problem("certificate")
    assert serial(gateway) == 2


def test_a_certificate_from_secrets_manager_is_kept_for_when_it_is_gone(gateway: GatewayReplica, one: Upstream) -> None:
    secrets = boto3.client("secretsmanager")
    name = str(secrets.create_secret(Name=f"tls-{gateway.host}", SecretString=stored(self_signed(7)))["ARN"])
    gateway.start(PARAMEDIC_GATEWAY_CERTIFICATE_SECRET=name)
    eventually(lambda: serial(gateway) == 7, f"TLS; the log:\n{gateway.log_text()}")
    publish("secure", 1, [one.url], port=9443, tls=True)
    eventually(lambda: serial(gateway, 9443) == 7, "a port that speaks TLS only")
    keys = [path for path in gateway.layout.certificates.iterdir() if path.suffix == ".key"]
    assert [path.stat().st_mode & 0o777 for path in keys] == [0o600]
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    gateway.kill_agent()
    gateway.kill_envoy()
    gateway.start(PARAMEDIC_GATEWAY_CERTIFICATE_SECRET=name)
    eventually(lambda: serial(gateway) == 7, "the certificate that was kept")
    assert "PRIVATE KEY" not in gateway.log_text()


def test_a_certificate_in_secrets_manager_is_renewed_without_dropping_a_connection(
    gateway: GatewayReplica, one: Upstream
) -> None:
    secrets = boto3.client("secretsmanager")
    name = str(secrets.create_secret(Name=f"renewed-{gateway.host}", SecretString=stored(self_signed(1)))["ARN"])
    gateway.start(PARAMEDIC_GATEWAY_CERTIFICATE_SECRET=name, PARAMEDIC_GATEWAY_SECRET_SECONDS="1")
    eventually(lambda: serial(gateway) == 1, f"TLS; the log:\n{gateway.log_text()}")
    eventually(gateway.served_by, "the service")
    with connect(gateway, protocols=["http/1.1"]) as connection:
        assert ask(connection, "/before") == "/before"
        secrets.put_secret_value(SecretId=name, SecretString=stored(self_signed(2)))
        eventually(lambda: serial(gateway) == 2, "the new certificate")
        assert ask(connection, "/after") == "/after"


def test_a_secrets_manager_that_never_answers_delays_neither_the_start_nor_what_changes(
    gateway: GatewayReplica, one: Upstream, two: Upstream, black_hole: socket.socket
) -> None:
    name = f"lost-{gateway.host}"
    boto3.client("secretsmanager").create_secret(Name=name, SecretString=stored(self_signed(7)))
    gateway.start(PARAMEDIC_GATEWAY_CERTIFICATE_SECRET=name)
    eventually(lambda: serial(gateway) == 7, f"TLS; the log:\n{gateway.log_text()}")
    gateway.kill_agent()
    gateway.kill_envoy()
    host, port = black_hole.getsockname()
    gateway.start(PARAMEDIC_GATEWAY_CERTIFICATE_SECRET=name, AWS_ENDPOINT_URL_SECRETS_MANAGER=f"http://{host}:{port}")
    asked, _ = black_hole.accept()
    with asked:
        eventually(lambda: serial(gateway) == 7, f"the certificate that was kept; the log:\n{gateway.log_text()}")
        publish("echo", 2, [two.url])
        eventually(lambda: gateway.served_by() == "two", f"the change; the log:\n{gateway.log_text()}")
        gateway.problem("cannot read secret")
        assert gateway.healthy()["status"] == "ok"
    assert serial(gateway) == 7


def test_the_port_of_a_service_that_wants_tls_never_speaks_without(gateway: GatewayReplica, one: Upstream) -> None:
    publish("secure", 1, [one.url], port=9443, tls=True)
    gateway.start()
    assert "no certificate: port 9443 is shut" in gateway.problem("secure")
    assert gateway.get(9443) is None
