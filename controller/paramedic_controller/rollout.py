"""How replicas of one generation take over from those of others. Pure; converged state asks for nothing."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paramedic.services.shares import of_whole
from paramedic.services.update_strategy import UpdateMode
from paramedic.state.replicas import ReplicaStatus
from paramedic_controller.model import ReplicaRecord, ServiceState


@dataclass(frozen=True)
class Missing:
    """So many replicas of this version are to be launched."""

    version: int
    generation: int
    count: int


@dataclass(frozen=True)
class Rollout:
    """Where a service stands: its `living` replicas, those of them nothing is being done about, those that can be
    counted on, and how many there should be.

    Those `elsewhere` may serve, and nothing can be done about them: none of them is counted on.
    """

    state: ServiceState
    living: Sequence[ReplicaRecord]
    settled: frozenset[int]
    available: frozenset[int]
    wanted: int
    elsewhere: Sequence[ReplicaRecord] = ()

    @property
    def _keeps_both(self) -> bool:
        return self.state.is_updating and self.state.spec.service.update.mode is UpdateMode.BLUE_GREEN

    def missing(self) -> Iterator[Missing]:
        """What to launch."""
        desired, new = self.state.desired, self._current()
        if self._keeps_both:
            yield from self._missing_old()
            room = self.wanted - len(new)
        else:
            room = min(self.wanted - len(new), self.wanted + self._surge() - len(self.living))
        if room > 0:
            yield Missing(desired.version, desired.generation, room)

    def surplus(self) -> list[ReplicaRecord]:
        """What to end, in this order; never so many that fewer are available than the service's budget keeps."""
        floor = self._floor()
        return self._unneeded() if floor <= 0 else list(self._sparing(floor))

    def _sparing(self, floor: int) -> Iterator[ReplicaRecord]:
        serving = {each.replica_id for each in self.living if self._may_serve(each)}
        spare = len(self.available) - floor
        spare_serving = len(self.available & serving) - floor
        for each in self._unneeded():
            serves = each.replica_id in serving
            if each.status is not ReplicaStatus.READY:
                yield each
            elif spare > 0 and (spare_serving > 0 or not serves):
                spare, spare_serving = spare - 1, spare_serving - serves
                yield each

    def _floor(self) -> int:
        budget = self.state.spec.service.disruption_budget
        return 0 if budget is None or self.state.desired.paused else budget.floor(self.wanted)

    def _may_serve(self, replica: ReplicaRecord) -> bool:
        """Whether requests can go to it once it is ready: in blue and green only those of one generation get any."""
        is_rolling = self.state.spec.service.update.mode is UpdateMode.ROLLING
        return is_rolling or replica.generation == self._serving()

    def _unneeded(self) -> list[ReplicaRecord]:
        new = self._over(self._current(), self.wanted)
        if not self._keeps_both:
            return [*self._replaceable(), *new]
        strangers = [each for each in self._others() if each.generation != self._serving()]
        return [*self._ended(strangers), *self._over(self._of(self._serving()), self.wanted), *new]

    def is_over(self) -> bool:
        """Whether the desired generation can serve alone."""
        if not self.state.is_updating:
            return False
        if not self._keeps_both:
            return not self._others()
        ready, available = len(_ready(self._current())), len(self._available(self._current()))
        old_ready = len(
            _ready([each for each in (*self.living, *self.elsewhere) if each.generation == self._serving()])
        )
        return available >= self.wanted or (ready > 0 and old_ready == 0)

    def is_served_without_elsewhere(self) -> bool:
        """Whether as many as are wanted can be counted on without those elsewhere, where requests go now."""
        serving = self._of(self._serving()) if self._keeps_both else self.living
        return sum(each.replica_id in self.available for each in serving) >= self.wanted

    def is_settled(self) -> bool:
        """Whether exactly what is wanted is there and ready."""
        all_ready = len(self._available(self._current())) == len(self.living) == len(self.state.replicas) == self.wanted
        return all_ready and not self.state.operations and not self.state.is_updating

    def _missing_old(self) -> Iterator[Missing]:
        observed = self.state.observed
        count = self.wanted - len(self._of(self._serving()))
        if observed is not None and count > 0:
            yield Missing(observed.version, observed.generation, count)

    def _replaceable(self) -> list[ReplicaRecord]:
        """Of other generations: at once who was never ready, else as many as may be missing among the ready ones.

        One that stopped answering is kept while nobody else answers either: that may be the prober's own trouble.
        """
        if self.state.spec.service.update.mode is UpdateMode.BLUE_GREEN:
            return self._ended(self._others())
        others = self._ended(self._others())
        silent = (ReplicaStatus.NOT_READY,) if not _ready(self.living) and self.wanted > 0 else ()
        serving = (ReplicaStatus.READY, *silent)
        idle = [each for each in others if each.status not in serving]
        spare = len(self.available) - (self.wanted - self._may_be_unavailable())
        return [*idle, *[each for each in others if each.status is ReplicaStatus.READY][: max(0, spare)]]

    def _over(self, group: Sequence[ReplicaRecord], number: int) -> list[ReplicaRecord]:
        """Of `group` all beyond `number`; launches under way are waited for, to end them first."""
        candidates = self._ended(group)
        under_way = len(group) - len(candidates)
        return candidates[: max(0, len(group) - under_way - number)]

    def _ended(self, group: Sequence[ReplicaRecord]) -> list[ReplicaRecord]:
        """Those of `group` that can be ended now: first what serves nobody, then old versions, then the newest."""
        candidates = [each for each in group if each.replica_id in self.settled]
        return sorted(candidates, key=lambda each: (each.status is ReplicaStatus.READY, each.version, -each.replica_id))

    def _available(self, group: Sequence[ReplicaRecord]) -> list[ReplicaRecord]:
        return [each for each in group if each.replica_id in self.available]

    def _current(self) -> list[ReplicaRecord]:
        return self._of(self.state.desired.generation)

    def _others(self) -> list[ReplicaRecord]:
        return [each for each in self.living if each.generation != self.state.desired.generation]

    def _of(self, generation: int) -> list[ReplicaRecord]:
        return [each for each in self.living if each.generation == generation]

    def _serving(self) -> int:
        return self.state.observed.generation if self.state.observed else self.state.desired.generation

    def _surge(self) -> int:
        number = of_whole(self.state.spec.service.update.max_surge, self.wanted, math.ceil)
        # A budget that spares none of few replicas would keep every one of them for ever.
        return number if number or self._may_be_unavailable() else 1

    def _may_be_unavailable(self) -> int:
        strategy = self.state.spec.service.update
        number = of_whole(strategy.max_unavailable, self.wanted, math.floor)
        # Shares of a few can both come to nothing, and then nothing would ever move.
        number = number or int(of_whole(strategy.max_surge, self.wanted, math.ceil) == 0)
        return min(number, max(0, self.wanted - self._floor()))


def _ready(replicas: Sequence[ReplicaRecord]) -> list[ReplicaRecord]:
    return [each for each in replicas if each.status is ReplicaStatus.READY]
