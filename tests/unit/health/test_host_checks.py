"""Checks on hosts: the script that runs there, what SSM is sent, and what its answers are taken for."""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from paramedic.errors import InvalidInputError
from paramedic.health import on_host
from paramedic.health.checked_target import checked_target
from paramedic.health.diagnosis import HostCheck
from paramedic.health.host_commands import DEADLINE_SECONDS, SsmHostChecks
from paramedic.health.on_host import HostAnswer, HostTarget, OnHost, is_allowed
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.url_targets import UrlTarget
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import TargetKind
from paramedic.validation import validated
from tests.fakes.check_world import TARGET, URL_TARGET, CheckWorld
from tests.fakes.clock import FakeClock
from tests.fakes.ssm import BashHosts, document, refusal, script_of

INSTANCE = "i-0123456789abcdef0"
OTHER = "mi-0123456789abcdef0"
BOX = "ssm:box"


def asked(**fields: object) -> OnHost:
    return OnHost.model_validate({"instance": INSTANCE, **fields})


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health?deep=1" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Where a server answers on this host."""
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def closed() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def hosts(tmp_path: Path) -> BashHosts:
    return BashHosts(tmp_path)


def answer_of(hosts: BashHosts, each: OnHost) -> HostAnswer:
    return SsmHostChecks(hosts, "host-check", FakeClock()).ask({BOX: each})[BOX]


def test_the_documents_script_asks_a_server_and_takes_only_a_2xx(hosts: BashHosts, port: int, closed: int) -> None:
    answers = [
        answer_of(hosts, asked(check="http", port=number, path=path))
        for number, path in ((port, "/health?deep=1"), (port, "/"), (closed, "/"))
    ]
    assert answers == [
        HostAnswer(HostCheck.PASSES, "http status 200"),
        HostAnswer(HostCheck.FAILS, "http status 503"),
        HostAnswer(HostCheck.FAILS, "http status 000"),
    ]


def test_the_documents_script_connects(hosts: BashHosts, port: int, closed: int) -> None:
    said = [answer_of(hosts, asked(check="tcp", port=each)).says for each in (port, closed)]
    assert said == [HostCheck.PASSES, HostCheck.FAILS]


@pytest.mark.parametrize(
    ("systemd_says", "answer"),
    [
        ("active", HostCheck.PASSES),
        ("reloading", HostCheck.PASSES),
        ("failed", HostCheck.FAILS),
        ("inactive", HostCheck.FAILS),
        ("", HostCheck.UNKNOWN),
    ],
)
def test_the_documents_script_asks_systemd_for_the_unit(tmp_path: Path, systemd_says: str, answer: HostCheck) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\n[ "$*" = "is-active -- chat@1.service" ] && echo {systemd_says}; exit 3\n')
    systemctl.chmod(0o700)
    hosts = BashHosts(tmp_path, f"{tmp_path}:{os.defpath}")
    assert answer_of(hosts, asked(check="unit", unit="chat@1.service")).says is answer


def test_a_host_without_the_tool_for_a_check_cannot_tell(tmp_path: Path, port: int) -> None:
    answer = answer_of(BashHosts(tmp_path, str(tmp_path)), asked(check="http", port=port))
    assert answer.says is HostCheck.UNKNOWN
    assert "curl is not installed" in answer.detail


def test_a_row_can_ask_for_nothing_that_the_document_does_not_define() -> None:
    defined = document()["parameters"]
    assert defined["check"]["allowedValues"] == list(on_host.CheckKind)
    patterns = {name: defined[name]["allowedPattern"] for name in ("port", "path", "unit")}
    assert patterns == {"port": on_host.PORT_PATTERN, "path": on_host.PATH_PATTERN, "unit": on_host.UNIT_PATTERN}


TEXTS = st.text(st.characters(codec="ascii"), max_size=20) | st.sampled_from(["/'; id; '", "/$(id)", "/`id`", "a\n"])


