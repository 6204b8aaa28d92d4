"""What happened after a kill, read from the records that the stack itself keeps."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from rich.table import Table

from paramedic.clock import from_iso
from paramedic.state.controllers import EPOCH, HEARTBEAT, ControllerEpoch, ControllerHeartbeat
from paramedic.state.recoveries import OPEN_STEPS, Recovery, Step
from paramedic.state.targets import BadPeriod, Target, bucket_of, controller_target_id

_LOOK_SECONDS = 0.1


class NotRecoveredError(Exception):
    """The controller did not come back; the message says how far it got."""


@dataclass(frozen=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    where: str
    text: str


@dataclass(frozen=True)
class Comeback:
    """A finished recovery and everything seen on the way to it."""

    killed_at: datetime
    recovery: Recovery
    verdict: BadPeriod | None
    moments: tuple[Moment, ...]

    @property
    def seconds_to_detected(self) -> float | None:
        """From the kill to the check's decision; None for a recovery that a person asked for first."""
        detected = self.recovery.story.detected_at
        return None if detected is None else self._since_kill(from_iso(detected))

    @property
    def seconds_to_opened(self) -> float:
        """From the kill to the new epoch."""
        return self._since_kill(from_iso(self.recovery.opened_at))

    @property
    def seconds_to_relaunched(self) -> float:
        """From the kill to the successor's process."""
        launched = next(entry for entry in self.recovery.story.entries if entry.step == Step.VERIFY)
        return self._since_kill(from_iso(launched.at))

    @property
    def seconds_to_recovered(self) -> float:
        """From the kill to a successor seen restored, beating and answering."""
        return self._since_kill(self.recovered_at)

    @property
    def recovered_at(self) -> datetime:
        """When the successor was seen restored, beating and answering."""
        return from_iso(self.recovery.closed_at or self.recovery.step_at)

    def with_moments(self, moments: Iterable[Moment]) -> "Comeback":
        """The same with what others saw."""
        return replace(self, moments=tuple(sorted([*self.moments, *moments], key=lambda each: each.at)))

    def table(self) -> Table:
        """The timeline, seconds since the kill."""
        table = Table(title="Timeline", title_justify="left", title_style="bold", box=None, padding=(0, 1))
        for heading in ("seconds", "seen in", "what"):
            table.add_column(heading, justify="right" if heading == "seconds" else "left", overflow="fold")
        for moment in self.moments:
            table.add_row(f"{self._since_kill(moment.at):.1f}", moment.where, moment.text)
        return table

    def _since_kill(self, moment: datetime) -> float:
        return (moment - self.killed_at).total_seconds()


class Watch:
    """Looks until the epoch after `epoch` stands, from the kill on."""

    def __init__(self, controller_id: str, epoch: int, killed_at: datetime) -> None:
        self._controller_id = controller_id
        self._target_id = controller_target_id(controller_id)
        self._epoch = epoch + 1
        self._killed_at = killed_at
        self._verdict: BadPeriod | None = None

    def until_recovered(self, seconds: float) -> Comeback:
        """Wait for the recovery to end.

        Raises:
            NotRecoveredError: it failed, or did not end within `seconds`.
        """
        deadline = time.monotonic() + seconds
        recovery: Recovery | None = None
        while time.monotonic() < deadline:
            self._look_at_target()
            recovery = Recovery.read(self._target_id, self._epoch)
            if recovery is not None and recovery.step not in OPEN_STEPS:
                return self._comeback(recovery)
            time.sleep(_LOOK_SECONDS)
        found = "no recovery was opened" if recovery is None else f"it stands at {recovery.step}"
        seen = self._verdict.diagnosis if self._verdict else "nothing"
        raise NotRecoveredError(f"not recovered {seconds:.0f} s after the kill: {found}; the check saw {seen}")

    def _look_at_target(self) -> None:
        target = Target.read(bucket_of(self._target_id), self._target_id)
        if target is not None and target.bad is not None:
            self._verdict = target.bad

    def _comeback(self, recovery: Recovery) -> Comeback:
        if recovery.step != Step.DONE:
            raise NotRecoveredError(f"epoch {recovery.epoch} {recovery.step}: {recovery.story.entries[-1].text}")
        moments = sorted(self._moments(recovery), key=lambda moment: moment.at)
        return Comeback(self._killed_at, recovery, self._verdict, tuple(moments))

    def _moments(self, recovery: Recovery) -> Iterator[Moment]:
        yield Moment(self._killed_at, "-", "kill -9 of the controller's whole process group")
        detected = recovery.story.detected_at
        if detected is not None:
            words = f"{self._verdict.diagnosis}: {self._verdict.detail}" if self._verdict else recovery.story.reason
            yield Moment(from_iso(detected), "targets", words)
        for entry in recovery.story.entries:
            yield Moment(from_iso(entry.at), "recoveries", f"{entry.step}: {entry.text}")
        epoch = ControllerEpoch.read(self._controller_id, EPOCH)
        if epoch is not None and epoch.claimed_at is not None:
            text = f"epoch {epoch.epoch} claimed by {epoch.claimant.called if epoch.claimant else 'nobody known'}"
            yield Moment(from_iso(epoch.claimed_at), "controllers", text)
        heartbeat = ControllerHeartbeat.read(self._controller_id, HEARTBEAT)
        if heartbeat is not None and heartbeat.beat_at is not None:
            text = f"heartbeat {heartbeat.sequence}, beat {heartbeat.beats} of epoch {heartbeat.sealed_epoch}"
            yield Moment(from_iso(heartbeat.beat_at), "controllers", text)
