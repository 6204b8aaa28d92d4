"""What a real Envoy could not log is missing, and nobody waits for an end that it could not log."""

import subprocess
import time

import pytest

from paramedic.state.traffic import TrafficReport, read_counters, read_reports
from paramedic_gateway.proxy.admin import EnvoyAdmin
from tests.fakes.gateway_replica import GATEWAY, GatewayReplica
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration


def report() -> TrafficReport | None:
    return next(iter(read_reports(GATEWAY)), None)


def counted() -> int:
    return sum(int(row.total) for row in read_counters(GATEWAY, "uid-echo"))


def reported_under_way(number: int) -> TrafficReport | None:
    row = report()
    return row if row is not None and row.unfinished_count == number else None


def test_requests_and_ends_that_envoy_could_not_log_are_missing(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream
) -> None:
    request = subprocess.Popen(["curl", "-s", gateway.url(path="/hold")], stdout=subprocess.DEVNULL)
    one.holding.acquire(timeout=20)
    eventually(lambda: reported_under_way(1), "the request under way to be reported")
    gateway.kill_agent()
    before = counted()

    log, aside, admin = (
        gateway.layout.access_log,
        gateway.layout.root / "aside",
        EnvoyAdmin(gateway.layout.admin_socket),
    )
    log.rename(aside)
    log.symlink_to("/dev/full")
    admin.reopen_logs()
    one.release.set()
    request.wait(20)
    assert gateway.served_by() == "one"
    eventually(admin.failed_log_writes, "Envoy to fail to write its log")
    log.unlink()
    aside.rename(log)
    admin.reopen_logs()
    failed_until = int(time.time())

    gateway.start()
    row = eventually(lambda: reported_under_way(0), "nobody to wait for an end that was lost")
    assert int(row.covers_from) > failed_until
    assert "could not write its log" in gateway.log_text()
    assert gateway.served_by() == "one"
    eventually(lambda: counted() > before, "what Envoy could log again to be counted")


def test_nothing_is_vouched_for_while_envoy_does_not_say_whether_it_could_log(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    def covers(*, something: bool) -> bool:
        row = report()
        return row is not None and (row.covers_from < row.covers_until) is something

    eventually(lambda: covers(something=True), "a report that vouches")
    moved = gateway.layout.root / "moved.sock"
    gateway.layout.admin_socket.rename(moved)
    eventually(lambda: covers(something=False), "a report that vouches for nothing")
    moved.rename(gateway.layout.admin_socket)
    eventually(lambda: covers(something=True), "a report that vouches again")
