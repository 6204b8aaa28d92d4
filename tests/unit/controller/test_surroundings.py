"""Settings, back-off, ports and the health answer."""

import json
import socket
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from paramedic.clock import SystemClock
from paramedic.settings import InvalidSettingError
from paramedic_controller.backoff import LONGEST_SECONDS, STABLE_SECONDS, after_failure, may_launch
from paramedic_controller.board import STALLED_AFTER_SECONDS, Board, Identity, Recovered, UnfinishedRequests
from paramedic_controller.exits import CannotStartError, Exit
from paramedic_controller.http_api import HttpApi
from paramedic_controller.ports import BIND_PATIENCE_SECONDS, FreePorts, bind
from paramedic_controller.settings import Settings
from tests.fakes.clock import FakeClock
from tests.unit.controller.states import NOW, replica, state

REQUIRED = {"TABLE_PREFIX": "p-", "PARAMEDIC_CONTROLLER_ID": "main", "PARAMEDIC_HOST_DIR": "/var/lib/paramedic"}
IDENTITY = Identity(controller_id="main", epoch=2, process_id="p", pid=7, recover_mode=True)


def test_three_variables_are_enough() -> None:
    settings = Settings.from_env({**REQUIRED, "HOME": "/root", "PARAMEDIC_EPOCH": ""})
    assert (settings.profile_name, settings.port, settings.epoch) == ("main", 0, None)
    assert settings.replica_log_dir == Path("/var/lib/paramedic/logs")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TABLE_PREFIX", ""),
        ("PARAMEDIC_CONTROLLER_ID", "Main!"),
        ("PARAMEDIC_PORT", "http"),
        ("PARAMEDIC_EPOCH", "0"),
        ("PARAMEDIC_PASS_SECONDS", "0"),
        ("STALE_SECONDS", "9.9"),
        ("STALE_SECONDS", "inf"),
        ("PARAMEDIC_PROBE_SECONDS", "inf"),
        ("PARAMEDIC_DRAIN_SECONDS", "nan"),
        ("PARAMEDIC_LAUNCHES_AT_ONCE", "0"),
        ("PARAMEDIC_LAUNCHES_PER_SECOND", "0"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(InvalidSettingError) as refused:
        Settings.from_env({**REQUIRED, variable: value})
    assert refused.value.field == variable


def test_nobody_may_call_a_controller_stale_while_its_lease_lasts() -> None:
    with pytest.raises(InvalidSettingError, match="self-fence lease"):
        Settings.from_env({**REQUIRED, "STALE_SECONDS": "5"})


def test_the_first_failure_is_made_good_at_once_and_later_ones_after_growing_waits() -> None:
    failures, retry_at, waits = 0, NOW, []
    for _ in range(10):
        failures, retry_at = after_failure(failures, 3.0, NOW)
        waits.append((retry_at - NOW).total_seconds())
    assert waits[:5] == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_SECONDS
    assert not may_launch(retry_at, NOW)
    assert may_launch(retry_at, retry_at)
    assert may_launch(None, NOW)


def test_a_replica_that_worked_for_long_fails_for_the_first_time_again() -> None:
    assert after_failure(9, STABLE_SECONDS, NOW) == (1, NOW)


def test_a_clock_that_was_far_ahead_holds_back_no_launch() -> None:
    assert may_launch(NOW + timedelta(days=1), NOW)


def test_no_port_is_handed_out_twice() -> None:
    ports = FreePorts("127.0.0.1", list)
    urls = [ports.next_url() for _ in range(50)]
    assert len(set(urls)) == 50


def test_a_port_that_is_routed_to_is_not_handed_out_even_while_nobody_listens_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = iter((5001, 5002, 5001, 5003))
    monkeypatch.setattr(FreePorts, "_probe", lambda _: next(free))
    ports = FreePorts("127.0.0.1", lambda: ["http://127.0.0.1:5001"])
    assert [ports.next_url(), ports.next_url()] == ["http://127.0.0.1:5002", "http://127.0.0.1:5003"]


def test_a_port_that_stays_taken_is_an_error_after_a_short_patience() -> None:
    clock = FakeClock()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        before = clock.monotonic()
        with pytest.raises(CannotStartError, match=f"port {port} of 127.0.0.1") as refused:
            bind("127.0.0.1", port, clock)
    assert refused.value.code is Exit.PORT_TAKEN
    assert clock.monotonic() - before >= BIND_PATIENCE_SECONDS


def test_a_port_that_is_given_back_in_time_is_bound() -> None:
    clock = FakeClock()
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    clock.on_sleep = taken.close
    with bind("127.0.0.1", port, clock) as bound:
        assert bound.getsockname()[1] == port


def test_health_follows_the_main_loop() -> None:
    clock = FakeClock()
    board = Board(IDENTITY, clock)
    assert (board.is_healthy(), board.health().status) == (False, "restoring")
    board.passed([], {})
    assert (board.is_healthy(), board.health().status) == (True, "ok")
    clock.advance(STALLED_AFTER_SECONDS)
    assert (board.is_healthy(), board.health().status) == (False, "stalled")


def test_what_is_kept_with_the_heartbeat_of_a_thousand_services_stays_within_the_smallest_write() -> None:
    names = [f"service-{number:04d}" for number in range(1000)]
    ports, ids = dict.fromkeys(names, 30001), dict.fromkeys(names, 26)
    none = UnfinishedRequests()
    recovered = Recovered(
        services=1000, replicas=25_000, ports=ports, ids=ids, unfinished_requests=none, unfinished_operations=()
    )
    assert "service-0000=30001" in recovered.summary()
    assert "990 more" in recovered.summary()
    assert len(recovered.summary()) < 700


@pytest.mark.parametrize(("identity", "pid"), [({"pid": "7"}, 7), ({"pid": "none"}, None), ({}, None)])
def test_a_receipt_without_a_process_number_is_shown_without_one(identity: dict[str, str], pid: int | None) -> None:
    known = replica(1)
    assert known.receipt is not None
    board = Board(IDENTITY, FakeClock())
    odd = replace(known, receipt=known.receipt.model_copy(update={"identity": identity}))
    board.passed([state(odd)], {})
    assert board.status().services[0].replicas[0].pid == pid


def test_the_http_api_answers_health_and_status_and_nothing_else() -> None:
    board = Board(IDENTITY, FakeClock())
    with bind("127.0.0.1", 0, SystemClock()) as listener:
        api = HttpApi(listener, board)
        api.start()
        port = listener.getsockname()[1]
        assert _get(port, "/health")[0] == 503
        board.passed([state(replica(1))], {"broken": "why"})
        code, health = _get(port, "/health")
        assert (code, health["controller_id"], health["epoch"], health["recover_mode"]) == (200, "main", 2, True)
        code, status = _get(port, "/status")
        assert code == 200
        assert status["services"][0]["replicas"][0]["pid"] == 7
        assert status["quarantined"] == {"broken": "why"}
        assert _get(port, "/metrics")[0] == 404
        api.close()


def _get(port: int, path: str) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, dict(json.load(answer))
