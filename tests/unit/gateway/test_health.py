"""The agent's own surface, spoken to as Envoy speaks to it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_gateway.health import Health, HealthApi

WELL = Health(
    status="ok",
    gateway="default",
    replica="r1",
    agent_pid=1,
    envoy_pid=2,
    envoy_starts=1,
    services=0,
    unfinished_requests=0,
    state_age_seconds=None,
    problems=[],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.sock"


@pytest.fixture
def token() -> str | None:
    return "hörse"


@pytest.fixture
def api(path: Path, token: str | None) -> Iterator[HealthApi]:
    api = HealthApi(path, lambda: WELL, token)
    api.start()
    yield api
    api.close()


def ask(path: Path, *lines: bytes, body: bytes = b"") -> bytes:
    """Everything that is answered to one request, until the connection ends."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"\r\n".join([*lines, b"host: x", b"", body]))
        with connection.makefile("rb") as answer:
            return answer.read()


def with_token(token: str) -> bytes:
    return b"x-paramedic-token: " + token.encode()


def test_who_knows_the_token_is_told(path: Path, api: HealthApi) -> None:
    answer = ask(path, b"GET / HTTP/1.1", with_token("hörse"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(WELL.model_dump_json().encode())


@pytest.mark.parametrize(
    "lines",
    [
        [b"GET / HTTP/1.1", with_token("")],
        [b"GET / HTTP/1.1", with_token("horse")],
        [b"GET / HTTP/1.1", with_token("hörse"), *(f"h{number}: x".encode() for number in range(100))],
        [b"POST / HTTP/1.1", with_token("hörse")],
    ],
)
def test_all_others_learn_nothing(path: Path, api: HealthApi, lines: list[bytes]) -> None:
    head, _, body = ask(path, *lines).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert sorted(line.partition(b":")[0] for line in head.splitlines()[1:]) == [
        b"Connection",
        b"Content-Length",
        b"Content-Type",
    ]
    assert body == b"no service has this host name\n"


@pytest.mark.parametrize("token", ["hörse", None])
def test_who_brings_no_token_is_told_whether_it_is_well_and_no_more(
    path: Path, api: HealthApi, token: str | None
) -> None:
    head, _, body = ask(path, b"GET / HTTP/1.1").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b""


def test_a_request_hidden_in_a_body_is_not_answered(path: Path, api: HealthApi) -> None:
    hidden = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    answer = ask(path, b"GET / HTTP/1.1", f"content-length: {len(hidden)}".encode(), body=hidden)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("token", [None])
def test_without_a_token_nobody_is_told(path: Path, api: HealthApi, token: None) -> None:
    assert ask(path, b"GET / HTTP/1.1", with_token("")).startswith(b"HTTP/1.1 404 ")
