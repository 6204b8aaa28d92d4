"""Tables that a person can read in a terminal of 80 columns."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paramedic.clock import from_iso
from paramedic.services.progress import Outcome
from paramedic.state.planned_period import PlannedPeriod
from paramedic_cli.fleet import Fleet, GatewayReplicaView, StandbyView, Watched

_NOTHING = "-"
_STANDBY_SILENT = timedelta(minutes=3)


def fleet_tables(fleet: Fleet, now: datetime) -> RenderableType:
    """Controllers, gateways, services and replicas as seen at `now`."""
    parts: list[RenderableType] = [
        _controllers(fleet, now) if fleet.watched else Text("no controller is registered yet")
    ]
    if fleet.gateways:
        parts += [Text(), _gateways(fleet, now)]
    if fleet.guarded:
        parts += [Text(), _guarded(fleet)]
    if any(watched.controller.services for watched in fleet.watched):
        parts += [Text(), _services(fleet), Text(), _replicas(fleet)]
    remarks = list(_remarks(fleet, now))
    return Group(*parts, *([Text(), *remarks] if remarks else []))


def _controllers(fleet: Fleet, now: datetime) -> Table:
    table = _table("Controllers", "controller", "epoch", "health", "heartbeat", "address", "opened by")
    for watched in fleet.watched:
        controller = watched.controller
        table.add_row(
            controller.controller_id,
            str(controller.epoch),
            _health(watched, now),
            _age(controller.heartbeat_at, now),
            controller.url.removeprefix("http://"),
            watched.recovery.actor if watched.recovery else "its first start",
        )
    return table


def _gateways(fleet: Fleet, now: datetime) -> Table:
    table = _table("Gateways", "gateway", "replica", "name", "health", "address")
    for replica in fleet.gateways:
        table.add_row(
            replica.gateway,
            str(replica.number),
            replica.name or _NOTHING,
            _gateway_health(replica, now),
            urlsplit(replica.url).netloc,
        )
    return table


def _guarded(fleet: Fleet) -> Table:
    table = _table("Guarded", "target", "epoch", "mode", "health")
    for standing in fleet.guarded:
        health = f"recovering ({standing.under_way})" if standing.under_way else standing.found
        table.add_row(
            standing.target, _NOTHING if standing.epoch is None else str(standing.epoch), standing.mode, health
        )
    return table


def _gateway_health(replica: GatewayReplicaView, now: datetime) -> str:
    if replica.left_at is not None:
        return f"left {_age(replica.left_at, now)}"
    return replica.found if replica.since is None else f"{replica.found}, found {_age(replica.since, now)}"


def _services(fleet: Fleet) -> Table:
    table = _table("Services", "service", "controller", "status", "version", "ready", "target", "gateway", "port")
    for watched in fleet.watched:
        for service in watched.controller.services:
            table.add_row(
                service.name,
                watched.controller.controller_id,
                service.status,
                str(service.version),
                f"{service.ready} of {len(service.replicas)}",
                _NOTHING if service.target is None else str(service.target),
                service.gateway,
                str(service.port),
            )
    return table


def _replicas(fleet: Fleet) -> Table:
    table = _table("Replicas", "service", "id", "status", "version", "URL")
    for watched in fleet.watched:
        for service in watched.controller.services:
            for replica in service.replicas:
                table.add_row(service.name, str(replica.replica_id), replica.status, str(replica.version), replica.url)
    return table


def _remarks(fleet: Fleet, now: datetime) -> Iterator[Text]:
    if fleet.held:
        yield Text(f"{fleet.held}: nothing is recovered until `paramedic release everything`")
    yield from map(Text, fleet.unreadable)
    yield from (Text(each.message) for each in fleet.guarded if each.found != "healthy" or each.held or each.under_way)
    for watched in fleet.watched:
        name = watched.controller.controller_id
        yield from _word_of_people(name, watched)
        downtime = _downtime(watched, now)
        if downtime is not None:
            why = f": {downtime.reason}" if downtime.reason else ""
            yield Text(f"{name}: in planned downtime until {downtime.until:%Y-%m-%d %H:%M}Z{why}")
        if watched.recovery and watched.recovery.latest:
            yield Text(f"{name}: recovery {watched.recovery.step}: {watched.recovery.latest}")
        if watched.standby:
            yield Text(f"{name}: {_standby(watched.standby, now)}")
        for service in watched.controller.services:
            if service.move_to is not None:
                yield Text(f"{service.name}: is to be handed over by controller {name} to controller {service.move_to}")
            progress = service.progress
            if progress.outcome is not Outcome.DONE:
                yield Text(f"{service.name}: revision {service.revision} is {progress.outcome}: {progress.detail}")
            elif service.message:
                yield Text(f"{service.name}: {service.message}")


def _word_of_people(name: str, watched: Watched) -> Iterator[Text]:
    if watched.held:
        yield Text(f"{name}: {watched.held}: it is not recovered until `paramedic release controller:{name}`")
    if watched.plan is not None:
        yield Text(f"{name}: waits for `paramedic approve controller:{name} --plan {watched.plan}`")
    if watched.refused and not (watched.recovery and watched.recovery.is_open):
        yield Text(f"{name}: not recovered by itself: {watched.refused}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _downtime(watched: Watched, now: datetime) -> PlannedPeriod | None:
    """The planned one it is in."""
    downtime = watched.controller.downtime
    return downtime if downtime is not None and downtime.covers(now) else None


def _health(watched: Watched, now: datetime) -> str:
    if watched.recovery is not None and watched.recovery.is_open:
        return f"recovering ({watched.recovery.step})"
    if _downtime(watched, now) is not None:
        return "downtime"
    if watched.controller.failed:
        return watched.controller.incident or "failed"
    return "healthy" if watched.controller.claimed else "starting"


def _standby(standby: StandbyView, now: datetime) -> str:
    silent = now - from_iso(standby.seen_at) > _STANDBY_SILENT
    word = "has been silent" if silent else "waits"
    return f"standby {standby.process} {word}, last seen {_age(standby.seen_at, now)}"


def _age(moment: str | None, now: datetime) -> str:
    if moment is None:
        return "none yet"
    return f"{max((now - from_iso(moment)) / timedelta(seconds=1), 0):.0f} s ago"
