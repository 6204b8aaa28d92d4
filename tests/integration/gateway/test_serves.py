"""How requests travel through a real gateway replica."""

import json
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from paramedic.state.request_handling import MAX_BODY_BYTES, MAX_COOKIE_SECONDS, MAX_SECONDS, MAX_VERSION, MAX_WEIGHT
from paramedic_gateway.proxy.admin import EnvoyAdmin
from tests.fakes.gateway_replica import GatewayReplica, own_address, publish
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

MEGABYTE = 1024 * 1024


def answers(gateway: GatewayReplica, count: int) -> Counter[str | None]:
    return Counter(gateway.served_by() for _ in range(count))


def test_requests_go_to_the_replicas_in_turn(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url], policy="round_robin")
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    assert answers(gateway, 10) == {"one": 5, "two": 5}


def test_least_load_avoids_the_replica_that_is_busy(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url], policy="least_load")
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(gateway.served_by, path="/hold")
        busy = eventually(lambda: next((each for each in (one, two) if each.holding.acquire(blocking=False)), None), "")
        idle = two if busy is one else one
        assert answers(gateway, 10) == {idle.name: 10}
        busy.release.set()
        assert held.result() == busy.name


REQUESTS = 40


def test_weighted_least_load_gives_heavier_replicas_more_of_the_requests_under_way(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url], policy="weighted_least_load", weights={two.url: 3})
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    held = []
    with ThreadPoolExecutor(REQUESTS) as pool:
        for _ in range(REQUESTS):
            # One after the other, so that each is placed knowing where all before it went.
            held.append(pool.submit(gateway.served_by, path="/hold"))
            eventually(lambda: any(each.holding.acquire(blocking=False) for each in (one, two)), "the next request")
        one.release.set()
        two.release.set()
        counts = Counter(each.result() for each in held)
    # Each goes where weight / (requests under way + 1) is largest in turn: with nothing ever finishing, the shares
    # settle at the square root of the weights' ratio, here 1.7.
    assert 2 * counts["one"] > counts["two"] > 1.4 * counts["one"]


def test_a_cookie_keeps_clients_at_their_replica_while_it_is_there(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url], sticky={"cookie": "session", "seconds": 60})
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    eventually(lambda: (answer := gateway.get()) and "set-cookie" in answer.headers, "the cookie")
    gateway.http.cookies.clear()
    with httpx.Client(trust_env=False) as browser:
        mine = browser.get(gateway.url()).json()["name"]
        assert Counter(browser.get(gateway.url()).json()["name"] for _ in range(10)) == {mine: 10}
        gone, other = (one, two) if mine == "one" else (two, one)
        publish("echo", 3, [other.url], sticky={"cookie": "session", "seconds": 60})
        eventually(lambda: browser.get(gateway.url()).json()["name"] == other.name, "the other one once it is alone")
        gone.die()
        assert browser.get(gateway.url()).json()["name"] == other.name


