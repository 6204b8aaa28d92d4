"""Targets that report in by themselves: silence counts, in tick times.

The time of a report is the reporter's own. Where its clock is wrong, people hear of that, or of silence late; no cure
ever follows from either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from paramedic.clock import to_iso
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome
from paramedic.health.ticks import AHEAD_AT_MOST
from paramedic.state.reports import Report, read_reports
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.targets import NAME_PATTERN, Target, TargetKind, TargetMode, bucket_of, prefix_of

START_GRACE = timedelta(minutes=10)
"""What was just added need not have reported before, however short its silence may be: its reporter is set up then."""

SHORTEST_SILENCE = 60
LONGEST_SILENCE = 31 * 86400
LONGEST_PROBLEM = 200


class Push(BaseModel):
    """For how long it may be silent: from one minute to 31 days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    silent_after_seconds: int = Field(ge=SHORTEST_SILENCE, le=LONGEST_SILENCE)


class PushTarget(BaseModel):
    """A target that reports in by itself, looked at every so many minutes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN)
    push: Push
    every_minutes: Literal[1, 5, 15] = 1

    @property
    def target_id(self) -> str:
        """What it is called among all targets."""
        return prefix_of(TargetKind.PUSH) + self.name

    def row(self) -> Target:
        """The same as a row, of which nothing else is known yet."""
        return Target(
            bucket_of(self.target_id),
            self.target_id,
            kind=TargetKind.PUSH,
            mode=TargetMode.OBSERVE,
            every_minutes=self.every_minutes,
            silent_after_seconds=self.push.silent_after_seconds,
        )


class Reported(BaseModel):
    """What a reporter says: nothing, or what its problem is, in one printable line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str | None = Field(default=None, min_length=1, max_length=LONGEST_PROBLEM)

    @field_validator("problem")
    @classmethod
    def _can_be_shown(cls, problem: str | None) -> str | None:
        if problem is not None and not problem.isprintable():
            raise ValueError("must be one line of printable text")
        return problem


@dataclass(frozen=True)
class AwaitedReports:
    """Whose reports are awaited, since when at the earliest, and for how long they may stay away.

    `off_until` is when its last planned downtime ends, in which nobody need report.
    """

    target_id: str
    added_at: datetime
    silent_after: timedelta
    off_until: datetime | None = None


def awaited_of(row: Target) -> AwaitedReports:
    """What a row says is awaited.

    Raises:
        InvalidRowError: it makes no sense.
    """
    seconds = float(row.silent_after_seconds or 0)
    if not SHORTEST_SILENCE <= seconds <= LONGEST_SILENCE:
        problem = f"must be from {SHORTEST_SILENCE} to {LONGEST_SILENCE}"
        raise InvalidRowError(Target.Meta.table_name, row.key_text(), "silent_after_seconds", seconds, problem)
    off_until = None if row.downtime is None else row.downtime.until
    return AwaitedReports(row.target_id, row.moment("added_at"), timedelta(seconds=seconds), off_until)


def look_at_reports(awaited: Sequence[AwaitedReports], tick: datetime) -> Sequence[ProbeOutcome]:
    """What the reports of these targets say at `tick`; those that cannot be read say nothing."""
    if not awaited:
        return ()
    try:
        reports = read_reports([each.target_id for each in awaited])
    except StateUnreachableError as error:
        return [_unknown(each, str(error)) for each in awaited]
    return [outcome_of(each, reports.get(each.target_id), tick) for each in awaited]


def outcome_of(awaited: AwaitedReports, report: Report | InvalidRowError | None, tick: datetime) -> ProbeOutcome:
    """What one report says at `tick`. Pure."""
    if report is None:
        return _unknown(awaited, "the row that reports go to is gone: remove the target and add it again")
    if isinstance(report, InvalidRowError):
        return _unknown(awaited, f"its report cannot be understood: {report}")
    return _understood(awaited, report, tick)


def _understood(awaited: AwaitedReports, report: Report, tick: datetime) -> ProbeOutcome:
    if not report.reported_at:
        heard, allowed = awaited.added_at, max(awaited.silent_after, START_GRACE)
        said = "has not reported since it was added at"
    else:
        heard, allowed = report.moment("reported_at"), awaited.silent_after
        said = "last reported at"
    if heard - tick > AHEAD_AT_MOST:
        ahead = int((heard - tick).total_seconds())
        return _outcome(awaited, OutcomeKind.FAILED, f"{said} {to_iso(heard)}, {ahead} s from now: set its clock")
    back = awaited.off_until if awaited.off_until is not None and awaited.off_until <= tick else heard
    if tick - max(heard, back) > allowed:
        return _outcome(awaited, OutcomeKind.SILENT, f"{said} {to_iso(heard)}")
    if report.problem:
        return _outcome(awaited, OutcomeKind.FAILED, _printable(report.problem))
    return _outcome(awaited, OutcomeKind.OK, "")


def _outcome(awaited: AwaitedReports, kind: OutcomeKind, detail: str) -> ProbeOutcome:
    return ProbeOutcome(target_id=awaited.target_id, kind=kind, detail=detail)


def _unknown(awaited: AwaitedReports, why: str) -> ProbeOutcome:
    return ProbeOutcome(target_id=awaited.target_id, kind=OutcomeKind.NOT_PROBED, detail=why, attempts=0)


def _printable(text: str) -> str:
    # Whoever may report may write any text there, past the command.
    return "".join(each if each.isprintable() else " " for each in text[:LONGEST_PROBLEM])
