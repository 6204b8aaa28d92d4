"""What replicas use is known while it is fresh, whoever else hangs, and never made up."""

import asyncio
import contextlib
import errno
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.clock import Clock, SystemClock
from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import this_host
from paramedic.launchers.process.identity import make_receipt
from paramedic.launchers.process.usage import Footprint
from paramedic.services.utilization import TargetUtilization, UtilizationSource
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import ReplicaStatus
from paramedic_controller.model import ServiceState
from paramedic_controller.utilisation import process_source, prometheus_source
from paramedic_controller.utilisation.process_source import CPU_WINDOW_SECONDS, CpuGauge, ProcessSource
from paramedic_controller.utilisation.prometheus_source import PrometheusSource, gauge_of
from paramedic_controller.utilisation.sampler import MAX_AGE_INTERVALS, Sampler
from paramedic_controller.utilisation.sources import Gauge, UsageTarget, UsageUnreadableError
from paramedic_controller.utilisation.usages import usage_targets, usages
from tests.fakes.clock import FakeClock
from tests.fakes.waiting import eventually
from tests.unit.controller.states import replica, state

PAGE = """\
# HELP kv_cache_usage Share of the cache in use
# TYPE kv_cache_usage gauge
kv_cache_usage{engine="0"} 0.25
kv_cache_usage{engine="1"} 0.5 1700000000000
kv_cache_usage_limit 7
# TYPE requests_total counter
requests_total 12
# TYPE latency histogram
latency_bucket{le="+Inf"} 3
latency_count 3
latency_sum 9.5
untyped_thing 2e1
# TYPE broken gauge
broken NaN
# TYPE negative gauge
negative -1
"""
NOBODY = Receipt(launcher="process", workload="replica:u/1", key="op-1", epoch=1, identity={})


def target(
    url: str = "", metric: str = "kv_cache_usage", path: str = "/metrics", receipt: Receipt = NOBODY
) -> UsageTarget:
    source = UtilizationSource.PROMETHEUS if url else UtilizationSource.PROCESS
    return UsageTarget("replica 1 of service echo", receipt, url, source, metric, path)


class Pages(http.server.BaseHTTPRequestHandler):
    """One page each; /hung answers when the test is over."""

    over = threading.Event()

    def do_GET(self) -> None:
        status, body = {
            "/metrics": (200, PAGE.encode()),
            "/long": (200, b"# " + b"x" * (prometheus_source.MAX_BODY_BYTES + 1)),
            "/gone": (404, b"no"),
            "/binary": (200, b"kv_cache_usage \xff\xfe\n"),
        }.get(self.path, (200, b""))
        if self.path == "/hung":
            self.over.wait(60)
        self.send_response(status)
        if self.path == "/zipped":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quietly."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        Pages.over.set()
        server.shutdown()
        thread.join()


def read_once(asked: UsageTarget) -> float | None:
    async def read() -> float | None:
        source = PrometheusSource()
        try:
            return await source.gauge(asked).read()
        finally:
            await source.close()

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("metric", "value"), [("kv_cache_usage", 0.75), ("untyped_thing", 20), ("kv_cache_usage_limit", 7)]
)
def test_the_samples_of_a_gauge_are_added_up(metric: str, value: float) -> None:
    assert gauge_of(PAGE, metric) == value


@pytest.mark.parametrize(
    ("text", "metric", "words"),
    [
        (PAGE, "missing_metric", "missing_metric is not shown"),
        (PAGE, "requests_total", "belongs to a counter"),
        (PAGE, "latency_count", "belongs to a histogram"),
        (PAGE, "broken", "no amount"),
        (PAGE, "negative", "no amount"),
        ("kv_cache_usage{engine=", "kv_cache_usage", "cannot be read"),
        ("kv_cache_usage many\n", "kv_cache_usage", "cannot be read"),
        ("", "kv_cache_usage", "is not shown"),
    ],
)
def test_what_is_no_gauge_is_missing_with_a_reason(text: str, metric: str, words: str) -> None:
    with pytest.raises(UsageUnreadableError, match=words):
        gauge_of(text, metric)


@settings(max_examples=50)
@given(st.text(st.sampled_from('a{}="\\,# \n1e.-+NITYP'), max_size=60))
def test_whatever_a_replica_shows_is_an_amount_or_missing(text: str) -> None:
    try:
        value = gauge_of(f"# TYPE {text}\na{text}", "a")
    except UsageUnreadableError:
        return
    assert value >= 0


