"""The prober against servers that behave, misbehave and do not answer, all of them real."""

import asyncio
import resource
import socket
import ssl
import time

import pytest

from paramedic.health import exchange
from paramedic.health.addresses import AddressGuard
from paramedic.health.engine import DEFAULT_SLOTS
from paramedic.health.expectations import Expectations
from paramedic.health.lookup import Lookup
from paramedic.health.outcomes import LONGEST_DETAIL, OutcomeKind, ProbeOutcome
from tests.fakes.probed_servers import (
    OK,
    Behaviour,
    answering,
    hang,
    in_turn,
    probe,
    request,
    reset,
    serving,
    trickle,
)

USUAL_DESCRIPTORS = 1024


def probe_server(
    behaviour: Behaviour,
    *,
    path: str = "/",
    timeout_seconds: float = 5,
    attempts: int = 1,
    tls: ssl.SSLContext | None = None,
) -> ProbeOutcome:
    async def scenario() -> ProbeOutcome:
        async with serving(behaviour, tls=tls) as port:
            scheme = "https" if tls else "http"
            url = f"{scheme}://127.0.0.1:{port}{path}"
            return (await probe(request(url, timeout_seconds=timeout_seconds, attempts=attempts)))[0]

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200\r\n\r\n",
        b"HTTP/1.1 200 \n\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_good_answer_is_ok(reply: bytes) -> None:
    outcome = probe_server(answering(reply))
    assert (outcome.kind, outcome.status, outcome.attempts) == (OutcomeKind.OK, 200, 1)
    assert outcome.elapsed_ms > 0


def test_a_server_that_keeps_the_connection_open_does_not_delay_its_answer() -> None:
    outcome = probe_server(answering(b"HTTP/1.1 200 OK\r\n\r\n", then_close=False), timeout_seconds=20)
    assert outcome.kind is OutcomeKind.OK
    assert outcome.elapsed_ms < 5000


def test_the_request_names_its_host_and_asks_for_the_whole_path() -> None:
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    probe_server(listen, path="/a?b=c")
    assert asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")


def test_nobody_listening_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = asyncio.run(probe(request(f"http://127.0.0.1:{unused.getsockname()[1]}/")))[0]
    assert outcome.kind is OutcomeKind.REFUSED


@pytest.mark.parametrize("behaviour", [hang, trickle])
def test_an_answer_that_does_not_come_in_time_is_a_timeout(behaviour: Behaviour) -> None:
    outcome = probe_server(behaviour, timeout_seconds=0.15)
    assert outcome.kind is OutcomeKind.TIMEOUT
    assert outcome.elapsed_ms >= 150


@pytest.mark.parametrize("behaviour", [reset, answering(b""), answering(b"HTTP/1.1 200 OK\r\nX: y\r\n")])
def test_a_connection_cut_before_the_answer_is_a_reset(behaviour: Behaviour) -> None:
    assert probe_server(behaviour).kind is OutcomeKind.RESET


@pytest.mark.parametrize("status", [204, 301, 404, 500, 503])
def test_an_unexpected_status_is_told(status: int) -> None:
    outcome = probe_server(answering(f"HTTP/1.1 {status} X\r\n\r\n".encode()))
    assert (outcome.kind, outcome.status) == (OutcomeKind.STATUS, status)
    assert "expected 200" in outcome.detail


def test_any_expected_status_is_ok() -> None:
    async def scenario() -> ProbeOutcome:
        async with serving(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as port:
            asked = request(f"http://127.0.0.1:{port}/").model_copy(update={"expect": Expectations(status=(200, 204))})
            return (await probe(asked))[0]

    assert asyncio.run(scenario()).kind is OutcomeKind.OK


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"\x15\x03\x01",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"x" * 50_000,
    ],
)
def test_an_answer_that_is_not_http_is_a_protocol_error(reply: bytes) -> None:
    outcome = probe_server(answering(reply))
    assert outcome.kind is OutcomeKind.PROTOCOL
    assert len(outcome.detail) < 300


def test_redirects_are_not_followed() -> None:
    async def scenario() -> tuple[ProbeOutcome, list[int]]:
        visits: list[int] = []

        async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            visits.append(1)

        async with serving(visited) as elsewhere:
            location = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/\r\n\r\n".encode()
            async with serving(answering(location)) as port:
                return (await probe(request(f"http://127.0.0.1:{port}/")))[0], visits

    outcome, visits = asyncio.run(scenario())
    assert (outcome.kind, outcome.status) == (OutcomeKind.STATUS, 302)
    assert visits == []


