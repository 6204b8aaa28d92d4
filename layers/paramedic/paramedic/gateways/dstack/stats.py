"""Requests of all replicas of a gateway, as they tell now: what a replica does not tell is missing, never zero."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from paramedic.gateways.dstack.api import ServiceStats
from paramedic.gateways.dstack.client import GatewayApi, NotReachedError
from paramedic.gateways.dstack.desired import DesiredGateway, GatewayReplica


@dataclass(frozen=True)
class GatewayFigures:
    """Requests by service and window in seconds, summed over the replicas that answered.

    `missing` says why others are not among them: with any, the sums may raise a number of replicas and never lower it.
    """

    requests: Mapping[str, Mapping[int, int]]
    missing: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether every replica told its figures."""
        return not self.missing


def collect(desired: DesiredGateway, connect: Callable[[GatewayReplica], GatewayApi]) -> GatewayFigures:
    """Ask all replicas at once; nothing is taken from an earlier answer."""
    with ThreadPoolExecutor(len(desired.replicas)) as threads:
        told = dict(
            zip(desired.replicas, threads.map(lambda each: _told(connect(each)), desired.replicas), strict=True)
        )
    missing = {replica.name: str(each) for replica, each in told.items() if isinstance(each, NotReachedError)}
    return GatewayFigures(_sums(desired, [each for each in told.values() if not isinstance(each, Exception)]), missing)


def _told(api: GatewayApi) -> Sequence[ServiceStats] | NotReachedError:
    try:
        return api.stats()
    except NotReachedError as error:
        return error


def _sums(desired: DesiredGateway, told: Sequence[Sequence[ServiceStats]]) -> Mapping[str, Mapping[int, int]]:
    sums: dict[str, defaultdict[int, int]] = {each.key: defaultdict(int) for each in desired.services}
    for figures in (figures for replica in told for figures in replica):
        for seconds, window in figures.stats.items():
            if (service := sums.get(f"{figures.project_name}/{figures.run_name}")) is not None:
                service[seconds] += window.requests
    return {key: dict(windows) for key, windows in sums.items()}
