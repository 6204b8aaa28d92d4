"""Everything that is looked at of a group of targets at one tick, with one wait for all that needs a second look.

What nobody doubts costs one probe or one report: heartbeats and hosts are asked about what fails alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime

from paramedic.clock import Clock
from paramedic.health.checked_target import CheckedTarget
from paramedic.health.diagnosis import HostCheck
from paramedic.health.gateway_diagnosis import Routes
from paramedic.health.gateway_routes import RoutesSeen, has_left, routes_of
from paramedic.health.heartbeat_watch import NOT_WATCHED, HeartbeatReading, HeartbeatWatch, ReadBeat
from paramedic.health.host_commands import HostChecks
from paramedic.health.on_host import HostAnswer, OnHost
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome
from paramedic.health.probe_locations import probe_from_each
from paramedic.health.probing import Probed, Prober
from paramedic.health.push_targets import look_at_reports
from paramedic.health.transitions import Observation
from paramedic.health.verdict import has_failed

PROMPT_SECONDS = 1.0
"""Probes that take longer have met a target that fails, for what is well answers at once and is asked once."""

NOT_ASKED = HostAnswer(HostCheck.UNKNOWN, "nothing was looked at")


@dataclass(frozen=True)
class Looks:
    """What is seen of some of the targets, and how many invocations of the prober failed for it."""

    seen: Sequence[tuple[CheckedTarget, Observation]]
    failed_invocations: int = 0


@dataclass(frozen=True)
class Looker:
    """Looks at targets in the ways that their kinds ask for; `probers` by probe location."""

    probers: Mapping[str, Prober]
    hosts: HostChecks
    clock: Clock
    stale_seconds: float
    prompt_seconds: float = PROMPT_SECONDS

    def look(self, targets: Sequence[CheckedTarget], tick: datetime) -> Iterator[Looks]:
        """What is seen of `targets`, once of each: first of those that need no second look, which takes its time.

        What cannot be looked at is unknown, never an error.
        """
        watch = HeartbeatWatch(self.clock, self.stale_seconds)
        probed = self._probed(targets, watch)
        reported = look_at_reports([target.awaited for target in targets if target.awaited], tick)
        outcomes = {**probed.outcomes, **{each.target_id: each for each in reported}}
        routes = self._routes(targets, outcomes)
        failed_invocations = probed.failed_invocations + routes.failed_invocations
        names = [target.row.target_id for target in targets]
        first = [
            _Sight(each, outcomes.get(name), routes.by_target.get(name))
            for each, name in zip(targets, names, strict=True)
        ]
        conclusive = [each for each in first if not (each.watched or each.asked)]
        yield Looks([(each.target, each.observation(tick)) for each in conclusive], failed_invocations)
        doubtful = [each for each in first if each.watched or each.asked]
        if not doubtful:
            return
        heartbeats, answers = self._look_again(doubtful, watch)
        there = [each for each in doubtful if not has_left(each.target.row)]
        yield Looks([(each.target, each.observation(tick, heartbeats, answers)) for each in there])

    def _probed(self, targets: Sequence[CheckedTarget], watch: HeartbeatWatch) -> Probed:
        """What probing gave; where that takes long, the time is also spent on looking at heartbeats."""
        with ThreadPoolExecutor(max_workers=1) as beside:
            probes = [each for target in targets for each in target.probes]
            probing = beside.submit(probe_from_each, self.probers, probes)
            if wait([probing], timeout=self.prompt_seconds).not_done:
                watch.begin({t.row.target_id: t.read_beat for t in targets if t.read_beat is not None})
            return probing.result()

    def _routes(self, targets: Sequence[CheckedTarget], outcomes: Mapping[str, ProbeOutcome]) -> RoutesSeen:
        """What is seen of the routes of each gateway replica."""
        replicas = [target for target in targets if target.replica is not None]
        trials = {target.row.target_id: target.route for target in replicas if target.route is not None}
        nothing = {target.row.target_id: Routes.NONE for target in replicas}
        seen = routes_of(trials, outcomes, self.probers)
        return replace(seen, by_target={**nothing, **seen.by_target})

    def _look_again(
        self, doubtful: Sequence["_Sight"], watch: HeartbeatWatch
    ) -> tuple[Mapping[str, HeartbeatReading], Mapping[str, HostAnswer]]:
        watched = {each.target.row.target_id: each.watched for each in doubtful if each.watched}
        asked = {each.target.row.target_id: each.asked for each in doubtful if each.asked}
        with ThreadPoolExecutor(max_workers=1) as beside:
            answers = beside.submit(self.hosts.ask, asked)
            return watch.readings(watched), answers.result()


@dataclass(frozen=True)
class _Sight:
    """A target and what the first look at it gave; None where there was none. Only gateway replicas have `routes`."""

    target: CheckedTarget
    outcome: ProbeOutcome | None
    routes: Routes | None

    @property
    def watched(self) -> ReadBeat | None:
        """The heartbeat that is the second signal, if one is needed."""
        failed = self.outcome is not None and has_failed(self.outcome.kind)
        return self.target.read_beat if failed else None

    @property
    def asked(self) -> OnHost | None:
        """What its host is asked, if anything."""
        doubted = self.outcome is None or self.outcome.kind is OutcomeKind.TIMEOUT
        return self.target.on_host if doubted else None

    def observation(
        self,
        tick: datetime,
        heartbeats: Mapping[str, HeartbeatReading] | None = None,
        answers: Mapping[str, HostAnswer] | None = None,
    ) -> Observation:
        """The same with what the second look gave, where there was one."""
        target_id = self.target.row.target_id
        heartbeat = (heartbeats or {}).get(target_id, NOT_WATCHED)
        answer = (answers or {}).get(target_id)
        guarded = self.target.is_guarded
        if answer is None:
            outcome = self.outcome or NOT_ASKED.outcome(target_id)
            replaced = self.target.is_replaced
            return Observation(tick, outcome, heartbeat, routes=self.routes, guarded=guarded, replaced=replaced)
        if self.outcome is None:
            return Observation(tick, answer.outcome(target_id), heartbeat)
        detail = f"{self.outcome.detail}; on its host: {answer.says} {answer.detail}".strip("; ")
        outcome = replace(self.outcome, detail=detail)
        return Observation(tick, outcome, heartbeat, answer.says, guarded=guarded)
