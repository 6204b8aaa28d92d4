"""A target whose row holds everything a check needs."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial

from pydantic import ValidationError

from paramedic.clock import from_iso
from paramedic.gateways.replica import NO_SERVICE
from paramedic.health.diagnosis import DiagnosisName
from paramedic.health.gateway_routes import RouteTrial, route_trial
from paramedic.health.heartbeat_watch import ReadBeat, controller_beat, gateway_beat
from paramedic.health.on_host import OnHost, on_host_of
from paramedic.health.outcomes import DEFAULT_ATTEMPTS, ProbeRequest
from paramedic.health.push_targets import AwaitedReports, awaited_of
from paramedic.health.ticks import is_turn
from paramedic.health.transitions import DetailType
from paramedic.health.url_targets import asked_of
from paramedic.health.verdict import Verdict
from paramedic.state.gateway_keys import GatewayReplicaKey, gateway_replica_of
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import BadPeriod, Target, TargetKind, TargetMode, controller_id_of

ATTEMPTS_AFTER_TIMEOUTS = 2
"""Of three seconds each, with the rest between them, they end before a heartbeat is seen to stand still."""

BRIEF_SECONDS = 1.0
"""What a URL that cannot be reached gets: more than a connection with TLS and an answer take across an ocean."""

WHOLE_TIME_EVERY_MINUTES = 5
"""How often it gets its whole time nevertheless: what answers again, but slowly, is found out by then."""


@dataclass(frozen=True)
class CheckedTarget:
    """`row` is what is stored, kept up to date by writes. A controller has an id, a gateway replica a key.

    It is probed by `request`, or reports in by itself and is `awaited`, or is looked at `on_host` alone. One that is
    probed may be looked at there besides; `probe_from` may be a location that the stack has no prober in. `route` is
    what is asked besides, of a gateway replica that serves something.
    """

    row: Target
    kind: TargetKind
    mode: TargetMode
    controller_id: str | None = None
    request: ProbeRequest | None = None
    awaited: AwaitedReports | None = None
    on_host: OnHost | None = None
    probe_from: str = ProbeLocation.PUBLIC
    replica: GatewayReplicaKey | None = None
    route: RouteTrial | None = None

    @property
    def read_beat(self) -> ReadBeat | None:
        """How its heartbeat is read, if it has one."""
        if self.controller_id is not None:
            return partial(controller_beat, self.controller_id)
        return None if self.replica is None else partial(gateway_beat, self.replica)

    @property
    def is_guarded(self) -> bool:
        """Whether it can be relaunched although it has no heartbeat."""
        return self.kind is TargetKind.URL and bool(self.row.profile)

    @property
    def is_replaced(self) -> bool:
        """Whether it is a gateway replica that something replaces when it fails."""
        return self.kind is TargetKind.GATEWAY and bool(self.row.profile)

    @property
    def probes(self) -> list[tuple[str, ProbeRequest]]:
        """Where from and what is probed."""
        requests = (self.request, None if self.route is None else self.route.request)
        return [(self.probe_from, request) for request in requests if request is not None]


def checked_target(row: Target) -> CheckedTarget:
    """`row`, understood.

    Raises:
        InvalidRowError: its kind, mode, what is looked at or what is recorded of it makes no sense.
    """
    kind = row.word("kind", TargetKind)
    mode = row.word("mode", TargetMode)
    if row.bad is not None:
        _check_recorded(row, row.bad)
    for tick in row.beginnings.ticks if row.beginnings is not None else ():
        _check_time(row, "beginnings.ticks", tick)
    controller_id = controller_id_of(row.target_id)
    if (kind is TargetKind.CONTROLLER) != (controller_id is not None):
        raise _invalid(row, "kind", row.kind, "only ids that begin with 'controller:' name controllers, and all do")
    if kind is TargetKind.PUSH:
        return CheckedTarget(row, kind, mode, awaited=awaited_of(row))
    on_host = on_host_of(row)
    if kind is TargetKind.SSM:
        if on_host is None:
            raise _invalid(row, "on_host", None, "is missing, and nothing else is looked at")
        return CheckedTarget(row, kind, mode, on_host=on_host)
    location = row.probe_from or ProbeLocation.PUBLIC
    replica = gateway_replica_of(row.target_id)
    if (kind is TargetKind.GATEWAY) != (replica is not None):
        raise _invalid(row, "kind", row.kind, "only ids such as 'gateway:NAME/1' name gateway replicas, and all do")
    if replica is None:
        return CheckedTarget(row, kind, mode, controller_id, _request(row), on_host=on_host, probe_from=location)
    request = _request(row, NO_SERVICE)
    route = _route(row, replica, request, location)
    return CheckedTarget(row, kind, mode, request=request, probe_from=location, replica=replica, route=route)


def _route(row: Target, replica: GatewayReplicaKey, health: ProbeRequest, location: str) -> RouteTrial | None:
    if row.route is None:
        return None
    try:
        return route_trial(replica.gateway, health, row.route, location)
    except ValidationError as error:
        raise _invalid(row, "route.host", row.route.host, error.errors(include_url=False)[0]["msg"]) from error
    except ValueError as error:
        raise _invalid(row, "url", row.url, f"is malformed: {error}") from error


def _request(row: Target, host: str | None = None) -> ProbeRequest:
    asked = asked_of(row)
    try:
        return ProbeRequest(
            target_id=row.target_id,
            url=row.url,
            timeout_seconds=row.timeout_seconds,
            attempts=_attempts(row),
            request=asked.request,
            expect=asked.expect,
            host=host,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _invalid(row, ".".join(map(str, first["loc"])) or "asked", first["input"], first["msg"]) from error


def asked_at(target: CheckedTarget, tick: datetime) -> CheckedTarget:
    """`target` as it is asked at `tick`: briefly at most of them, while it is a URL that is known to be unreachable.

    One that is guarded is not: what follows from timeouts is more than a message.

    Else a few hosts that are gone have two functions wait for most of their time, at every tick. All of them get their
    whole time at the same ticks, so that the others are short.
    """
    bad = target.row.bad
    gone = bad is not None and (bad.verdict, bad.diagnosis) == (Verdict.DOWN, DiagnosisName.UNREACHABLE)
    has_whole_time = int(tick.timestamp()) // 60 % WHOLE_TIME_EVERY_MINUTES == 0
    if target.kind is not TargetKind.URL or target.is_guarded or target.request is None or not gone or has_whole_time:
        return target
    seconds = min(BRIEF_SECONDS, target.request.timeout_seconds)
    return replace(target, request=target.request.model_copy(update={"timeout_seconds": seconds}))


def is_due(row: Target, tick: datetime) -> bool:
    """Whether a target is to be checked at `tick`: one that is not healthy always is."""
    return row.bad is not None or is_turn(row.target_id, max(1, int(row.every_minutes or 1)), tick)


def _attempts(row: Target) -> int:
    """One that is known to be down is not asked again and again: its first success is news, one more failure is not.

    One that has timed out before is known in the time that its heartbeat takes to be known as well.
    """
    if row.bad is None:
        return DEFAULT_ATTEMPTS
    # Nor is what fails with many others, of which each would be waited for three times.
    if row.bad.verdict == Verdict.DOWN or row.bad.diagnosis == DiagnosisName.MASS_FAILURE:
        return 1
    return DEFAULT_ATTEMPTS if row.bad.timeouts_since is None else ATTEMPTS_AFTER_TIMEOUTS


def _check_recorded(row: Target, bad: BadPeriod) -> None:
    _check_word(row, "bad.verdict", bad.verdict, Verdict)
    _check_word(row, "bad.diagnosis", bad.diagnosis, DiagnosisName)
    if bad.unpublished is not None:
        _check_word(row, "bad.unpublished", bad.unpublished, DetailType)
    if not bad.event_id and bad.diagnosis != DiagnosisName.SUSPECT:
        raise _invalid(row, "bad.event_id", bad.event_id, "is empty, though all but a suspicion is announced")
    for field in ("since", "last_tick", "timeouts_since"):
        _check_time(row, f"bad.{field}", getattr(bad, field))


def _check_word(row: Target, field: str, text: str, words: type[StrEnum]) -> None:
    if text not in tuple(words):
        raise _invalid(row, field, text, f"must be one of {', '.join(words)}")


def _check_time(row: Target, field: str, text: str | None) -> None:
    try:
        if text is not None:
            from_iso(text)
    except ValueError as error:
        raise _invalid(row, field, text, str(error)) from error


def _invalid(row: Target, field: str, value: object, problem: str) -> InvalidRowError:
    return InvalidRowError(Target.Meta.table_name, row.key_text(), field, value, problem)