@given(TEXTS, TEXTS)
def test_what_is_asked_stays_within_the_quotes_of_the_script(path: str, unit: str) -> None:
    for fields in ({"check": "http", "port": 80, "path": path}, {"check": "unit", "unit": unit}):
        try:
            parameters = asked(**fields).parameters()
        except ValueError:
            continue
        # What people may write, SSM takes too, and no quote, no expansion and no line end is in it.
        assert script_of(parameters)
        assert not set("'\"`$\\\n ;|<>()") & set("".join(text for values in parameters.values() for text in values))


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"instance": "web-1", "check": "tcp", "port": 1}, "ssm.instance", "pattern"),
        ({"check": "shell", "command": "id"}, "ssm.check", "'http', 'tcp' or 'unit'"),
        ({"check": "http"}, "ssm", "needs port"),
        ({"check": "unit", "unit": "a", "port": 1}, "ssm", "takes no port"),
        ({"check": "tcp", "port": 65536}, "ssm.port", "65535"),
        ({"check": "http", "port": 1, "path": "/'"}, "ssm.path", "pattern"),
        ({"check": "unit", "unit": "-a"}, "ssm.unit", "pattern"),
        ({"check": "tcp", "port": 1, "run": "id"}, "ssm.run", "not permitted"),
    ],
)
def test_what_people_write_is_refused_by_the_name_of_its_field(
    fields: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        validated(HostTarget, {"name": "box", "ssm": {"instance": INSTANCE, **fields}}, root="target")
    assert field in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize("stored", [None, "{", '{"instance": "i-1", "check": "tcp", "port": 1}', '{"command": "id"}'])
def test_a_row_that_asks_for_nonsense_is_named(stored: str | None) -> None:
    row = HostTarget(name="box", ssm=asked(check="tcp", port=1)).row()
    row.on_host = stored
    with pytest.raises(InvalidRowError, match=rf"{BOX}\]\.on_host"):
        checked_target(row)


@pytest.mark.parametrize(
    ("instance", "arns", "allowed"),
    [
        (INSTANCE, [f"arn:aws:ec2:us-east-1:1:instance/{INSTANCE}"], True),
        (INSTANCE, ["arn:aws:ec2:us-east-1:1:instance/*"], True),
        (INSTANCE, ["arn:aws:ec2:us-east-1:1:instance/i-0fff"], False),
        (OTHER, ["arn:aws:ec2:us-east-1:1:instance/*"], False),
        (OTHER, ["arn:aws:ec2:us-east-1:1:instance/*", f"arn:aws:ssm:us-east-1:1:managed-instance/{OTHER}"], True),
        (INSTANCE, [], False),
    ],
)
def test_only_hosts_that_the_stack_names_may_be_asked(instance: str, arns: Sequence[str], allowed: bool) -> None:
    assert is_allowed(instance, arns) is allowed


@pytest.fixture(scope="module")
def ssm() -> Any:
    """A client that checks every call against SSM's own model."""
    return boto3.client("ssm", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


SENT = {"Command": {"CommandId": "0" * 36}}
LOOKED_FOR = {"CommandId": "0" * 36, "InstanceId": INSTANCE}


def test_ssm_is_sent_the_document_with_its_parameters_and_asked_until_it_knows(ssm: Any) -> None:
    with Stubber(ssm) as stubber:
        parameters = {"check": ["http"], "port": ["8080"], "path": ["/health"]}
        sent = {"DocumentName": "host-check", "InstanceIds": [INSTANCE], "Parameters": parameters, "TimeoutSeconds": 30}
        stubber.add_response("send_command", SENT, sent)
        stubber.add_client_error("get_command_invocation", "InvocationDoesNotExist", expected_params=LOOKED_FOR)
        stubber.add_response("get_command_invocation", {"Status": "InProgress", "ResponseCode": -1}, LOOKED_FOR)
        ended = {"Status": "Success", "ResponseCode": 0, "StandardOutputContent": "http status 200\n"}
        stubber.add_response("get_command_invocation", ended, LOOKED_FOR)
        asking = asked(check="http", port=8080, path="/health")
        answers = SsmHostChecks(ssm, "host-check", FakeClock()).ask({BOX: asking})
        stubber.assert_no_pending_responses()
    assert answers == {BOX: HostAnswer(HostCheck.PASSES, "http status 200")}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidInstanceId", "is it running, and its agent online?"),
        ("ThrottlingException", "no command was sent"),
        ("AccessDeniedException", "no command was sent"),
    ],
)
def test_a_check_that_cannot_be_sent_says_nothing_of_its_target(ssm: Any, code: str, words: str) -> None:
    with Stubber(ssm) as stubber:
        stubber.add_client_error("send_command", code)
        answer = SsmHostChecks(ssm, "host-check", FakeClock()).ask({BOX: asked(check="tcp", port=1)})[BOX]
    assert answer.says is HostCheck.UNKNOWN
    assert words in answer.detail


@pytest.mark.parametrize(
    ("status", "code"),
    [("TimedOut", -1), ("Cancelled", -1), ("Failed", 127), ("Failed", 69), ("Failed", -1), ("Undeliverable", -1)],
)
def test_a_command_that_came_to_no_end_says_nothing_of_its_target(ssm: Any, status: str, code: int) -> None:
    with Stubber(ssm) as stubber:
        stubber.add_response("send_command", SENT)
        stubber.add_response("get_command_invocation", {"Status": status, "ResponseCode": code})
        answer = SsmHostChecks(ssm, "host-check", FakeClock()).ask({BOX: asked(check="tcp", port=1)})[BOX]
    assert answer.says is HostCheck.UNKNOWN


class _SlowHosts:
    """Takes every command and never says what came of it."""

    def send_command(self, **_: Any) -> Mapping[str, Any]:
        return SENT

    def get_command_invocation(self, **_: Any) -> Mapping[str, Any]:
        raise refusal("ThrottlingException")


