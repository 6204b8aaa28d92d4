"""All services of one controller: who is supervised, who is quarantined, and when to look at desired state."""

import math
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from paramedic.errors import ParamedicError
from paramedic.state.fencing import FencedError, FenceMissingError
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic_controller.model import Desired, OpenOperation, ServiceState
from paramedic_controller.restore import read_all_desired
from paramedic_controller.silence import Silence
from paramedic_controller.supervise import ServiceSupervisor, Tools
from paramedic_controller.utilisation.usages import usage_targets

QUARANTINE_RETRY_SECONDS = 30.0
"""How often a service that could not be looked after is tried again."""

SLICE_SECONDS = 1.0
"""So long a pass goes on at most. Services that have not had their turn by then are the first ones of the next: however
many have much to do at once, launches go on at their pace and the heartbeat moves.
"""

MAX_SILENT = 2
"""So many services in one round without an answer, and DynamoDB is taken to be silent for all of them."""


@dataclass
class Fleet:
    """Supervisors by service name.

    One service that cannot be looked after (its rows are malformed, its writes are refused) is left alone and tried
    again later; the others go on. `waiting` are operations whose turn at the launcher had not come in the last pass.
    `is_behind` while some services have not had their turn in it.
    """

    controller_id: str
    tools: Tools
    log: Callable[[str], None]
    supervisors: dict[str, ServiceSupervisor] = field(default_factory=dict)
    quarantined: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    is_behind: bool = False
    _sealed: set[str] = field(default_factory=set)
    _silent_at: Counter[str] = field(default_factory=Counter)
    _followed: dict[str, int] = field(default_factory=dict)
    _passed: dict[str, int] = field(default_factory=dict)
    _ticked: dict[str, int] = field(default_factory=dict)
    _turns: Iterator[int] = field(default_factory=count)
    _has_passed: bool = False
    _last_known: dict[str, ServiceState] = field(default_factory=dict)
    _revision: int | None = None
    _retry_at: float = 0.0
    _ticked_at: int | None = None

    def states(self) -> list[ServiceState]:
        """What is known of every supervised service."""
        return [supervisor.state for supervisor in self.supervisors.values()]

    @property
    def replica_urls(self) -> list[str]:
        """Where replicas are known to be, or may still be routed to because their service is quarantined."""
        left_alone = [state for name, state in self._last_known.items() if name in self.quarantined]
        return [replica.url for state in (*self.states(), *left_alone) for replica in state.replicas]

    def seal(self, services: list[str]) -> None:
        """Make this epoch the only one that may write these services; those without a fence are quarantined.

        Raises:
            FencedError: the epoch was passed.
            StateUnreachableError: DynamoDB did not answer; sealing again is harmless.
        """
        unsealed = [service for service in services if service not in self._sealed]
        if not unsealed:
            return
        missing: tuple[str, ...] = ()
        try:
            self.tools.writer.seal(unsealed)
        except FenceMissingError as error:
            missing = error.services
            for name in missing:
                self._quarantine(name, str(error), str(error))
        self._sealed.update(set(unsealed) - set(missing))

    def follow_desired(self) -> None:
        """Take over what users changed since the last look.

        Raises:
            FencedError: the epoch was passed.
            StateUnreachableError: DynamoDB did not answer, if only about some services; the others were followed.
        """
        revision = self.tools.read_hint()
        now = self.tools.clock.monotonic()
        unsure = any(supervisor.must_reread for supervisor in self.supervisors.values())
        retry = bool(self.quarantined) and now >= self._retry_at
        if revision == self._revision and not unsure and not retry:
            return
        self._retry_at = now + QUARANTINE_RETRY_SECONDS
        wanted = read_all_desired(self.controller_id)
        # Whoever created a service after the fences were sealed left its fence to the owner of the epoch.
        self.seal(list(wanted))
        for gone in self.supervisors.keys() - wanted.keys():
            del self.supervisors[gone]
        self.quarantined = {name: why for name, why in self.quarantined.items() if name in wanted}
        sealed = [name for name in wanted if name in self._sealed]
        if self._each(sealed, lambda name: self._follow(name, wanted[name]), self._followed, self._until()):
            self._revision = revision

    def _until(self) -> float:
        """When a slice that begins now ends; the first pass is whole, for it is what says that all is looked after."""
        return self.tools.clock.monotonic() + SLICE_SECONDS if self._has_passed else math.inf

    def _each(
        self, names: Iterable[str], work: Callable[[str], None], turn_of: dict[str, int], until: float = math.inf
    ) -> bool:
        """Do `work` for every service, whatever becomes of it for the others; False: not for all, it was `until`.

        Whoever got no answer is last in line the next time, so that trouble with a few starves nobody; among the others
        it is whoever had a turn last; each kind of work has turns of its own, or one would take those of another.
        """
        silence = Silence()
        for name in sorted(names, key=lambda name: (self._silent_at[name], turn_of.get(name, -1))):
            if self.tools.clock.monotonic() >= until:
                silence.end()
                return False
            turn_of[name] = next(self._turns)
            before = silence.count
            with silence.tolerated():
                self._guarded(name, work)
            if silence.count > before:
                self._silent_at[name] = 1 + max(self._silent_at.values(), default=0)
            if silence.count == MAX_SILENT:
                break
        silence.end()
        return True

    def _guarded(self, name: str, work: Callable[[str], None]) -> None:
        """Do `work` for one service; quarantine it where only that service is the matter."""
        try:
            work(name)
        except (FencedError, StateUnreachableError):
            raise
        except ParamedicError as error:
            if isinstance(error, FenceMissingError):
                self._sealed.discard(name)
            self._quarantine(name, str(error), str(error))
        except Exception as error:  # noqa: BLE001 - a bug that one service brings out must not end all the others
            why = f"{type(error).__name__}: {error}"
            self._quarantine(name, why, traceback.format_exc())

    def _quarantine(self, name: str, why: str, report: str) -> None:
        if self.quarantined.get(name) != why:
            self.log(f"service {name} is quarantined: {report}")
        self.quarantined[name] = why
        supervisor = self.supervisors.pop(name, None)
        if supervisor is not None:
            self._last_known[name] = supervisor.state

    def run_pass(self) -> None:
        """One pass of every supervised service, or of as many as there is time for.

        Raises:
            FencedError: the epoch was passed.
            StateUnreachableError: DynamoDB did not answer, if only for some services; the others had their pass.
        """
        due: dict[str, list[OpenOperation]] = {}
        silence = Silence()
        with silence.tolerated():
            self.is_behind = not self._each(
                self._readable(), lambda name: self._pass(name, due), self._passed, self._until()
            )
        turns = self.tools.effects.turns(due)
        with silence.tolerated():
            self._each(turns, lambda name: self.supervisors[name].drive(turns[name]), {})
        self._watch()
        self.tools.reaper.look_when_due(self.states())
        self._note_waiting(
            {each.operation_id for some in due.values() for each in some}
            - {each.operation_id for some in turns.values() for each in some}
        )
        silence.end()
        self._has_passed = True

    def _note_waiting(self, waiting: set[str]) -> None:
        if waiting and not self.waiting:
            self.log(
                f"{len(waiting)} launches or stops wait for their turn "
                "(PARAMEDIC_LAUNCHES_AT_ONCE, PARAMEDIC_LAUNCHES_PER_SECOND)"
            )
        self.waiting = waiting

    def _readable(self) -> list[str]:
        """Services whose state is known: after a write without an answer it is not, until it was read again."""
        return [name for name, supervisor in self.supervisors.items() if not supervisor.must_reread]

    def _pass(self, name: str, due: dict[str, list[OpenOperation]]) -> None:
        supervisor = self.supervisors[name]
        due[name] = supervisor.run_pass()
        self.quarantined.pop(name, None)
        if supervisor.is_gone:
            del self.supervisors[name]

    def _watch(self) -> None:
        targets = {
            key: target
            for supervisor in self.supervisors.values()
            for key, target in supervisor.probe_targets().items()
        }
        self.tools.prober.watch(targets)
        measured = {name: target for state in self.states() for name, target in usage_targets(state).items()}
        self.tools.sampler.watch(measured)

    def tick_when_due(self) -> None:
        """Ticks fall on multiples of their interval, whoever makes them: a successor continues the same rhythm.

        Raises:
            FencedError: the epoch was passed.
            StateUnreachableError: DynamoDB did not answer, if only for some services; the ticks not made are lost.
        """
        interval = self.tools.tick_seconds
        due = int(self.tools.clock.now().timestamp()) // interval * interval
        if due == self._ticked_at:
            return
        self._ticked_at = due
        self._each(self._readable(), lambda name: self._tick(self.supervisors[name], due), self._ticked)

    def _tick(self, supervisor: ServiceSupervisor, now_second: int) -> None:
        before = supervisor.state.scaler
        decision = supervisor.tick(now_second)
        if decision is not None and before is not None and decision.target != before.target:
            rate = "" if decision.rate is None else f" at {decision.rate:.2f} requests/s"
            self.log(
                f"service {supervisor.state.desired.name}: {before.target} -> {decision.target} replicas{rate} "
                f"({decision.reason})"
            )

    def _follow(self, name: str, desired: Desired | InvalidRowError) -> None:
        if isinstance(desired, InvalidRowError):
            raise desired
        known = self.supervisors.get(name)
        if known is not None and known.state.desired.uid == desired.uid:
            known.want(desired)
        else:
            if self._revision is not None:
                self.tools.writer.forget(name)
            self.supervisors[name] = self._adopt(desired)

    def _adopt(self, desired: Desired) -> ServiceSupervisor:
        return ServiceSupervisor(desired, self.tools)
