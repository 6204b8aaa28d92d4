"""Whatever is killed when, and whatever the clocks say: what windows receive is what was logged, each request once."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import IO, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paramedic.autoscaling.tick import ScalingPolicy, initial_state, tick, window_at
from paramedic.autoscaling.traffic import CounterReading, Coverage, merge
from paramedic.state.autoscalers import AutoscalerState, Window
from paramedic.state.tables import StateUnreachableError
from paramedic.state.traffic_report import Standing
from paramedic_gateway.counting.counting import Circumstances, Counting
from paramedic_gateway.counting.ledger import Ledger
from paramedic_gateway.counting.log import AccessLog
from paramedic_gateway.counting.store import LedgerStore
from paramedic_gateway.counting.timescale import HostTime
from paramedic_gateway.proxy.admin import AdminUnreachableError
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog

UID = "u" * 32
POLICY = ScalingPolicy(minimum=1, maximum=9, target_qps=1.0, upscale_ticks=1, downscale_ticks=1, interval=5)

REPORT_SECONDS = 3
SKEWS = st.integers(-15, 15)
"""Of both clocks; with what the slowest report takes, all requests reach the window they belong to."""


class KilledError(Exception):
    """The agent is dead: nothing after this line ran."""


class FakeEnvoy:
    """Writes its log as Envoy does: through a buffer, to the file it has open, until it is told to open it anew."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self._path = path
        self._clock = clock
        self._file: IO[bytes] | None = None
        self._buffer = b""
        self._pending = Counter[int]()
        self._new = Counter[int]()
        self.written = Counter[int]()
        self.written_lately = Counter[int]()
        self.lost = Counter[int]()
        self.log_failures = 0
        self.has_room = True
        self.streams = 0

    @property
    def is_running(self) -> bool:
        return self._file is not None

    def start(self) -> None:
        self.log_failures = 0
        self._open()

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)

    def request(self, *, ends: bool) -> None:
        second = int(self._clock.now().timestamp())
        self.streams += 1
        self._buffer += f"S {second} {UID} s{self.streams} GET /ü\n".encode()
        self._buffer += f"S {second} - h{self.streams} GET /.paramedic/health\nE h{self.streams}\n".encode()
        self._pending[second] += 1
        self._new[second] += 1
        if ends:
            self._buffer += f"E s{self.streams}\n".encode()

    def flush(self) -> None:
        if self._file is None:
            return
        if self._buffer and not self.has_room:
            self.log_failures += 1
            self.lost += self._pending
        else:
            self._file.write(self._buffer)
            self.written += self._pending
            self.written_lately += self._new
        self._lose_buffer()

    def kill(self, torn: int) -> None:
        """`torn` bytes of its buffer still reach the file, at most a part of the first line."""
        if self._file is not None:
            self._file.write(self._buffer[: min(torn, 20)])
            self._file.close()
            self._file = None
        self.lost += self._pending
        self._lose_buffer()

    def reopen(self) -> None:
        if self._file is None:
            raise AdminUnreachableError("it is dead")
        self.flush()
        self._file.close()
        self._open()

    def _lose_buffer(self) -> None:
        self._buffer, self._pending, self._new = b"", Counter(), Counter()

    def forget(self) -> None:
        """`written_lately` are those requests that begin from now on."""
        self.written_lately, self._new = Counter(), Counter()


class FakeTable:
    """The traffic table. `fail_at` says how many calls from now fail, and how. Totals only grow."""

    def __init__(self) -> None:
        self.counters: dict[str, CounterReading] = {}
        self.report: Coverage | None = None
        self.fail_at: tuple[int, type[Exception]] | None = None
        self.sequences: list[int] = []

    def write_counter(self, service_uid: str, incarnation: str, total: int, ring: tuple[int, ...], until: int) -> None:
        assert service_uid == UID
        self._fail()
        reading = CounterReading(replica="r", incarnation=incarnation, total=total, ring=ring, ring_end=until)
        assert total >= max(sum(ring), self.counters[incarnation].total if incarnation in self.counters else 0)
        self.counters[incarnation] = reading

    def write_report(self, incarnation: str, standing: Standing) -> None:
        self._fail()
        self.sequences.append(standing.sequence)
        self.report = Coverage(
            replica="r",
            incarnation=incarnation,
            covers_from=standing.covers_from,
            covers_until=standing.covers_until,
        )

    def _fail(self) -> None:
        if self.fail_at is not None:
            left, error = self.fail_at
            self.fail_at = (left - 1, error) if left else None
            if not left:
                raise error("as the test wants it")


