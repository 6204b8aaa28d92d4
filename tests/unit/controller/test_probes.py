"""Readiness probes: what counts as ready, and that a hung replica delays no other."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from paramedic_controller.probes import Prober, ProbeTarget, probe


@contextmanager
def answering(response: bytes | None) -> Iterator[str]:
    """The URL of a server that gives one answer to every request, or none at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if response is None:
                    held.append(connection)
                    continue
                with connection:
                    connection.recv(4096)
                    connection.sendall(response)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


def problem_of(url: str, timeout_seconds: float = 5.0) -> str | None:
    return asyncio.run(probe(ProbeTarget(url, "/health", timeout_seconds)))


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"HTTP/1.0 200\r\n\r\n", None),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "answered 503"),
        (b"HTTP/1.1 302 Found\r\n\r\n", "answered 302"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "failed"),
        (b"SSH-2.0 200 \r\n", "not HTTP"),
        (b"", "failed"),
        (b"x" * 5000, "failed"),
    ],
)
def test_only_an_http_200_is_ready(response: bytes, problem: str | None) -> None:
    with answering(response) as url:
        found = problem_of(url)
    assert found is None if problem is None else problem in (found or "")


def test_a_server_that_never_answers_is_not_ready_in_time() -> None:
    with answering(None) as url:
        assert problem_of(url, 0.05) == "GET /health had no answer within 0.05 s"


def test_a_port_nobody_listens_on_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "failed" in (problem_of(f"http://127.0.0.1:{port}") or "")


def test_many_hung_replicas_delay_no_other() -> None:
    changed = threading.Event()
    with answering(None) as hung, answering(b"HTTP/1.1 200 OK\r\n\r\n") as fine:
        prober = Prober(0.05, changed.set)
        targets = {f"hung{number}": ProbeTarget(hung, "/health", 60.0) for number in range(50)}
        prober.watch({**targets, "fine": ProbeTarget(fine, "/health", 60.0)})
        assert changed.wait(10)
        tally = prober.tally("fine")
        assert tally is not None
        assert tally.ready
        assert prober.tally("hung0") is None
        prober.close()


def test_what_is_no_longer_watched_is_forgotten() -> None:
    changed = threading.Event()
    with answering(b"HTTP/1.1 500 Oops\r\n\r\n") as url:
        prober = Prober(0.01, changed.set)
        prober.watch({"sick": ProbeTarget(url, "/health", 5.0)})
        assert changed.wait(10)
        tally = prober.tally("sick")
        assert tally is not None
        assert not tally.ready
        assert tally.failures >= 1
        prober.watch({})
        prober.close()
    assert prober.tally("sick") is None
