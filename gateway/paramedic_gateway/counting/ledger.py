"""What was counted so far and up to where the log was read: one value, kept in one file, so that they always agree."""

from collections.abc import Container, Mapping

from pydantic import BaseModel

from paramedic.state.ring import RING_SECONDS
from paramedic_gateway.counting.records import Tally, read_lines
from paramedic_gateway.counting.timescale import Scale
from paramedic_gateway.render.virtual_hosts import UNCOUNTED


class Position(BaseModel):
    """A byte of the log; `generation` tells its files apart over rotations."""

    generation: int = 0
    offset: int = 0


class ServiceCount(BaseModel):
    """Requests of one service: by second while they are in the ring, and those that left it.

    `last` is the newest second with a request, `reported` the total last written.
    """

    seconds: dict[int, int] = {}
    before: int = 0
    last: int = 0
    reported: int = 0

    def total(self, until: int) -> int:
        """Requests of the seconds before `until`."""
        return self.before + sum(count for second, count in self.seconds.items() if second < until)

    def ring(self, until: int) -> tuple[int, ...]:
        """Requests of each of the last seconds before `until`."""
        return tuple(self.seconds.get(second, 0) for second in range(until - RING_SECONDS, until))

    def forget_before(self, second: int) -> None:
        """Keep only the sum of what came before."""
        for old in [each for each in self.seconds if each < second]:
            self.before += self.seconds.pop(old)

    def shift(self, seconds: int) -> None:
        """Put everything that many seconds later."""
        self.seconds = {second + seconds: count for second, count in self.seconds.items()}
        self.last += seconds


class Ledger(BaseModel):
    """One life of one replica's counters; it goes on over restarts of the agent and of Envoy.

    `covers_from` is the first second of which everything is counted; all seconds are of `scale`. What came before
    `reported_until` was reported, and no request is added to it. `requests` are the ones under way. `log_failures`
    is how often each Envoy that runs could not write its log, by its own last count; `ends_lost` until the ends that
    may have been in there are no longer waited for.
    """

    incarnation: str
    covers_from: int
    scale: Scale | None = None
    reported_until: int = 0
    position: Position = Position()
    sequence: int = 0
    services: dict[str, ServiceCount] = {}
    requests: dict[str, str] = {}
    log_failures: dict[str, int] = {}
    ends_lost: bool = False

    def take(self, text: str, after: Position, latest: int) -> Tally:
        """Count the lines `text`, which end at `after`; `latest` is the last second they can be of."""
        tally = read_lines(text, self.requests)
        if tally.lives:
            # Whoever came before may have taken lines along.
            self.covers_from = latest + 1
        for (second, uid), count in tally.counts.items():
            self._count(second, uid, count, latest)
        self.position = after
        return tally

    def move_to(self, scale: Scale, seconds: int, now: int) -> None:
        """Go on by `scale`, on which all there is lies that many seconds later; vouch for nothing up to `now`.

        So sums keep growing by the second, however the time of day is set, and no request leaves the ring by it.
        """
        for count in self.services.values():
            count.shift(seconds)
        self.reported_until += seconds
        self.covers_from = now + 1
        self.scale = scale

    def forget_before(self, second: int) -> None:
        """Keep of older seconds only their sums."""
        for count in self.services.values():
            count.forget_before(second)

    def forget_services(self, known: Container[str], before: int) -> None:
        """Drop services that are no longer `known`, had their last request before then, and are reported in full."""
        self.services = {
            uid: each
            for uid, each in self.services.items()
            if uid in known or each.last >= before or each.total(before) != each.reported
        }

    def note_log_failures(self, log_failures: Mapping[str, int], now: int) -> bool:
        """Whether lines were lost since the last note; nothing up to `now` is vouched for then.

        Nor is it when an Envoy has gone: what it could not write in the end is not known. A new one counts from 0.
        """
        lost = any(count != self.log_failures.get(envoy, 0) for envoy, count in log_failures.items())
        if lost:
            self.lose_lines(now)
        elif self.log_failures.keys() - log_failures.keys():
            self.covers_from = now + 1
        self.log_failures = dict(log_failures)
        return lost

    def lose_lines(self, now: int) -> None:
        """Starts and ends of requests up to `now` may be missing."""
        self.covers_from = now + 1
        self.ends_lost = True

    def forget_lost_ends(self) -> int:
        """Wait for no end that may be lost; how many requests these are. To be called once the log is read."""
        forgotten = len(self.requests) if self.ends_lost else 0
        if self.ends_lost:
            self.requests.clear()
            self.ends_lost = False
        return forgotten

    def changed(self, until: int) -> Mapping[str, ServiceCount]:
        """The services whose total before `until` was not written yet."""
        return {uid: each for uid, each in self.services.items() if each.total(until) != each.reported}

    def _count(self, second: str, uid: str, count: int, latest: int) -> None:
        if uid == UNCOUNTED or not second.isdigit():
            return
        service = self.services.setdefault(uid, ServiceCount())
        # Lines that come late, or from before the time of day was set.
        at = max(min(int(second), latest), self.reported_until)
        service.seconds[at] = service.seconds.get(at, 0) + count
        service.last = max(service.last, at)