def test_a_self_signed_certificate_is_a_tls_failure(tls_server: ssl.SSLContext) -> None:
    outcome = probe_server(OK, tls=tls_server)
    assert outcome.kind is OutcomeKind.TLS
    assert "self-signed" in outcome.detail


@pytest.mark.parametrize(("name", "kind"), [("server.example", OutcomeKind.OK), ("other.example", OutcomeKind.TLS)])
def test_a_trusted_certificate_is_checked_against_the_urls_name_not_the_pinned_address(
    tls_server: ssl.SSLContext, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, name: str, kind: OutcomeKind
) -> None:
    monkeypatch.setattr(exchange, "tls_context", lambda: trusted)

    async def scenario() -> ProbeOutcome:
        async with serving(OK, tls=tls_server) as port:
            return (await probe(request(f"https://{name}:{port}/"), lookup=names({name: ["127.0.0.1"]})))[0]

    assert asyncio.run(scenario()).kind is kind


def test_plain_http_where_tls_was_expected_is_a_tls_failure() -> None:
    async def scenario() -> ProbeOutcome:
        async def speak_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await reader.read()

        async with serving(speak_first) as port:
            return (await probe(request(f"https://127.0.0.1:{port}/")))[0]

    assert asyncio.run(scenario()).kind is OutcomeKind.TLS


def test_a_connection_cut_during_the_tls_handshake_is_a_reset() -> None:
    async def scenario() -> ProbeOutcome:
        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)

        async with serving(cut) as port:
            return (await probe(request(f"https://127.0.0.1:{port}/")))[0]

    assert asyncio.run(scenario()).kind is OutcomeKind.RESET


def names(known: dict[str, list[str]]) -> Lookup:
    async def lookup(host: str, port: int) -> tuple[str, ...]:
        return tuple(known[host])

    return lookup


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".example"])
def test_a_name_that_does_not_resolve_is_a_dns_failure(host: str) -> None:
    assert asyncio.run(probe(request(f"http://{host}/")))[0].kind is OutcomeKind.DNS


def test_a_lookup_that_hangs_is_a_dns_failure_in_time() -> None:
    async def never(host: str, port: int) -> tuple[str, ...]:
        await asyncio.get_running_loop().create_future()
        return ()

    outcome = asyncio.run(probe(request("http://a.example/", timeout_seconds=0.1), lookup=never))[0]
    assert outcome.kind is OutcomeKind.DNS
    assert "within 0.1 s" in outcome.detail


def test_a_lookup_that_fails_for_reasons_of_its_own_is_not_the_targets_fault() -> None:
    async def broken(host: str, port: int) -> tuple[str, ...]:
        raise socket.gaierror(socket.EAI_SYSTEM, "System error")

    assert asyncio.run(probe(request("http://a.example/"), lookup=broken))[0].kind is OutcomeKind.NOT_PROBED


def test_a_name_is_looked_up_once_and_its_checked_address_is_the_one_connected_to() -> None:
    async def scenario() -> tuple[ProbeOutcome, list[str]]:
        asked: list[str] = []

        async def rebinding(host: str, port: int) -> tuple[str, ...]:
            asked.append(host)
            return ("127.0.0.1",) if len(asked) == 1 else ("169.254.169.254",)

        async with serving(OK) as port:
            return (await probe(request(f"http://a.example:{port}/"), lookup=rebinding))[0], asked

    outcome, asked = asyncio.run(scenario())
    assert outcome.kind is OutcomeKind.OK
    assert asked == ["a.example"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://metadata.example/",
        "http://2852039166/",
        "http://0xa9.254.169.254/",
        "http://0251.0376.0251.0376/",
        "http://metadata.example./",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://0.0.0.0/",
        "http://0/",
    ],
)
def test_metadata_is_refused_at_once_however_it_is_written(url: str) -> None:
    guard = AddressGuard(["0.0.0.0/0", "::/0"])
    known = {name: ["169.254.169.254"] for name in ("metadata.example", "metadata.example.")}
    lookup = names(known) if "example" in url else None
    outcome = asyncio.run(probe(request(url, attempts=3), guard=guard, lookup=lookup))[0]
    assert (outcome.kind, outcome.attempts) == (OutcomeKind.FORBIDDEN_ADDRESS, 1)


