"""Everything that keeping gateways touches outside DynamoDB, handed in so that tests can stand in its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.gateways.publishers import Publishers
from paramedic.health.probing import Prober
from paramedic.recovery.surroundings import LaunchPlan


@dataclass(frozen=True)
class Surroundings:
    """`profile` raises ParamedicError when it cannot be used here. `probers` are by probe location.

    `page` tells people and returns whether that was taken; it never raises. `invocation` names this run, which holds
    the leases it took. What was launched is looked at every `look_seconds`, for `wait_seconds` at most.
    """

    clock: Clock
    invocation: str
    profile: Callable[[str], LaunchPlan]
    probers: Mapping[str, Prober]
    page: Callable[[str, str], bool]
    publishers: Publishers
    look_seconds: float = 1.0
    wait_seconds: float = 20.0
