"""What may be asked of gateways: whatever is accepted here, every gateway replica can render and Envoy can take."""

from typing import Any

import pytest

from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.spec import parse_spec
from paramedic.state.request_handling import Authorization, RequestHandling


def accepted(**requests: Any) -> RequestHandling:
    """As users write it: under `service.requests` of a service's YAML."""
    section = {"readiness_probe": "/health", "replicas": 1, "requests": requests}
    return parse_spec({"name": "echo", "run": "serve", "service": section}).service.requests


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://auth:99999/v", "Port out of range"),
        ("http://auth:0/v", "port"),
        ("http://auth:port/v", "Port could not be cast"),
        ("http://[::1/v", "Invalid IPv6 URL"),
        ("http:///v", "host"),
        ("http://:80/v", "host"),
        ("http://fe80::1/v", "Port"),
        ("http://[fe80::1%eth0]/v", "host"),
        ("http://auth..example.org/v", "host"),
        ("http://me:secret@auth/v", "user"),
        ("https://auth/v", "pattern"),
        ("http://auth/\x01", "pattern"),
        ("http://auth/ü", "pattern"),
        (f"http://auth/{'a' * 3000}", "2048"),
    ],
)
def test_an_authority_that_no_gateway_could_ask_is_refused_where_users_write_it(url: str, problem: str) -> None:
    with pytest.raises(InvalidSpecError, match=problem) as refused:
        accepted(authorization={"url": url})
    assert "service.requests.authorization.url" in str(refused.value)


@pytest.mark.parametrize("name", ["Content-Length", "host", "TRANSFER-ENCODING", "connection", "a:b", "a%b", "a)"])
def test_an_authority_may_not_set_headers_that_frame_a_request_nor_ones_with_odd_names(name: str) -> None:
    with pytest.raises(InvalidSpecError, match=r"service\.requests\.authorization\.response_headers\.1: "):
        accepted(authorization={"url": "http://auth", "response_headers": ["x-user", name]})


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://10.0.0.3:4180/check?strict=1", "10.0.0.3", 4180),
        ("http://auth", "auth", 80),
        ("http://AUTH_1.internal:65535", "auth_1.internal", 65535),
        ("http://auth.default.svc.cluster.local.:8080", "auth.default.svc.cluster.local.", 8080),
        ("http://[fd00::3]:81/", "fd00::3", 81),
    ],
)
def test_an_authority_is_a_name_or_an_address_with_or_without_a_port(url: str, host: str, port: int) -> None:
    authority = Authorization(url=url)
    assert (authority.host, authority.port) == (host, port)
