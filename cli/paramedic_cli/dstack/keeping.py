"""Passes over a gateway of dstack, once or every so often, told line by line."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from paramedic.clock import Clock
from paramedic.errors import InvalidInputError
from paramedic.gateways.dstack.client import connect
from paramedic.gateways.dstack.desired import DesiredGateway
from paramedic.gateways.dstack.keys import keys_in
from paramedic.gateways.dstack.passes import GatewayPasses
from paramedic.gateways.dstack.reconciling import Means, Standing
from paramedic.gateways.dstack.stored import StillChangingError
from paramedic.gateways.dstack.surroundings import ask_from_here, slow_from_here
from paramedic.state.tables import StateUnreachableError
from paramedic_cli.dstack.telling import lines_of

type Say = Callable[[str], None]


def passes_over(gateway: str, keys: Path, clock: Clock) -> GatewayPasses:
    """Passes that are made from this host, with the private keys that are in the directory `keys`."""
    return GatewayPasses(gateway, connect, Means(ask_from_here, slow_from_here, keys_in(keys), clock.now), clock)


def reconcile_once(passes: GatewayPasses, say: Say) -> bool:
    """One pass, waited for; whether everything is as desired.

    Raises:
        NoSuchGatewayError: nothing is desired.
        InvalidInputError: what is desired cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    try:
        desired = passes.begin().gateway
        standings = passes.finished()
    finally:
        passes.close()
    _tell(desired, standings, say)
    as_desired = [each.replica.name for each in standings if each.is_as_desired(desired)]
    return len(as_desired) == len(desired.replicas)


def reconcile_until(ended: Event, passes: GatewayPasses, seconds: float, say: Say, clock: Clock) -> None:
    """A pass every so many seconds, until `ended` is set; what is said is what changed.

    A gateway whose desired state cannot be read is left as it is, and said so.
    """
    said: dict[str, Sequence[str]] = {}
    try:
        while not ended.is_set():
            begun = clock.monotonic()
            try:
                desired = passes.begin().gateway
            except (InvalidInputError, StateUnreachableError, StillChangingError) as error:
                say(f"nothing is done: {error}")
            else:
                for each in passes.finished(seconds):
                    lines = lines_of(each, desired)
                    if each.made or said.get(each.replica.name) != lines:
                        _tell(desired, [each], say)
                    said[each.replica.name] = lines
            ended.wait(max(0.0, begun + seconds - clock.monotonic()))
    finally:
        passes.close()


def _tell(desired: DesiredGateway, standings: Sequence[Standing], say: Say) -> None:
    for line in (line for each in standings for line in lines_of(each, desired)):
        say(line)