def test_loopback_is_refused_unless_allowed() -> None:
    outcome = asyncio.run(probe(request("http://127.0.0.1:9001/"), guard=AddressGuard()))[0]
    assert outcome.kind is OutcomeKind.FORBIDDEN_ADDRESS
    assert "ALLOWED_CIDRS" in outcome.detail


def test_of_a_names_addresses_forbidden_ones_are_skipped_and_the_next_is_tried() -> None:
    async def scenario() -> ProbeOutcome:
        async with serving(OK, host="127.0.0.3") as port:
            lookup = names({"a.example": ["169.254.169.254", "127.0.0.2", "127.0.0.3"]})
            return (await probe(request(f"http://a.example:{port}/"), lookup=lookup))[0]

    assert asyncio.run(scenario()).kind is OutcomeKind.OK


def test_a_refusal_is_not_hidden_by_an_address_the_prober_cannot_reach() -> None:
    guard = AddressGuard(["127.0.0.0/8", "240.0.0.0/4"])
    lookup = names({"a.example": ["127.0.0.2", "240.0.0.1"]})
    with socket.socket() as unused:
        unused.bind(("127.0.0.2", 0))
        asked = request(f"http://a.example:{unused.getsockname()[1]}/", timeout_seconds=0.5)
        outcome = asyncio.run(probe(asked, guard=guard, lookup=lookup))[0]
    assert outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.TIMEOUT}


def test_a_failing_target_is_probed_again_and_a_success_ends_it() -> None:
    outcome = probe_server(in_turn(reset, hang, OK), attempts=5, timeout_seconds=0.2)
    assert (outcome.kind, outcome.attempts) == (OutcomeKind.OK, 3)


def test_the_last_attempt_is_what_is_reported() -> None:
    outcome = probe_server(in_turn(reset, answering(b"HTTP/1.1 500 X\r\n\r\n")), attempts=2)
    assert (outcome.kind, outcome.attempts) == (OutcomeKind.STATUS, 2)


def test_two_hanging_of_two_hundred_targets_delay_no_other() -> None:
    async def scenario() -> list[ProbeOutcome]:
        async with serving(OK) as good, serving(hang) as bad:
            ports = [bad if number in {0, 100} else good for number in range(200)]
            asked = [
                request(f"http://127.0.0.1:{port}/", timeout_seconds=1.5, target_id=f"t{number}")
                for number, port in enumerate(ports)
            ]
            return await probe(*asked, slots=20)

    started = time.monotonic()
    outcomes = asyncio.run(scenario())
    assert time.monotonic() - started < 3
    kinds = [outcome.kind for outcome in outcomes]
    assert [number for number, kind in enumerate(kinds) if kind is not OutcomeKind.OK] == [0, 100]
    assert kinds[0] is kinds[100] is OutcomeKind.TIMEOUT
    assert max(outcome.elapsed_ms for outcome in outcomes if outcome.kind is OutcomeKind.OK) < 1000


def test_waiting_for_a_slot_costs_a_target_none_of_its_time() -> None:
    async def scenario() -> list[ProbeOutcome]:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async with serving(slow) as port:
            asked = [request(f"http://127.0.0.1:{port}/", timeout_seconds=0.4, target_id=f"t{n}") for n in range(12)]
            return await probe(*asked, slots=1)

    assert {outcome.kind for outcome in asyncio.run(scenario())} == {OutcomeKind.OK}


def test_no_more_connections_than_slots_are_open_at_once() -> None:
    async def scenario() -> int:
        open_now, most = 0, 0

        async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal open_now, most
            open_now += 1
            most = max(most, open_now)
            await asyncio.sleep(0.01)
            open_now -= 1
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async with serving(count) as port:
            await probe(*(request(f"http://127.0.0.1:{port}/", target_id=f"t{n}") for n in range(30)), slots=7)
        return most

    assert 1 <= asyncio.run(scenario()) <= 7


def test_a_prober_out_of_descriptors_blames_itself() -> None:
    async def scenario() -> ProbeOutcome:
        async with serving(OK) as port:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            # Lower than any number already in use: the next socket is refused, the open ones work on.
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                return (await probe(request(f"http://127.0.0.1:{port}/")))[0]
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    outcome = asyncio.run(scenario())
    assert (outcome.kind, outcome.detail) == (OutcomeKind.NOT_PROBED, "Too many open files")