def test_a_replica_is_asked_where_its_service_says(url: str) -> None:
    assert read_once(target(url)) == 0.75


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/gone", "GET /gone answered 404"),
        ("/long", "answered more than"),
        ("/zipped", "answered in gzip"),
        ("/binary", "cannot be read"),
        ("/empty", "is not shown"),
    ],
)
def test_any_other_answer_is_missing_with_a_reason(url: str, path: str, words: str) -> None:
    with pytest.raises(UsageUnreadableError, match=words):
        read_once(target(url, path=path))


def test_a_replica_that_does_not_answer_in_time_is_missing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_source, "TIMEOUT_SECONDS", 0.05)
    with pytest.raises(UsageUnreadableError, match=r"GET /hung had no answer within 0.05 s|GET /hung failed"):
        read_once(target(url, path="/hung"))


def test_many_hung_replicas_delay_no_other_and_are_told_of_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_source, "TIMEOUT_SECONDS", 60.0)
    told: list[str] = []
    sources = {UtilizationSource.PROMETHEUS: PrometheusSource()}
    with contextlib.closing(Sampler(sources, 0.01, SystemClock(), told.append)) as sampler:
        hung = {f"hung{number}": target(url, path="/hung") for number in range(50)}
        sampler.watch({**hung, "gone": target(url, path="/gone"), "fine": target(url)})
        eventually(lambda: sampler.usage("fine") == 0.75 and told, "a figure and a reason")
        assert sampler.usage("hung0") is None
        assert sampler.usage("gone") is None
    assert told == ["kv_cache_usage of replica 1 of service echo is missing: GET /gone answered 404"]


class BrokenSource:
    """One with a bug."""

    def gauge(self, _: UsageTarget) -> Gauge:
        raise KeyError("no such thing")

    async def close(self) -> None:
        """Nothing is held."""


def test_a_bug_in_a_source_is_told_and_leaves_the_figure_missing() -> None:
    told: list[str] = []
    with contextlib.closing(Sampler({UtilizationSource.PROCESS: BrokenSource()}, 0.01, FakeClock(), told.append)) as it:
        it.watch({"it": target(metric="cpu")})
        eventually(lambda: told, "a reason")
        assert it.usage("it") is None
    assert told == ["a replica is no longer sampled: KeyError: 'no such thing'"]


class Dial:
    """A source whose every gauge shows what a test sets."""

    def __init__(self) -> None:
        self.value: float | None = None
        self.reads = 0

    def gauge(self, _: UsageTarget) -> Gauge:
        return self

    async def read(self) -> float | None:
        self.reads += 1
        return self.value

    async def close(self) -> None:
        """Nothing is held."""


def test_a_figure_is_missing_once_it_is_too_old_and_when_another_is_wanted() -> None:
    dial, clock = Dial(), FakeClock()
    dial.value = 3.0
    with contextlib.closing(Sampler({UtilizationSource.PROCESS: dial}, 0.01, clock, print)) as sampler:
        sampler.watch({"it": target(metric="cpu")})
        eventually(lambda: sampler.usage("it") == 3.0, "a figure")
        dial.value = None
        reads = dial.reads
        eventually(lambda: dial.reads > reads + 1, "readings without a figure")
        clock.advance(MAX_AGE_INTERVALS * 0.01)
        assert sampler.usage("it") == 3.0
        sampler.watch({"it": target(metric="memory")})
        assert sampler.usage("it") is None
        sampler.watch({"it": target(metric="cpu")})
        clock.advance(0.01)
        assert sampler.usage("it") is None


@pytest.fixture
def sampler() -> Iterator[Sampler]:
    clock: Clock = SystemClock()
    with contextlib.closing(Sampler({UtilizationSource.PROCESS: ProcessSource(clock)}, 0.05, clock, print)) as sampler:
        yield sampler


