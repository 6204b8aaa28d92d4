"""Where it is published who serves: clients that are made when something is to be."""

from collections.abc import Callable
from dataclasses import dataclass

from paramedic.gateways.dns import Route53
from paramedic.gateways.target_groups import TargetGroups


@dataclass(frozen=True)
class Publishers:
    """Most gateways need neither."""

    route53: Callable[[], Route53]
    target_groups: Callable[[], TargetGroups]
