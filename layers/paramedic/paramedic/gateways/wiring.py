"""Puts the real surroundings together: system clock, the stack's probers and launcher profiles, its alert topic."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config

from paramedic.clock import SystemClock
from paramedic.gateways.dns import Route53
from paramedic.gateways.publishers import Publishers
from paramedic.gateways.settings import GatewayReconcileSettings
from paramedic.gateways.surroundings import Surroundings
from paramedic.gateways.target_groups import TargetGroups
from paramedic.health.probing import INVOCATION_READ_SECONDS, INVOCATIONS_AT_ONCE, LambdaProber, Prober
from paramedic.launchers.profiles import parse_profiles
from paramedic.paging import topic_pager
from paramedic.recovery.wiring import planner
from paramedic.state.probe_location import ProbeLocation

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def make_surroundings(settings: GatewayReconcileSettings, invocation: str) -> Surroundings:
    """Surroundings for one invocation, which holds its leases under this name.

    Raises:
        InvalidInputError: the launcher profiles are malformed; the message names the profile and the field.
    """
    return Surroundings(
        clock=SystemClock(),
        invocation=invocation,
        profile=planner(parse_profiles(settings.launcher_profiles)),
        probers=_probers(settings),
        page=topic_pager(settings.alert_topic_arn).page,
        publishers=make_publishers(),
    )


def renewed(lasting: Surroundings, settings: GatewayReconcileSettings, invocation: str) -> Surroundings:
    """The same for another invocation: clients last, what launchers have learnt of secrets and hosts does not.

    Raises:
        InvalidInputError: the launcher profiles are malformed; the message names the profile and the field.
    """
    return replace(lasting, invocation=invocation, profile=planner(parse_profiles(settings.launcher_profiles)))


def make_publishers() -> Publishers:
    """Publishers by this process's own credentials; a client is made when the first gateway needs it."""
    return Publishers(
        route53=cache(lambda: Route53(_client("route53"))),
        target_groups=cache(lambda: TargetGroups(_client("elbv2"))),
    )


def _client(service: str) -> Any:
    # Not by boto3, whose resources and transfers nobody here uses and every start pays.
    patient = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    return botocore.session.get_session().create_client(service, config=patient)


def _probers(settings: GatewayReconcileSettings) -> Mapping[str, Prober]:
    once = Config(
        connect_timeout=2,
        read_timeout=INVOCATION_READ_SECONDS,
        retries={"total_max_attempts": 1},
        max_pool_connections=2 * INVOCATIONS_AT_ONCE,
    )
    # Not by boto3, whose resources and transfers nobody here uses and every start pays.
    client = cast("LambdaClient", botocore.session.get_session().create_client("lambda", config=once))
    vpc = settings.vpc_probe_function_name
    named = {ProbeLocation.PUBLIC.value: settings.probe_function_name, ProbeLocation.VPC.value: vpc}
    return {location: LambdaProber(client, name) for location, name in named.items() if name}