@pytest.fixture
def children() -> Iterator[Callable[[str], Receipt]]:
    """Starts Python programs as launchers would, and ends them."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> Receipt:
        child = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
        started.append(child)
        stat = procfs.read_stat(child.pid)
        assert stat is not None
        return make_receipt(this_host(), stat, workload="replica:u/1", scope="controller:main", epoch=1, key="op-1")

    yield start
    for child in started:
        child.kill()
        child.wait()


def test_a_busy_process_uses_cpu_and_an_idle_one_does_not(
    sampler: Sampler, children: Callable[[str], Receipt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_source, "CPU_LEAST_SECONDS", 0.1)
    busy, idle = children("while True: pass"), children("import time; time.sleep(600)")
    sampler.watch({"busy": target(metric="cpu", receipt=busy), "idle": target(metric="cpu", receipt=idle)})
    eventually(lambda: (sampler.usage("busy") or 0) > 0.05, "CPU use of a busy loop")
    eventually(lambda: (used := sampler.usage("idle")) is not None and used < (sampler.usage("busy") or 0), "idleness")


def test_memory_that_a_process_takes_is_seen(sampler: Sampler, children: Callable[[str], Receipt]) -> None:
    receipt = children("import time; kept = b'x' * (64 << 20); time.sleep(600)")
    sampler.watch({"it": target(metric="memory", receipt=receipt)})
    eventually(lambda: (sampler.usage("it") or 0) > 64 * 2**20, "64 MiB in use")


def test_a_process_that_ended_is_missing(children: Callable[[str], Receipt]) -> None:
    receipt = children("")
    pid = int(receipt.identity["pid"])
    eventually(lambda: (stat := procfs.read_stat(pid)) is None or stat.gone, "its end")
    with pytest.raises(UsageUnreadableError, match=f"process {pid} is not there"):
        asyncio.run(ProcessSource(SystemClock()).gauge(target(metric="memory", receipt=receipt)).read())


def test_a_host_that_cannot_be_looked_at_for_a_moment_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stat = procfs.read_stat(os.getpid())
    assert stat is not None
    receipt = make_receipt(this_host(), stat, workload="replica:u/1", scope="controller:main", epoch=1, key="op-1")
    trouble = [OSError(errno.EMFILE, "Too many open files")]

    def look() -> list[procfs.ProcessStat]:
        if trouble:
            raise trouble.pop()
        return [stat]

    async def read_twice() -> float | None:
        gauge = ProcessSource(SystemClock()).gauge(target(metric="memory", receipt=receipt))
        with pytest.raises(UsageUnreadableError, match="Too many open files"):
            await gauge.read()
        return await gauge.read()

    monkeypatch.setattr(procfs, "all_processes", look)
    assert asyncio.run(read_twice()) == stat.resident_bytes


def readings(*looks: tuple[float, float]) -> list[float | None]:
    """What a CPU gauge says at each (time, CPU seconds so far)."""
    rest = iter(looks)

    async def look() -> tuple[float, Footprint]:
        at, used = next(rest)
        stat = procfs.ProcessStat(1, "S", 0, 1, 1, used, 0.0, 1, 0)
        return at, Footprint((stat,), None)

    async def read() -> list[float | None]:
        gauge = CpuGauge(look)
        return [await gauge.read() for _ in looks]

    return asyncio.run(read())


def test_cpu_use_is_the_mean_of_its_window() -> None:
    window = int(CPU_WINDOW_SECONDS)
    idle = [(float(at), 0.0) for at in range(0, 2 * window, 5)]
    busy = [(float(at), at - 2.0 * window) for at in range(2 * window, 4 * window, 5)]
    assert readings(*idle, *busy) == [None, *[0.0] * 6, *[pytest.approx(min(1.0, 5 * n / window)) for n in range(1, 6)]]


def test_a_moment_is_too_short_to_tell_cpu_use() -> None:
    assert readings((0, 0.0), (1, 1.0), (2, 2.0), (3, 2.4)) == [None, None, None, pytest.approx(0.8)]


def test_cpu_time_that_went_away_with_a_process_is_not_negative_use() -> None:
    assert readings((0, 8.0), (5, 10.0), (10, 3.0), (15, 4.0)) == [None, 0.4, None, 0.2]


def measured_state(*ids: int, target: int = 2) -> ServiceState:
    made = state(*(replica(each) for each in ids), replica(9, ReplicaStatus.STARTING), target=target)
    policy = made.spec.service.replica_policy
    by_cpu = {"target_qps_per_replica": None, "target_utilization": TargetUtilization(metric="cpu", target=1)}
    section = made.spec.service.model_copy(update={"replica_policy": policy.model_copy(update=by_cpu)})
    return replace(made, spec=made.spec.model_copy(update={"service": section}))


@pytest.mark.parametrize(
    ("ids", "wanted", "figures", "known", "missing"),
    [
        ((1, 2), 2, {1: 0.5, 2: 0.7}, (0.5, 0.7), 0),
        ((1, 2), 2, {1: 0.5}, (0.5,), 1),
        ((1, 2), 5, {1: 0.5, 2: 0.7}, (0.5, 0.7), 3),
        ((1, 2, 3), 2, {1: 0.5, 2: 0.7}, (0.5, 0.7), 1),
        ((), 2, {9: 0.5}, (), 2),
    ],
)
def test_every_replica_that_serves_or_should_is_known_or_missing(
    ids: tuple[int, ...], wanted: int, figures: dict[int, float], known: tuple[float, ...], missing: int
) -> None:
    service = measured_state(*ids, target=wanted)
    found = usages(service, {f"replica:u/{number}": value for number, value in figures.items()}.get)
    assert (found.known, found.missing) == (known, missing)


def test_a_service_scaled_by_requests_is_not_measured() -> None:
    assert usage_targets(state(replica(1))) == {}
