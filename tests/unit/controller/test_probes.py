"""Readiness probes: what counts as ready, and that a hung replica delays no other."""

import asyncio
import errno
import http.server
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from paramedic.services.readiness import ProbeRequest
from paramedic.services.spec import parse_spec
from paramedic_controller import probes
from paramedic_controller.probes import OwnTrouble, Prober, ProbeTarget, Tally, probe


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
    return asyncio.run(probe(ProbeTarget(url, ProbeRequest("/health"), timeout_seconds)))


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


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENETUNREACH, errno.ENETDOWN]
)
def test_the_controllers_own_trouble_says_nothing_about_a_replica(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(asyncio, "open_connection", fail)
    problem = problem_of("http://127.0.0.1:1")
    assert isinstance(problem, OwnTrouble)
    assert os.strerror(number) in problem


def answers_of(monkeypatch: pytest.MonkeyPatch, *answers: Callable[[], str | None]) -> list[Tally | None]:
    """What a prober holds of its only target after each probe."""
    held: list[Tally | None] = []
    done = threading.Event()
    left = list(answers)

    async def answer(_: ProbeTarget) -> str | None:
        held.append(prober.tally("it"))
        if not left:
            done.set()
            await asyncio.sleep(60)
        return left.pop(0)()

    monkeypatch.setattr(probes, "probe", answer)
    prober = Prober(0.01, lambda: None)
    prober.watch({"it": ProbeTarget("http://h:1", ProbeRequest("/"), 1)})
    assert done.wait(10)
    prober.close()
    return held[1:]


def test_own_trouble_is_not_counted_and_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    held = answers_of(monkeypatch, lambda: OwnTrouble("no socket"), lambda: None, lambda: OwnTrouble("no socket"))
    assert held == [None, Tally(True, 0, ""), Tally(True, 0, "")]


def test_one_success_begins_the_count_of_failures_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    held = answers_of(monkeypatch, *(lambda said=said: said for said in ("slow", "slow", None, "slow")))
    assert [tally and tally.failures for tally in held] == [1, 2, 0, 1]


def test_what_fails_while_the_prober_itself_stood_still_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def late() -> str:
        time.sleep(2 * probes.LAG_SECONDS)
        return "no answer in time"

    assert answers_of(monkeypatch, lambda: "refused", late) == [Tally(False, 1, "refused"), Tally(False, 1, "refused")]


def test_many_hung_replicas_delay_no_other() -> None:
    changed = threading.Event()
    with answering(None) as hung, answering(b"HTTP/1.1 200 OK\r\n\r\n") as fine:
        prober = Prober(0.05, changed.set)
        targets = {f"hung{number}": ProbeTarget(hung, ProbeRequest("/health"), 60.0) for number in range(50)}
        prober.watch({**targets, "fine": ProbeTarget(fine, ProbeRequest("/health"), 60.0)})
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
        prober.watch({"sick": ProbeTarget(url, ProbeRequest("/health"), 5.0)})
        assert changed.wait(10)
        tally = prober.tally("sick")
        assert tally is not None
        assert not tally.ready
        assert tally.failures >= 1
        prober.watch({})
        prober.close()
    assert prober.tally("sick") is None


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers what a real server would, and keeps what it was asked."""

    asked: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(200 if self.headers.get("Authorization") == "Bearer t0k" else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: tests read `asked`."""


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of a real HTTP server that wants a token."""
    Recorder.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def request_of(envs: dict[str, str], **probe: Any) -> ProbeRequest:
    """As users write it."""
    section = {"readiness_probe": probe, "replicas": 1}
    return parse_spec({"name": "echo", "run": "serve", "envs": envs, "service": section}).probe_request()


def test_data_is_posted_as_json_with_the_services_own_variables(server: str) -> None:
    data = {
        "model": "$MODEL",
        "messages": [{"role": "user", "content": 'say "${GREETING}" für $MODEL'}],
        "max_tokens": 1,
    }
    envs = {"MODEL": "tiny", "GREETING": "hi", "TOKEN": "t0k"}
    headers = {"Authorization": "Bearer $TOKEN"}
    request = request_of(envs, path="/v1/$MODEL/chat", post_data=data, headers=headers)
    assert asyncio.run(probe(ProbeTarget(server, request, 5.0))) is None
    ((method, path, sent, body),) = Recorder.asked
    assert (method, path, sent["content-type"]) == ("POST", "/v1/tiny/chat", "application/json")
    content = 'say "hi" für tiny'
    assert json.loads(body) == {**data, "model": "tiny", "messages": [{"role": "user", "content": content}]}


def test_a_header_given_for_the_probe_is_sent_with_every_get(server: str) -> None:
    for headers, problem in (({}, "GET / answered 401"), ({"Authorization": "Bearer t0k"}, None)):
        request = request_of({}, path="/", headers={**headers, "Host": "model.example.org", "X-Empty": ""})
        assert asyncio.run(probe(ProbeTarget(server, request, 5.0))) == problem
    for method, _, sent, body in Recorder.asked:
        assert (method, sent["host"], sent["x-empty"], body) == ("GET", "model.example.org", "", b"")


def test_a_content_type_of_the_users_own_replaces_ours(server: str) -> None:
    request = request_of({}, path="/", post_data="{}", headers={"content-type": "application/vnd.x+json"})
    asyncio.run(probe(ProbeTarget(server, request, 5.0)))
    ((_, _, sent, body),) = Recorder.asked
    assert (sent["content-type"], body) == ("application/vnd.x+json", b"{}")


def test_a_probe_that_changes_is_made_in_its_new_form_and_keeps_what_was_counted(server: str) -> None:
    changed = threading.Event()
    prober = Prober(0.01, changed.set)
    prober.watch({"it": ProbeTarget(server, request_of({}, path="/old"), 5.0)})
    assert changed.wait(10)
    changed.clear()
    refused = prober.tally("it")
    assert refused is not None
    assert not refused.ready
    headers = {"Authorization": "Bearer t0k"}
    prober.watch({"it": ProbeTarget(server, request_of({}, path="/new", headers=headers), 5.0)})
    assert changed.wait(10)
    assert prober.tally("it") == Tally(True, 0, "")
    prober.close()
    assert Recorder.asked[-1][1] == "/new"


def test_what_a_probe_says_shows_neither_headers_nor_data(server: str) -> None:
    request = request_of({}, path="/", post_data={"key": "s3cret"}, headers={"Authorization": "Bearer s3cret"})
    assert asyncio.run(probe(ProbeTarget(server, request, 5.0))) == "POST / answered 401"
