"""Puts a monitor together from its settings, with this host's clock, network and launchers."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

import boto3
from botocore.config import Config

from paramedic.clock import Clock, SystemClock
from paramedic.gateways.surroundings import Surroundings as GatewaySurroundings
from paramedic.gateways.wiring import make_publishers
from paramedic.health.addresses import AddressGuard
from paramedic.health.host_commands import HostChecks, NoHostChecks, SsmHostChecks
from paramedic.health.looking import Looker
from paramedic.health.probing import Prober
from paramedic.launchers.profiles import parse_profiles
from paramedic.paging import topic_pager
from paramedic.recovery.surroundings import Surroundings
from paramedic.recovery.wiring import make_surroundings, planner
from paramedic.run_command import RunCommand
from paramedic.state.probe_location import ProbeLocation
from paramedic_cli.monitor.handing_on import page_by_log
from paramedic_cli.monitor.monitor import Monitor, Parts
from paramedic_cli.monitor.probing import LocalProber
from paramedic_cli.monitor.settings import MonitorSettings


def make_monitor(settings: MonitorSettings, tell: Callable[[str], None]) -> Monitor:
    """A monitor of the stack that this process is connected to.

    Raises:
        InvalidInputError: a setting cannot be used; names its variable.
    """
    clock = SystemClock()
    # There is one place to probe from, whatever a target's row asks for.
    probers: Mapping[str, Prober] = dict.fromkeys(map(str, ProbeLocation), make_prober(settings))
    return Monitor(
        Parts(
            looker=Looker(probers, _hosts(settings, clock), clock, settings.stale_seconds),
            clock=clock,
            page=_pager(settings),
            surroundings=recoveries_here(settings),
            of_gateways=_gateways_here(settings, probers, clock),
            tell=tell,
            hung_after_seconds=settings.hung_after_seconds,
            fast_checks_per_minute=settings.fast_checks_per_minute,
        )
    )


def make_prober(settings: MonitorSettings) -> LocalProber:
    """What probes from this host.

    Raises:
        InvalidInputError: a network is malformed; names its variable.
    """
    return LocalProber(AddressGuard(settings.allowed_cidrs), settings.sentinel_urls)


def recoveries_here(settings: MonitorSettings) -> Callable[[], Surroundings]:
    """What makes the surroundings of one recovery after another on this host.

    Raises:
        InvalidInputError: a setting cannot be used; names its variable.
    """
    return partial(
        make_surroundings,
        guard=AddressGuard(settings.allowed_cidrs),
        profiles=parse_profiles(settings.launcher_profiles),
        page=_pager(settings),
        stale_seconds=settings.stale_seconds,
        approval_minutes=settings.approval_minutes,
        most_open_recoveries=settings.most_open_recoveries,
    )


def _gateways_here(
    settings: MonitorSettings, probers: Mapping[str, Prober], clock: Clock
) -> Callable[[], GatewaySurroundings]:
    def make() -> GatewaySurroundings:
        return GatewaySurroundings(
            clock=clock,
            invocation=uuid.uuid4().hex,
            profile=planner(parse_profiles(settings.launcher_profiles)),
            probers=probers,
            page=_pager(settings),
            publishers=make_publishers(),
        )

    return make


def _pager(settings: MonitorSettings) -> Callable[[str, str], bool]:
    return topic_pager(settings.alert_topic_arn).page if settings.alert_topic_arn else page_by_log


def _hosts(settings: MonitorSettings, clock: Clock) -> HostChecks:
    if not settings.host_check_document:
        return NoHostChecks()
    brief = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    return SsmHostChecks(cast(RunCommand, boto3.client("ssm", config=brief)), settings.host_check_document, clock)
