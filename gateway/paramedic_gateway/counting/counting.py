"""Reads the log, keeps the ledger, reports. Each step is safe to be killed in: the next life does it again alike."""

import heapq
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from paramedic.clock import to_iso
from paramedic.state.ring import RING_SECONDS
from paramedic.state.tables import StateUnreachableError
from paramedic.state.traffic_report import ROWS_LIVE_SECONDS, UNFINISHED_EXAMPLES, CounterWrites, Standing
from paramedic_gateway.counting.ledger import Ledger
from paramedic_gateway.counting.log import AccessLog
from paramedic_gateway.counting.store import LedgerStore
from paramedic_gateway.counting.timescale import HostTime, Scale
from paramedic_gateway.log import Log

SETTLE_SECONDS = 1.0
"""A second is reported once its lines are in the log: Envoy writes them out several times a second."""


@dataclass(frozen=True)
class Circumstances:
    """What there is to know besides the log.

    `draining`: how many requests each leaving replica still has, None when nobody is to wait for this gateway replica.
    `ahead`: the revisions that are served where the tables have lower ones. `log_failures`: how often each Envoy that
    runs says that it could not write its log, None while one of them does not answer.
    """

    draining: Mapping[str, int] | None
    ahead: Mapping[str, int]
    log_failures: Mapping[str, int] | None


class Reports(Protocol):
    """Where figures go. Both raise StateUnreachableError."""

    def write_counter(self, service_uid: str, incarnation: str, total: int, ring: tuple[int, ...], until: int) -> None:
        """One service's figures of the seconds before `until`."""

    def write_report(self, incarnation: str, standing: Standing) -> None:
        """What vouches for the counters."""


class Counting:
    """Not safe for several threads; `services` says which service a uid is, for people."""

    def __init__(
        self,
        store: LedgerStore,
        log: AccessLog,
        reports: Reports,
        *,
        time: HostTime,
        out: Log,
        services: Callable[[], Mapping[str, str]],
        rotate_bytes: int,
    ) -> None:
        self._store = store
        self._log = log
        self._reports = reports
        self._time = time
        self._out = out
        self._services = services
        self._rotate_bytes = rotate_bytes
        self._ledger = store.load(log.end)
        self._writes = CounterWrites(self._ledger.sequence)
        self._trouble = ""

    @property
    def unfinished(self) -> int:
        """Requests under way."""
        return len(self._ledger.requests)

    @property
    def problems(self) -> list[str]:
        """What stands in the way of counting or reporting."""
        return [self._trouble] if self._trouble else []

    def report(self, around: Circumstances) -> None:
        """Count, and report what is complete. What Envoy could not log is missing then, not zero."""
        scale = self._follow_clock()
        now, failures = self._time.now(scale), around.log_failures
        if failures is not None and self._ledger.note_log_failures(failures, int(now)):
            self._out.warning("Envoy could not write its log: the requests of these seconds are not known")
        self._report_until(int(now - SETTLE_SECONDS), lambda: int(self._time.now(scale)), around)

    def close(self) -> None:
        """Report all there is, for good: Envoy has ended, and nothing will be added to this second.

        No replica is to wait for it any more.
        """
        scale = self._follow_clock()
        last = int(self._time.now(scale))
        self._report_until(last + 1, lambda: last, Circumstances(draining=None, ahead={}, log_failures=None))
        with suppress(OSError):
            self._keep()

    def _follow_clock(self) -> Scale:
        """The scale the ledger is on, once it has followed the host's time of day."""
        ledger, present = self._ledger, self._time.scale()
        jump = None if ledger.scale is None else self._time.jump(ledger.scale)
        if jump == 0 and ledger.scale is not None:
            return ledger.scale
        now = int(self._time.now(present))
        # What happened between two boots is not known, but nothing was reported of seconds to come.
        moved = math.floor(jump) if jump is not None else min(0, now - ledger.reported_until)
        ledger.move_to(present, moved, now)
        self._out.warning(f"the time of day was set, or the host started anew: what was counted moves by {moved} s")
        return present

    def _report_until(self, end: int, latest: Callable[[], int], around: Circumstances) -> None:
        until = max(end, self._ledger.reported_until)
        try:
            self._read_to_end(latest)
            self._ledger.reported_until = until
            self._ledger.forget_before(until - RING_SECONDS)
            self._ledger.forget_services(self._services(), until - ROWS_LIVE_SECONDS)
            self._ledger.sequence += 1
            # First on disk, then reported: what DynamoDB has is never more than what is known here.
            self._keep()
            self._write(until, around)
        except OSError as error:
            self._say(f"counting waits, nothing is lost: {error}")
        except StateUnreachableError as error:
            self._say(f"figures wait for DynamoDB, nothing is lost: {error}")
        else:
            self._say("")

    def _read_to_end(self, latest: Callable[[], int]) -> None:
        self._log.finish_rotation()
        self._log.make_up_for_mark()
        while True:
            before = self._ledger.position
            text, after = self._log.read(before)
            if after == before:
                break
            if after.generation == before.generation and after.offset < before.offset:
                self._ledger.lose_lines(latest())
            tally = self._ledger.take(text, after, latest())
            if tally.lost:
                self._out.warning(f"{tally.lost} requests were under way when Envoy ended")
            if tally.malformed:
                self._out.warning(f"{tally.malformed} lines of the access log are not whole; they are not counted")
        if forgotten := self._ledger.forget_lost_ends():
            self._out.warning(f"the ends of {forgotten} requests may be lost; they are not waited for")
        if self._ledger.position.offset >= self._rotate_bytes:
            self._log.rotate(self._ledger.position)

    def _keep(self) -> None:
        self._store.save(self._ledger)
        self._log.drop_before(self._ledger.position)

    def _write(self, until: int, around: Circumstances) -> None:
        ledger = self._ledger
        for uid, count in ledger.changed(until).items():
            total = count.total(until)
            self._writes.note(uid, ledger.sequence)
            self._reports.write_counter(uid, ledger.incarnation, total, count.ring(until), until)
            count.reported = total
        standing = Standing(
            sequence=ledger.sequence,
            # Whether all was logged is not known yet: an empty span, until it is.
            covers_from=ledger.covers_from if around.log_failures is not None else max(ledger.covers_from, until),
            covers_until=until,
            unfinished_count=len(ledger.requests),
            unfinished_examples=self._examples(ledger),
            draining=around.draining,
            moved=self._writes.moved(ledger.sequence),
            ahead=around.ahead,
        )
        self._reports.write_report(ledger.incarnation, standing)

    def _examples(self, ledger: Ledger) -> list[str]:
        # Lines begin with the second they were written in: the smallest are the oldest.
        names = self._services()
        return [_in_words(line, names) for line in heapq.nsmallest(UNFINISHED_EXAMPLES, ledger.requests.values())]

    def _say(self, trouble: str) -> None:
        if trouble and not self._trouble:
            self._out.warning(trouble)
        elif self._trouble and not trouble:
            self._out.info("figures are counted and reported again")
        self._trouble = trouble


def _in_words(line: str, services: Mapping[str, str]) -> str:
    _, second, uid, stream, request = line.split(" ", 4)
    since = to_iso(datetime.fromtimestamp(int(second), UTC))
    return f"{request} of {services.get(uid, uid)} since {since}, id {stream}"
