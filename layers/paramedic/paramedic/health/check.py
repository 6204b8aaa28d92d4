"""One check of a group of targets: read, look, judge, record, announce.

A healthy target that was healthy before costs one read and no write.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from paramedic.clock import Clock, from_iso, to_iso
from paramedic.health.bad_periods import JudgedElsewhereError, store_bad_period
from paramedic.health.check_messages import CheckMessage
from paramedic.health.checked_target import CheckedTarget
from paramedic.health.diagnosis import DiagnosisName
from paramedic.health.due_targets import read_due_targets
from paramedic.health.events import BusEntry, HealthEvent, Publisher
from paramedic.health.fleet import Fleet
from paramedic.health.looking import Looker, Looks
from paramedic.health.mass_failure import TOGETHER, BadTarget
from paramedic.health.mass_failure_notes import mass_failure_entry, mass_failure_over_entry, mass_failure_told
from paramedic.health.ticks import is_late
from paramedic.health.together import Found, bad_of, failing_together
from paramedic.health.transitions import Notice, Observation, Transition, transition
from paramedic.health.verdict import Verdict
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.targets import BadPeriod, Beginnings

LOG = logging.getLogger(__name__)

EXAMPLES = 10
"""Of targets that are unknown, in one line of the log."""


@dataclass(frozen=True)
class CheckSummary:
    """What one message came to; `completed` is 0 for one that was too late."""

    completed: int = 0
    checked: int = 0
    down: int = 0
    unknown: int = 0
    failed_invocations: int = 0
    late: int = 0
    invalid_rows: int = 0

    def counts(self) -> Mapping[str, int]:
        """The same by metric name."""
        return {
            "ChecksCompleted": self.completed,
            "TargetsChecked": self.checked,
            "TargetsDown": self.down,
            "TargetsUnknown": self.unknown,
            "ProbeInvocationsFailed": self.failed_invocations,
            "LateTicksDropped": self.late,
            "InvalidRows": self.invalid_rows,
        }


@dataclass(frozen=True)
class Judged:
    """One target, what was seen of it and what follows."""

    target: CheckedTarget
    seen: Observation
    step: Transition


@dataclass(frozen=True)
class HealthCheck:
    """Checks groups of targets. Safe to repeat, to run late and to run twice at once."""

    looker: Looker
    publisher: Publisher
    clock: Clock
    new_id: Callable[[], str]
    hung_after_seconds: float

    def run(self, message: CheckMessage) -> CheckSummary:
        """Check the targets of `message`, unless it is late.

        Raises:
            InvalidInputError: the tick lies in the future.
            StateUnreachableError: the targets could not be read; nothing was judged.
        """
        if is_late(message.tick, self.clock.now()):
            LOG.warning("tick %s is late; buckets %s are left to the next one", message.tick, message.buckets)
            return CheckSummary(late=1)
        # A late check finds what is there by now, which a downtime that began after its tick may explain.
        targets, invalid = read_due_targets(message, self.clock.now())
        judged: list[Judged] = []
        failed_invocations = 0
        fleet = Fleet(self.clock.now())
        # What needs no second look is told before the wait for one.
        for looks in self.looker.look(targets, message.tick):
            judged += self._concluded(looks, message, len(targets), fleet)
            failed_invocations += looks.failed_invocations
        if any(_is_one_of_many(each, message.tick) for each in judged):
            bad = bad_of([_found(each) for each in judged])
            self._tell_of_many(lambda: self._begun(message.tick, fleet, bad))
        if not message.targets:
            self._tell_of_many(lambda: self._over(message.tick, fleet))
        _log_unknown([each for each in judged if each.step.diagnosis.verdict is Verdict.UNKNOWN])
        verdicts = [each.step.diagnosis.verdict for each in judged]
        return CheckSummary(
            completed=1,
            checked=len(targets),
            down=verdicts.count(Verdict.DOWN),
            unknown=verdicts.count(Verdict.UNKNOWN),
            failed_invocations=failed_invocations,
            invalid_rows=invalid,
        )

    def _concluded(self, looks: Looks, message: CheckMessage, checked: int, fleet: Fleet) -> Sequence[Judged]:
        """The targets judged, which is recorded and announced; of what may still be starting only what is not bad."""
        every = [self._judge(target, seen) for target, seen in looks.seen]
        judged = [each for each in every if not _may_still_start(each)]
        together = failing_together([_found(each) for each in judged], checked, fleet)
        judged = [self._judged_with_others(each) if each.target.row.target_id in together else each for each in judged]
        recorded = [each for each in judged if _recorded(each)]
        # What still needs a cure is said again once a minute, however often it is looked at.
        self._announce([each for each in recorded if _is_news(each)] if message.targets else recorded)
        return judged

    def _judge(self, target: CheckedTarget, seen: Observation) -> Judged:
        judged = Judged(target, seen, self._step(target, seen, target.row.bad))
        # What was bad before a downtime and still is afterwards is bad anew: people may have taken it for planned.
        anew = _is_bad(judged) and target.row.was_bad_before_downtime
        return Judged(target, seen, self._step(target, seen, None)) if anew else judged

    def _step(self, target: CheckedTarget, seen: Observation, recorded: BadPeriod | None) -> Transition:
        return transition(
            recorded,
            seen,
            hung_after_seconds=self.hung_after_seconds,
            event_id=self.new_id(),
            beginnings=target.row.beginnings,
        )

    def _judged_with_others(self, judged: Judged) -> Judged:
        return self._judge(judged.target, replace(judged.seen, mass_failure=True))

    def _announce(self, judged: Sequence[Judged]) -> None:
        now = self.clock.now()
        entries = [entry for each in judged if (entry := _entry(each, now)) is not None]
        accepted = self.publisher.publish(entries)
        for each in judged:
            bad = each.step.bad
            if bad is not None and each.step.announce and bad.unpublished and bad.event_id in accepted:
                settled = None if bad.verdict == Verdict.HEALTHY else bad.model_copy(update={"unpublished": None})
                _store(each.target, settled)

    def _begun(self, tick: datetime, fleet: Fleet, bad: Sequence[BadTarget]) -> BusEntry | None:
        return mass_failure_entry(fleet.mass_failure(bad), tick, self.clock.now(), self.new_id)

    def _over(self, tick: datetime, fleet: Fleet) -> BusEntry | None:
        return mass_failure_over_entry(fleet, tick, self.clock.now(), self.new_id)

    def _tell_of_many(self, entry_now: Callable[[], BusEntry | None]) -> None:
        try:
            entry = entry_now()
            if entry is not None and self.publisher.publish([entry]):
                mass_failure_told(entry)
        except JudgedElsewhereError as error:
            LOG.info("%s", error)
        except (InvalidRowError, StateUnreachableError) as error:
            # The next tick looks again: for as long as anything waits for the others, and until it is said to be over.
            LOG.warning("whether this is a mass failure is not known: %s", error)


def _found(judged: Judged) -> Found:
    row, step = judged.target.row, judged.step
    recorded = None if row.was_bad_before_downtime else row.bad
    return Found(row.target_id, recorded, step.bad, step.diagnosis.verdict, judged.seen.tick)


def _is_bad(judged: Judged) -> bool:
    return judged.step.diagnosis.verdict in (Verdict.SUSPECT, Verdict.DOWN)


def _may_still_start(judged: Judged) -> bool:
    return _is_bad(judged) and judged.target.row.may_still_start(judged.seen.tick)


def _log_unknown(judged: Sequence[Judged]) -> None:
    if judged:
        examples = "; ".join(
            f"{each.target.row.target_id}: {each.step.diagnosis.sentence} {each.seen.outcome.detail}"
            for each in judged[:EXAMPLES]
        )
        LOG.warning("%d targets are unknown: %s", len(judged), examples)


def _is_news(judged: Judged) -> bool:
    return judged.step.bad is not None and judged.step.bad.unpublished is not None


def _is_one_of_many(judged: Judged, tick: datetime) -> bool:
    """Whether it fails with others, or began to fail so lately that it may."""
    bad = judged.step.bad
    just_begun = bad is not None and bad.verdict != Verdict.HEALTHY and tick - from_iso(bad.since) < TOGETHER
    return just_begun or judged.step.diagnosis.name is DiagnosisName.MASS_FAILURE


def _recorded(judged: Judged) -> bool:
    if not judged.step.changed:
        return True
    LOG.info("%s: %s", judged.target.row.target_id, judged.step.diagnosis.sentence)
    return _store(judged.target, judged.step.bad, judged.step.beginnings)


def _store(target: CheckedTarget, bad: BadPeriod | None, beginnings: Beginnings | None = None) -> bool:
    try:
        store_bad_period(target.row, bad, beginnings)
    except JudgedElsewhereError as error:
        LOG.info("%s; that verdict stands", error)
        return False
    except StateUnreachableError as error:
        # The next tick sees the target again and finds whatever is stored by then.
        LOG.warning("verdict of %s is not stored: %s", target.row.target_id, error)
        return False
    return True


def _entry(judged: Judged, decided_at: datetime) -> BusEntry | None:
    target, seen, step = judged.target, judged.seen, judged.step
    if step.announce is None or step.bad is None:
        return None
    event = HealthEvent.model_validate(
        {
            "event_id": step.bad.event_id,
            "target_id": target.row.target_id,
            "kind": target.kind,
            "tick": to_iso(seen.tick),
            "verdict": step.diagnosis.verdict,
            "diagnosis": step.diagnosis.name,
            "cures": step.diagnosis.cures,
            "needs_host_signal": step.diagnosis.needs_host_signal,
            "severity": step.diagnosis.severity,
            "sentence": _sentence(target, step),
            "since": step.bad.since,
            "decided_at": to_iso(decided_at),
            "outcome": seen.outcome.kind,
            "detail": step.bad.detail,
            "heartbeat": seen.heartbeat.state,
            "heartbeat_sequence": seen.heartbeat.sequence,
            "host_check": seen.host_check,
            "mode": target.mode,
            "profile": target.row.profile,
            "notice": step.notice,
        }
    )
    return BusEntry(step.announce, event)


def _sentence(target: CheckedTarget, step: Transition) -> str:
    said = f"{target.row.target_id}: {step.diagnosis.sentence}"
    comes_and_goes = step.notice is Notice.OPEN and step.bad is not None and step.bad.flapping
    return f"{said} It comes and goes; the next message is sent once it is steady." if comes_and_goes else said