class MortalStore(LedgerStore):
    """Its agent can die right before or right after it saves, and its disk can be full."""

    moment: str = ""

    def save(self, ledger: Ledger) -> None:
        moment, self.moment = self.moment, ""
        if moment == "before":
            raise KilledError
        if moment == "full":
            raise OSError(28, "No space left on device")
        super().save(ledger)
        if moment == "after":
            raise KilledError


class Controller:
    """Its autoscaler; `received` are the requests by second that its windows took in, and it goes by the figures up
    to `complete_until`.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._state = initial_state(POLICY, 1, self._now)
        self.received = Counter[int]()
        self.complete_until = 0

    @property
    def complete(self) -> Counter[int]:
        """The requests of those seconds of the present window that are known in full."""
        window = self._state.window
        counts = {window.start + at: count for at, count in enumerate(window.counts) if count is not None}
        return Counter({second: count for second, count in counts.items() if second not in window.incomplete})

    @property
    def is_due(self) -> bool:
        last = self._state.last_tick
        return last is None or abs(self._now - last) >= POLICY.interval

    def tick(self, reports: list[Coverage], counters: list[CounterReading]) -> None:
        due = self._now // POLICY.interval * POLICY.interval
        figures = merge(self._state.cursors, reports, counters, seconds=window_at(due), now=self._now)
        before = self._state
        after, decision = tick(POLICY, before, figures, due)
        taken_in = by_second(after.window)
        taken_in.subtract({second: by_second(before.window)[second] for second in taken_in})
        assert all(count >= 0 for count in taken_in.values())
        assert decision.complete or decision.target >= before.target
        self.received.update(taken_in)
        self.complete_until = figures.complete_until
        self._state = AutoscalerState.model_validate_json(after.model_dump_json())

    @property
    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def by_second(window: Window) -> Counter[int]:
    return Counter({window.start + at: count for at, count in enumerate(window.counts) if count})


class ExactCounting(RuleBasedStateMachine):
    """One gateway replica, its table, and a controller; each of the two hosts has a clock of its own."""

    @initialize(skew=SKEWS)
    def begin(self, skew: int) -> None:
        self.clock = FakeClock()
        self.clock.jump(skew)
        self.skew = skew
        self.was_set = False
        self.controllers_clock = FakeClock()
        self.controllers_skew = 0
        self.controller = Controller(self.controllers_clock)
        self.table = FakeTable()
        self.former = Counter[int]()
        self.formerly_lost = Counter[int]()
        self.envoy_answers = True
        self.log = ListLog()
        self._folder = tempfile.TemporaryDirectory()
        self.lives = 0
        self.envoys = 0
        self.reported_at = self.clock.monotonic()
        self._open_replica()

    def teardown(self) -> None:
        if hasattr(self, "table"):
            self.settle()
            if self.was_set:
                assert self.controller.received.total() == self.logged.total()
            else:
                assert +self.controller.received == self.logged
            self._folder.cleanup()

    @property
    def lost(self) -> Counter[int]:
        return self.formerly_lost + self.envoy.lost

    @property
    def logged(self) -> Counter[int]:
        return self.former + self.envoy.written

    @rule(requests=st.integers(1, 20), ends=st.booleans())
    def clients_ask(self, requests: int, ends: bool) -> None:
        for _ in range(requests if self.envoy.is_running else 0):
            self.envoy.request(ends=ends)

    @rule(seconds=st.floats(0.1, 3.0))
    def time_passes(self, seconds: float) -> None:
        self.envoy.flush()
        self.clock.advance(seconds)
        self.controllers_clock.advance(seconds)
        if self.clock.monotonic() - self.reported_at >= REPORT_SECONDS:
            self._report()
        if self.controller.is_due:
            self.the_controller_ticks()

    @rule(skew=SKEWS)
    def somebody_sets_the_controllers_clock(self, skew: int) -> None:
        self.controllers_clock.jump(skew - self.controllers_skew)
        self.controllers_skew = skew

    @rule(skew=SKEWS)
    def somebody_sets_the_gateways_clock(self, skew: int) -> None:
        self.clock.jump(skew - self.skew)
        self.envoy.forget()
        self.told_before = self.table.report
        self.was_set = self.was_set or skew != self.skew
        self.skew = skew

    @rule()
    def the_agent_reports(self) -> None:
        self._report()

    @rule(moment=st.sampled_from(["before", "after", "full"]))
    def the_agent_fails_while_it_saves(self, moment: str) -> None:
        self.store.moment = moment
        self._report()
        self.store.moment = ""

    @rule(calls=st.integers(0, 1), error=st.sampled_from([KilledError, StateUnreachableError]))
    def the_agent_fails_while_it_reports(self, calls: int, error: type[Exception]) -> None:
        self.table.fail_at = (calls, error)
        self._report()
        self.table.fail_at = None

    @rule(has_room=st.booleans())
    def envoys_disk_fills_or_has_room_again(self, has_room: bool) -> None:
        self.envoy.has_room = has_room

    @rule(answers=st.booleans())
    def envoy_answers_the_agent_or_does_not(self, answers: bool) -> None:
        self.envoy_answers = answers

    @rule()
    def the_agent_restarts(self) -> None:
        self._start_agent()

    @precondition(lambda self: self.envoy.is_running)
    @rule(torn=st.integers(0, 20))
    def envoy_is_killed(self, torn: int) -> None:
        self.envoy.kill(torn)

    @precondition(lambda self: not self.envoy.is_running)
    @rule()
    def envoy_comes_back(self) -> None:
        self._start_envoy()

    @rule()
    def the_controller_ticks(self) -> None:
        reports = [] if self.table.report is None else [self.table.report]
        self.controller.tick(reports, list(self.table.counters.values()))
        known = self.controller.complete
        if self.was_set:
            # Seconds that come twice hold the requests of both times, once the agent has reported again.
            lately = Counter[int]() if self.table.report is self.told_before else self.envoy.written_lately
            assert all(known[second] >= lately[second] for second in known if second < self.controller.complete_until)
        else:
            assert known == Counter({second: self.logged[second] for second in known})
            assert not any(self.lost[second] for second in known)

    @rule()
    def the_replica_is_replaced_by_one_elsewhere(self) -> None:
        self.envoy.flush()
        self.envoy.kill(0)
        self.counting.close()
        self.former += self.envoy.written
        self.formerly_lost += self.envoy.lost
        # No two replicas of one name serve in one second: the one came up after the other was gone.
        self.clock.advance(1)
        self._open_replica()

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        if hasattr(self, "table"):
            assert self.controller.received.total() <= self.logged.total()
            assert self.table.sequences == sorted(self.table.sequences) or self.lives > 1

    def settle(self) -> None:
        self._start_agent()
        # Until the controller's clock has seen every second that the gateway's has.
        for _ in range(15):
            self.time_passes(3.0)

    def _open_replica(self) -> None:
        self.lives += 1
        self.folder = Path(self._folder.name) / str(self.lives)
        self.folder.mkdir()
        self.envoy = FakeEnvoy(self.folder / "access.log", self.clock)
        self._start_agent()
        self._start_envoy()

    def _start_envoy(self) -> None:
        self.access_log.begin_life()
        self.envoy.start()
        self.envoys += 1

    def _start_agent(self) -> None:
        warn = self.log.warning
        time = HostTime(self.clock, "boot-1")
        self.access_log = AccessLog(self.folder / "access.log", self.envoy.reopen, warn)
        self.store = MortalStore(self.folder / "ledger.json", time, warn)
        self.counting = Counting(
            self.store,
            self.access_log,
            self.table,
            time=time,
            out=self.log,
            services=lambda: {UID: "echo"},
            rotate_bytes=400,
        )

    def _report(self) -> None:
        try:
            failures = {f"envoy-{self.envoys}": self.envoy.log_failures}
            known = failures if self.envoy.is_running and self.envoy_answers else None
            self.counting.report(Circumstances({}, {}, known))
        except KilledError:
            self._start_agent()
        self.reported_at = self.clock.monotonic()


TestExactCounting: Any = ExactCounting.TestCase
TestExactCounting.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