def test_hosts_that_do_not_answer_are_waited_for_together_and_not_for_long() -> None:
    clock = FakeClock()
    before = clock.monotonic()
    many = {f"ssm:{n}": asked(check="tcp", port=1) for n in range(50)}
    answers = SsmHostChecks(_SlowHosts(), "host-check", clock).ask(many)
    assert {answer.says for answer in answers.values()} == {HostCheck.UNKNOWN}
    assert len(answers) == len(many)
    assert clock.monotonic() - before == pytest.approx(DEADLINE_SECONDS)


@pytest.fixture
def world(memory_tables: None, hosts: BashHosts) -> CheckWorld:
    world = CheckWorld()
    world.hosts = SsmHostChecks(hosts, "host-check", world.clock)
    return world


def put_box(world: CheckWorld, port: int) -> None:
    row = HostTarget(name="box", ssm=asked(check="tcp", port=port)).row()
    world.add(BOX, TargetKind.SSM, url=None, on_host=row.on_host)


def test_a_target_that_is_only_looked_at_on_its_host_is_judged_by_that(
    world: CheckWorld, port: int, closed: int
) -> None:
    put_box(world, port)
    assert (world.check(0).checked, world.bus.entries) == (3, [])
    put_box(world, closed)
    assert world.check(1).down == 1
    assert [(each["diagnosis"], each["outcome"], each["detail"]) for each in world.bus.details()] == [
        ("failing", "failed", "no connection")
    ]


def test_a_host_that_cannot_be_asked_leaves_its_target_unknown(
    world: CheckWorld, hosts: BashHosts, closed: int
) -> None:
    put_box(world, closed)
    hosts.offline.add(INSTANCE)
    summary = world.check(0)
    assert (summary.unknown, summary.down, world.bus.entries) == (1, 0, [])


def test_a_stack_that_may_ask_no_host_says_so(memory_tables: None, closed: int) -> None:
    world = CheckWorld()
    put_box(world, closed)
    assert world.check(0).unknown == 1


def url_row(port: int) -> str | None:
    target = UrlTarget(name="shop", url="http://shop.example", host_check=asked(check="tcp", port=port))
    return target.row().on_host


@pytest.mark.parametrize("kind", [OutcomeKind.OK, OutcomeKind.REFUSED, OutcomeKind.STATUS])
def test_the_host_of_a_target_is_not_asked_unless_its_probe_times_out(
    world: CheckWorld, hosts: BashHosts, port: int, kind: OutcomeKind
) -> None:
    world.add(URL_TARGET, TargetKind.URL, on_host=url_row(port))
    world.prober.kinds[URL_TARGET] = kind
    world.check(0)
    assert hosts.sent == []


def test_a_url_that_times_out_and_answers_on_its_host_is_cut_off(world: CheckWorld, port: int) -> None:
    world.add(URL_TARGET, TargetKind.URL, on_host=url_row(port))
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    (event,) = world.bus.details()
    assert (event["diagnosis"], event["verdict"], event["host_check"]) == ("unreachable", "suspect", "passes")
    assert event["detail"].endswith("on its host: passes connected")
    assert event["notice"] == "open"


def test_a_url_that_fails_on_its_host_as_well_is_down_and_nothing_relaunches_it(world: CheckWorld, closed: int) -> None:
    world.add(URL_TARGET, TargetKind.URL, on_host=url_row(closed))
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    for minute in range(4):
        world.check(minute)
    (event,) = world.bus.details()
    assert (event["diagnosis"], event["verdict"], event["cures"], event["notice"]) == ("failing", "down", False, "open")


def test_a_host_that_cannot_be_asked_about_a_timeout_leaves_the_verdict_as_it_would_be(
    world: CheckWorld, hosts: BashHosts, port: int
) -> None:
    world.add(URL_TARGET, TargetKind.URL, on_host=url_row(port))
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    hosts.offline.add(INSTANCE)
    world.check(0)
    (event,) = world.bus.details()
    assert (event["diagnosis"], event["verdict"], event["host_check"]) == ("unreachable", "down", "unknown")


def test_a_silent_controller_that_answers_on_its_host_is_not_hung(world: CheckWorld, port: int) -> None:
    world.beat()
    world.add(TARGET, TargetKind.CONTROLLER, on_host=url_row(port))
    world.prober.kinds[TARGET] = OutcomeKind.TIMEOUT
    for minute in range(4):
        world.check(minute)
    assert [(each["diagnosis"], each["cures"]) for each in world.bus.details()] == [("unreachable", False)]


def test_an_error_of_ssm_is_what_the_fake_raises_too(hosts: BashHosts) -> None:
    with pytest.raises(ClientError, match="InvalidParameters"):
        hosts.send_command(InstanceIds=[INSTANCE], Parameters={"check": ["http"], "port": ["1; id"]})