def test_versions_are_served_side_by_side_by_path_and_by_header(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    rules = [{"version": 2, "path_prefix": "/v2"}, {"version": 3, "header": {"name": "x-model", "value": "canary"}}]
    with Upstream(name="three") as three:
        urls, at_version = [one.url, two.url, three.url], {two.url: 2, three.url: 3}
        publish("echo", 2, urls, at_version=at_version, versions=rules)
        eventually(lambda: gateway.served_by(path="/v2/x") == "two", "the second version")
        assert answers(gateway, 6) == {"one": 6}
        assert gateway.served_by(path="/v2") == "two"
        assert gateway.served_by(path="/v20") == "one"
        assert gateway.served_by(9001, "/", **{"x-model": "canary"}) == "three"
        assert gateway.served_by(9001, "/", **{"x-model": "other"}) == "one"
        publish("echo", 3, urls, at_version=at_version)
        eventually(lambda: answers(gateway, 6) == {"one": 2, "two": 2, "three": 2}, "no version apart any more")


def test_services_share_a_port_by_their_host_names(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    publish("other", 1, [two.url], port=9002, hosts=["shop.example.org"])
    for host, name in (
        ("echo.models.test", "one"),
        ("other.models.test", "two"),
        ("other.models.test:8080", "two"),
        ("shop.example.org", "two"),
    ):
        eventually(lambda host=host, name=name: gateway.served_by(8080, host=host) == name, host)  # type: ignore[misc]
    answer = gateway.get(8080, host="nobody.models.test")
    assert answer is not None
    assert answer.status_code == 404


def test_of_two_services_that_want_one_host_name_the_first_has_it_and_the_other_is_told(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    publish("other", 1, [two.url], port=9002, hosts=["echo.models.test"])
    assert "host name echo.models.test of service other belongs to service echo" in gateway.problem("host name")
    eventually(lambda: gateway.served_by(9002) == "two", "the other, on its own port")
    assert gateway.served_by(8080, host="echo.models.test") == "one"


def test_a_service_without_a_replica_asks_clients_to_come_back(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    publish("echo", 2, [])
    eventually(lambda: (answer := gateway.get()) is not None and answer.status_code == 503, "503")
    answer = gateway.get()
    assert answer is not None
    assert answer.headers["retry-after"] == "5"


def test_a_dead_replica_among_those_listed_fails_no_get(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url])
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    two.die()
    assert answers(gateway, 100) == {"one": 100}


def test_a_get_whose_replica_dies_while_it_works_is_done_by_another(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url])
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(gateway.served_by, path="/hold")
        busy = eventually(lambda: next((each for each in (one, two) if each.holding.acquire(blocking=False)), None), "")
        idle = two if busy is one else one
        idle.release.set()
        busy.die()
        assert held.result() == idle.name


def test_a_post_is_never_sent_twice_once_a_replica_has_it(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url])
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    with socket.create_connection((gateway.host, 9001)) as client:
        client.sendall(b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        chosen = eventually(
            lambda: next((each for each in (one, two) if ("POST", "/once") in each.requests), None), "the request"
        )
        chosen.die()
        client.sendall(b"defghij")
        assert b" 503 " in client.recv(4096).split(b"\r\n")[0]
    sent = [each for upstream in (one, two) for each in upstream.requests if each == ("POST", "/once")]
    assert len(sent) == 1


def test_a_post_to_a_replica_that_refuses_is_sent_to_another(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url])
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    two.die()
    for _ in range(20):
        assert gateway.http.post(gateway.url(), content=b"body").json()["received"] == 4


def test_a_leaving_replica_gets_no_new_request_and_finishes_those_it_has(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(gateway.served_by, path="/hold")
        assert one.holding.acquire(timeout=20)
        publish("echo", 2, [two.url], draining=[one.url])
        eventually(lambda: gateway.served_by() == "two", "the change")
        assert answers(gateway, 10) == {"two": 10}
        admin = EnvoyAdmin(gateway.layout.admin_socket)
        where = ("echo", f"127.0.0.1:{one.port}")
        assert admin.draining_hosts() == {where: 1}
        publish("echo", 3, [one.url, two.url])
        eventually(lambda: gateway.served_by() == "one", "a replica that came back")
        publish("echo", 4, [two.url], draining=[one.url])
        eventually(lambda: admin.draining_hosts() == {where: 1}, "it to leave with the request it still has")
        publish("echo", 5, [two.url])
        eventually(lambda: not admin.draining_hosts(), "the replica to leave the routes altogether")
        one.release.set()
        assert held.result() == "one"


def test_while_all_replicas_are_leaving_nobody_new_is_sent_to_them(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream
) -> None:
    publish("echo", 2, [], draining=[one.url])
    eventually(lambda: (answer := gateway.get()) is not None and answer.status_code == 503, "503")
    assert {answer.status_code for _ in range(10) if (answer := gateway.get()) is not None} == {503}


def test_answers_are_streamed_as_they_come(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream
) -> None:
    with gateway.http.stream("GET", gateway.url(path="/stream")) as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"first"
        one.release.set()
        assert next(parts) == b"second"


def test_uploads_are_passed_on_as_they_come_and_never_held_whole(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream
) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(64):
            yield bytes(MEGABYTE)

    status = f"/proc/{gateway.envoy_pid()}/status"
    before = resident(status)
    answer = gateway.http.post(gateway.url(), content=body())
    assert answer.json()["received"] == 64 * MEGABYTE
    assert resident(status) - before < 16 * MEGABYTE


def resident(status: str) -> int:
    with open(status) as lines:  # noqa: PTH123
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_a_body_limit_holds_for_told_lengths_and_refuses_untold_ones(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream
) -> None:
    publish("echo", 2, [one.url], max_body_bytes=10)

    def status(content: bytes | Iterator[bytes]) -> int:
        return gateway.http.post(gateway.url(), content=content).status_code

    eventually(lambda: status(bytes(11)) == 413, "the limit")
    for length in (2**63 - 1, 2**63, 2**64 - 1):
        assert b" 413 " in first_line(gateway, f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")
    assert status(bytes(10)) == 200
    assert status(iter([bytes(1)])) == 411
    assert gateway.served_by() == "one"


def first_line(gateway: GatewayReplica, request: str) -> bytes:
    with socket.create_connection((gateway.host, 9001), timeout=20) as client:
        client.sendall(request.encode())
        return client.recv(4096).split(b"\r\n")[0]


def test_websockets_pass(gateway: GatewayReplica, serving: subprocess.Popen[bytes]) -> None:
    with socket.create_connection((gateway.host, 9001), timeout=20) as client:
        client.sendall(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = client.recv(4096)
        assert head.startswith(b"HTTP/1.1 101")
        for frame in (b"\x81\x85abcd\x09\x07\x0f\x08\x0e", b"\x81\x80abcd"):
            client.sendall(frame)
            assert client.recv(4096) == frame


def test_clients_may_speak_http2_in_the_clear(gateway: GatewayReplica, serving: subprocess.Popen[bytes]) -> None:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    for stream in (1, 3):
        headers = [(":method", "GET"), (":path", f"/{stream}"), (":scheme", "http"), (":authority", "x")]
        connection.send_headers(stream, headers, end_stream=True)
    paths: dict[int, str] = {}
    with socket.create_connection((gateway.host, 9001), timeout=20) as client:
        while len(paths) < 2:
            client.sendall(connection.data_to_send())
            for event in connection.receive_data(client.recv(65536)):
                if isinstance(event, h2.events.DataReceived) and event.data:
                    paths[event.stream_id or 0] = json.loads(event.data)["path"]
    assert paths == {1: "/1", 3: "/3"}


def test_replicas_may_speak_http2(gateway: GatewayReplica, serving: subprocess.Popen[bytes]) -> None:
    with socket.create_server((own_address(), 0)) as listener:
        host, port = listener.getsockname()
        threading.Thread(target=answer_http2_once, args=(listener,), daemon=True).start()
        publish("echo", 2, [f"http://{host}:{port}"], replica_protocol="http2")
        answer = eventually(lambda: got if (got := gateway.get()) and got.headers.get("x-h2") else None, "an answer")
        assert answer.status_code == 200


def answer_http2_once(listener: socket.socket) -> None:
    client, _ = listener.accept()
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    with client:
        while True:
            client.sendall(connection.data_to_send())
            for event in connection.receive_data(client.recv(65536)):
                if isinstance(event, h2.events.RequestReceived) and event.stream_id:
                    connection.send_headers(event.stream_id, [(":status", "200"), ("x-h2", "yes")], end_stream=True)


@pytest.fixture
def authority() -> Iterator[Upstream]:
    with Upstream(name="authority") as upstream:
        yield upstream


def test_an_authority_decides_who_passes_and_what_the_replica_is_told(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, authority: Upstream
) -> None:
    publish("echo", 2, [one.url], authorization={"url": f"{authority.url}/check", "response_headers": ["Server"]})
    eventually(lambda: gateway.get(path="/doc?q=1", cookie="me") and authority.headers, "the authority to be asked")
    asked = authority.headers[0]
    assert asked["x-forwarded-uri"] == "/doc?q=1"
    assert asked["x-forwarded-method"] == "GET"
    assert asked["cookie"] == "me"
    assert one.headers[-1]["server"].startswith("BaseHTTP")
    publish("echo", 3, [one.url], authorization={"url": f"{authority.url}/status/401"})
    eventually(lambda: (answer := gateway.get()) is not None and answer.status_code == 401, "the refusal")
    seen = len(one.requests)
    authority.die()
    answer = gateway.get()
    assert answer is not None
    assert answer.status_code == 503
    assert len(one.requests) == seen


def test_headers_that_an_authority_may_set_are_never_the_clients(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream, authority: Upstream
) -> None:
    names = ["X-User", "authorization", "x_odd.NAME-1"]
    publish("echo", 2, [one.url], authorization={"url": f"{authority.url}/check", "response_headers": names})
    publish("open", 1, [two.url], port=9002)
    eventually(lambda: gateway.get() and authority.requests, "the authority to be asked")
    eventually(lambda: gateway.served_by(9002) == "two", "the service without an authority")
    forged = [("x-user", "eve"), ("X-USER", "mallory"), ("Authorization", "Basic abc"), ("x_odd.name-1", "1")]
    # Many a replica's framework takes these for the same names.
    forged += [("X_User", "trudy"), ("x-odd.name_1", "2")]

    def told(upstream: Upstream, port: int = 9001) -> dict[str, str]:
        """What `upstream` sees when a client forges all of them."""
        assert gateway.http.get(gateway.url(port), headers=forged).status_code == 200
        alike = {name.lower().replace("_", "-") for name in names}
        return {name: value for name, value in upstream.headers[-1].items() if name.replace("_", "-") in alike}

    assert told(one) == {}
    assert told(authority)["authorization"] == "Basic abc"
    authority.answer_headers = {"X-User": "ada", "Authorization": "Bearer %REQ(:path)%"}
    assert told(one) == {"x-user": "ada", "authorization": "Bearer %REQ(:path)%"}
    authority.answer_headers = {"x-user": ""}
    assert told(one) == {}
    assert told(two, 9002)["authorization"] == "Basic abc"
    assert told(two, 9002)["x_odd.name-1"] == "1"


def test_a_replica_set_that_changes_all_the_time_fails_no_request(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    with asking(gateway, clients=4) as answered:
        for revision in range(2, 14):
            chosen = [[one], [two], [one, two]][revision % 3]
            publish("echo", revision, [each.url for each in chosen])
            names = {each.name for each in chosen}
            eventually(lambda names=names: set(answers(gateway, 4)) == names, f"revision {revision} to be served")  # type: ignore[misc]
    assert set(sum((each.result() for each in answered), Counter[int]())) == {200}


@contextmanager
def asking(gateway: GatewayReplica, clients: int) -> Iterator[list[Future[Counter[int]]]]:
    """Clients that ask one request after the other while this is entered, and then have a count of each status."""
    over = threading.Event()
    with ThreadPoolExecutor(clients) as pool:
        try:
            yield [pool.submit(ask_until, gateway, over) for _ in range(clients)]
        finally:
            over.set()


def ask_until(gateway: GatewayReplica, over: threading.Event) -> Counter[int]:
    counts = Counter[int]()
    with httpx.Client(trust_env=False, timeout=20) as http:
        while not over.is_set():
            counts[http.get(gateway.url()).status_code] += 1
    return counts


LEAST: dict[str, Any] = {
    "hosts": ["a"],
    "max_body_bytes": 0,
    "timeout_seconds": 0.001,
    "idle_timeout_seconds": 0.001,
    "sticky": {"cookie": "a", "seconds": 0},
    "authorization": {"url": "http://a", "timeout_seconds": 0.001},
    "versions": [{"version": 1, "header": {"name": "x", "value": ""}}],
}
MOST: dict[str, Any] = {
    "hosts": [".".join(["h" * 63] * 4), "more.example.org"],
    "max_body_bytes": MAX_BODY_BYTES,
    "timeout_seconds": MAX_SECONDS,
    "idle_timeout_seconds": MAX_SECONDS,
    "sticky": {"cookie": "a!#$%&'*+.^_`|~-z" + "c" * 111, "seconds": MAX_COOKIE_SECONDS},
    "authorization": {
        "url": "http://authority.invalid:65535/?a=b" + "&" * 2013,
        "response_headers": ["X-A", "." * 48, "-" * 48],
        "timeout_seconds": MAX_SECONDS,
    },
    "versions": [
        {"version": 2, "path_prefix": "/a-b_c.d~e%20f"},
        {"version": 3, "header": {"name": "h" * 128, "value": "v" * 8192}},
        {"version": MAX_VERSION, "path_prefix": "/x" * 4096, "header": {"name": "x", "value": 'quote"\\ and ü'}},
    ],
}


def test_envoy_takes_the_least_and_the_most_of_every_option_alone_and_all_together(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream
) -> None:
    alone = [{name: value} for extreme in (LEAST, MOST) for name, value in extreme.items() if name != "hosts"]
    cases = [*alone, LEAST, {**MOST, "replica_protocol": "http2"}]
    policies = ["round_robin", "least_load", "weighted_least_load"]
    for number, case in enumerate(cases):
        weights, policy = {one.url: MAX_WEIGHT}, policies[number % 3]
        publish(f"case-{number}", 1, [one.url], port=9100 + number, policy=policy, weights=weights, **case)
    eventually(lambda: (gateway.health() or {})["services"] == len(cases) + 1, "all services")
    last = f"cluster.case-{len(cases) - 1}.version_text"
    assert eventually(lambda: EnvoyAdmin(gateway.layout.admin_socket).versions().get(last), "the last one")
    publish("echo", 2, [one.url], hosts=["late.example.org"])
    eventually(lambda: gateway.served_by(8080, host="late.example.org") == "one", "changes to be taken still")
    assert gateway.healthy()["problems"] == []


def test_with_the_most_of_every_option_at_once_requests_are_served(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream, authority: Upstream
) -> None:
    asked = {**MOST["authorization"], "url": f"{authority.url}/check"}
    options = {**MOST, "authorization": asked, "policy": "weighted_least_load", "weights": {one.url: MAX_WEIGHT}}
    publish("most", 1, [one.url, two.url], port=65535, at_version={two.url: MAX_VERSION}, **options)
    for port, host in ((65535, "x"), (8080, "more.example.org")):
        eventually(lambda port=port, host=host: gateway.served_by(port, host=host) == "one", host)  # type: ignore[misc]
    chosen = [(b"x", 'quote"\\ and ü'.encode())]
    answer = gateway.http.post(gateway.url(65535, "/x" * 4096), content=bytes(1000), headers=chosen)
    assert answer.json()["name"] == "two"
    assert f"Max-Age={MAX_COOKIE_SECONDS}" in answer.headers["set-cookie"]
    assert gateway.healthy()["problems"] == []


def test_a_port_that_somebody_else_has_is_a_problem_until_it_is_free(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    with socket.create_server((gateway.host, 9002)):
        publish("other", 1, [two.url], port=9002)
        assert "Envoy refuses lds.json" in gateway.problem("lds.json")
        assert gateway.served_by() == "one"
        eventually(lambda: gateway.served_by(8080, host="other.models.test") == "two", "the other, by its host name")
    eventually(lambda: gateway.served_by(9002) == "two", "the port once it is free")
    eventually(lambda: gateway.healthy()["problems"] == [], "the problem to be over")


def test_the_least_loaded_replica_being_dead_fails_no_get_either(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    publish("echo", 2, [one.url, two.url], policy="least_load")
    eventually(lambda: gateway.served_by() == "two", "the second replica")
    with asking(gateway, clients=8) as answered:
        eventually(lambda: len(one.requests) + len(two.requests) > 200, "traffic")
        two.die()
        reached = len(one.requests)
        eventually(lambda: len(one.requests) > reached + 500, "traffic without it")
    assert set(sum((each.result() for each in answered), Counter[int]())) == {200}