def test_a_thousand_targets_that_hang_fit_the_descriptors_of_a_usual_process() -> None:
    async def scenario() -> set[OutcomeKind]:
        async with serving(hang) as port:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(USUAL_DESCRIPTORS, hard), hard))
            try:
                url = f"http://127.0.0.1:{port}/"
                asked = [request(url, timeout_seconds=0.5, target_id=f"t{number}") for number in range(1000)]
                return {outcome.kind for outcome in await probe(*asked, slots=DEFAULT_SLOTS)}
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert asyncio.run(scenario()) == {OutcomeKind.TIMEOUT}


def test_a_timeout_while_the_prober_stood_still_is_not_held_against_the_target() -> None:
    async def scenario() -> ProbeOutcome:
        async def block_the_loop_and_hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            time.sleep(0.3)  # noqa: ASYNC251 - standing still is what is tested
            await reader.read()

        async with serving(block_the_loop_and_hang) as port:
            asked = request(f"http://127.0.0.1:{port}/", timeout_seconds=0.2)
            return (await probe(asked, largest_lag_seconds=0.1))[0]

    outcome = asyncio.run(scenario())
    assert outcome.kind is OutcomeKind.NOT_PROBED
    assert "stood still" in outcome.detail


def test_an_answer_that_came_late_because_of_the_prober_still_counts() -> None:
    async def scenario() -> ProbeOutcome:
        async def block_the_loop_and_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            time.sleep(0.3)  # noqa: ASYNC251 - standing still is what is tested
            writer.write(b"HTTP/1.1 500 X\r\n\r\n")

        async with serving(block_the_loop_and_answer) as port:
            return (await probe(request(f"http://127.0.0.1:{port}/"), largest_lag_seconds=0.1))[0]

    assert asyncio.run(scenario()).kind is OutcomeKind.STATUS


def test_targets_not_reached_within_the_budget_are_answered_not_probed() -> None:
    async def scenario() -> list[ProbeOutcome]:
        async with serving(OK) as good, serving(hang) as bad:
            urls = {"good": good, "bad": bad, "waiting": bad}
            asked = [request(f"http://127.0.0.1:{port}/", target_id=name) for name, port in urls.items()]
            return await probe(*asked, slots=1, budget_seconds=0.2)

    kinds = [outcome.kind for outcome in asyncio.run(scenario())]
    assert kinds == [OutcomeKind.OK, OutcomeKind.NOT_PROBED, OutcomeKind.NOT_PROBED]


def test_of_a_target_that_hangs_so_long_that_the_time_for_all_its_attempts_is_short_the_last_one_stands() -> None:
    async def scenario() -> list[ProbeOutcome]:
        async with serving(hang) as port:
            asked = request(f"http://127.0.0.1:{port}/", timeout_seconds=0.3, attempts=3)
            return await probe(asked, budget_seconds=0.5)

    [outcome] = asyncio.run(scenario())
    assert (outcome.kind, outcome.attempts) == (OutcomeKind.TIMEOUT, 1)


def test_a_malformed_url_concerns_its_own_target_only() -> None:
    async def scenario() -> list[ProbeOutcome]:
        async with serving(OK) as port:
            return await probe(
                request("gopher://a.example/", target_id="bad"), request(f"http://127.0.0.1:{port}/", target_id="good")
            )

    bad, good = asyncio.run(scenario())
    assert bad.kind is OutcomeKind.NOT_PROBED
    assert "http://" in bad.detail
    assert good.kind is OutcomeKind.OK


def test_an_empty_batch_is_an_empty_report() -> None:
    assert asyncio.run(probe()) == []


def test_however_much_is_wrong_with_an_answer_little_is_said_of_it() -> None:
    async def scenario() -> ProbeOutcome:
        async with serving(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
            asked = request(f"http://127.0.0.1:{port}/")
            expected = Expectations(body=("what is not there " * 10_000,))
            return (await probe(asked.model_copy(update={"expect": expected, "attempts": 1})))[0]

    outcome = asyncio.run(scenario())
    assert (outcome.kind, len(outcome.detail)) == (OutcomeKind.CONDITION, LONGEST_DETAIL)
