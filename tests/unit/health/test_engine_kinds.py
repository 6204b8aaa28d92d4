"""What can be asked of a target besides GET: bodies, redirects, connections, handshakes; against real servers."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import pytest

from paramedic.health import exchange
from paramedic.health.addresses import AddressGuard
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from tests.fakes.probed_servers import OK, Behaviour, answering, hang, probe, reset, serving

CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{"a": \r\n2\r\n1}\r\n0\r\n\r\n'
UNTIL_CLOSED = b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}'


def probe_one(behaviour: Behaviour, url: str = "http://127.0.0.1:{port}/", **asked: Any) -> ProbeOutcome:
    async def scenario() -> ProbeOutcome:
        async with serving(behaviour) as port:
            document = {"target_id": "t", "url": url.format(port=port), "attempts": 1, **asked}
            return (await probe(ProbeRequest.model_validate(document)))[0]

    return asyncio.run(scenario())


def redirecting(to: str, *, last: Behaviour = OK) -> Behaviour:
    """`/` redirects, anything else is served by `last`."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ", 2)[1] == b"/":
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        again = asyncio.StreamReader()
        again.feed_data(head)
        await last(again, writer)

    return behave


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0)
    body = head + await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


@pytest.mark.parametrize("reply", [CHUNKED, UNTIL_CLOSED])
def test_a_body_is_read_however_its_end_is_told(reply: bytes) -> None:
    assert probe_one(answering(reply), expect={"json": ["a == `1`"]}).kind is OutcomeKind.OK


def test_a_condition_that_does_not_hold_is_its_own_kind_of_failure() -> None:
    outcome = probe_one(answering(CHUNKED), expect={"json": ["a == `2`"]})
    assert (outcome.kind, outcome.status) == (OutcomeKind.CONDITION, 200)
    assert "a == `2` is false" in outcome.detail


def test_a_body_cut_off_is_a_reset() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    assert probe_one(answering(cut), expect={"body": ["half"]}).kind is OutcomeKind.RESET


def test_no_more_of_a_body_is_read_than_is_looked_at() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 200_000
    outcome = probe_one(answering(endless, then_close=False), expect={"body": ["y"]})
    assert outcome.kind is OutcomeKind.CONDITION
    assert "longer than" in outcome.detail


def test_method_headers_and_body_are_sent_as_asked() -> None:
    request = {"method": "POST", "headers": {"X-Probe": "paramedic", "user-agent": "me"}, "body": '{"ping": 1}'}
    wanted = ["POST / HTTP/1.1", "X-Probe: paramedic", "user-agent: me", "Content-Length: 11", '{"ping": 1}']
    outcome = probe_one(_echo, request=request, expect={"body": wanted})
    assert outcome.kind is OutcomeKind.OK, outcome.detail


def test_another_host_than_the_urls_is_asked_for_where_that_is_said() -> None:
    outcome = probe_one(_echo, host="echo.models.test", expect={"body": ["GET / ", "Host: echo.models.test\r\n"]})
    assert outcome.kind is OutcomeKind.OK, outcome.detail


@pytest.mark.parametrize("to", ["/there", "http://127.0.0.1:{port}/there", "there?x=1"])
def test_redirects_are_followed_as_far_as_asked(to: str) -> None:
    async def scenario(redirects: int) -> ProbeOutcome:
        ports: list[int] = []

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await redirecting(to.format(port=ports[0]))(reader, writer)

        async with serving(behave) as port:
            ports.append(port)
            document = {"target_id": "t", "url": f"http://127.0.0.1:{port}/", "attempts": 1}
            return (await probe(ProbeRequest.model_validate({**document, "request": {"redirects": redirects}})))[0]

    assert asyncio.run(scenario(1)).kind is OutcomeKind.OK
    stopped = asyncio.run(scenario(0))
    assert (stopped.kind, stopped.status) == (OutcomeKind.STATUS, 302)


def test_a_redirect_to_metadata_is_refused_as_the_first_url_would_be() -> None:
    behaviour = redirecting("http://169.254.169.254/latest/meta-data/")
    outcome = probe_one(behaviour, request={"redirects": 3})
    assert outcome.kind is OutcomeKind.FORBIDDEN_ADDRESS


def test_a_redirect_to_a_private_network_that_is_not_allowed_is_refused() -> None:
    async def scenario() -> ProbeOutcome:
        async with serving(redirecting("http://127.9.9.9:1/")) as port:
            document = {"target_id": "t", "url": f"http://127.0.0.1:{port}/", "request": {"redirects": 1}}
            return (await probe(ProbeRequest.model_validate(document), guard=AddressGuard(["127.0.0.1/32"])))[0]

    assert asyncio.run(scenario()).kind is OutcomeKind.FORBIDDEN_ADDRESS


@pytest.mark.parametrize("to", ["ftp://a.example/", "http://u:p4ss@a.example/", "tcp://127.0.0.1:1"])
def test_a_redirect_that_cannot_be_followed_is_the_targets_fault(to: str) -> None:
    outcome = probe_one(redirecting(to), request={"redirects": 1})
    assert outcome.kind is OutcomeKind.PROTOCOL
    assert "p4ss" not in outcome.detail


def test_redirects_in_a_circle_end() -> None:
    outcome = probe_one(redirecting("/"), request={"redirects": 5})
    assert (outcome.kind, outcome.status) == (OutcomeKind.STATUS, 302)


@pytest.mark.parametrize(("behaviour", "expect"), [(hang, {}), (OK, {"within_seconds": 5})], ids=["silent", "in time"])
def test_a_connection_is_enough_for_tcp(behaviour: Behaviour, expect: Mapping[str, Any]) -> None:
    outcome = probe_one(behaviour, "tcp://127.0.0.1:{port}", expect=expect)
    assert (outcome.kind, outcome.status) == (OutcomeKind.OK, None)


def test_nobody_listening_is_refused_for_tcp_too() -> None:
    async def scenario() -> ProbeOutcome:
        async with serving(OK) as port:
            pass
        return (await probe(ProbeRequest(target_id="t", url=f"tcp://127.0.0.1:{port}", attempts=1)))[0]

    assert asyncio.run(scenario()).kind is OutcomeKind.REFUSED


@pytest.mark.parametrize(("scheme", "status"), [("tls", None), ("https", 200)])
@pytest.mark.parametrize(("days", "kind"), [(1, OutcomeKind.CONDITION), (None, OutcomeKind.OK)])
def test_a_certificate_must_be_valid_for_as_long_as_expected(
    scheme: str,
    status: int | None,
    days: int | None,
    kind: OutcomeKind,
    tls_server: ssl.SSLContext,
    trusted: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "tls_context", lambda: trusted)

    async def lookup(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    async def scenario() -> ProbeOutcome:
        async with serving(OK, tls=tls_server) as port:
            document = {
                "target_id": "t",
                "url": f"{scheme}://server.example:{port}",
                "expect": {"certificate_days": days},
            }
            return (await probe(ProbeRequest.model_validate({**document, "attempts": 1}), lookup=lookup))[0]

    outcome = asyncio.run(scenario())
    assert (outcome.kind, outcome.status) == (kind, status)
    assert outcome.certificate_days is not None


def test_where_the_time_went_is_told_part_by_part() -> None:
    parts = probe_one(OK).timings
    assert None not in (parts.dns, parts.connect, parts.first_byte)
    assert parts.tls is None
    refused = probe_one(reset).timings
    assert refused.connect is not None
    assert refused.first_byte is None
