"""Twenty replicas of one gateway, three of them dead: how soon a change is at all others, and what DynamoDB bills.

Each is a real agent with a real Envoy, and serves a hundred services of 25 replicas each.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from http.client import HTTPException
from itertools import batched
from pathlib import Path
from statistics import median

from benchmarks.gateway_parts.gateway_under_test import FIRST_SERVICE_PORT, GatewayReplica, gateway_tables
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import Address, NeverAnsweredError, await_ok, get
from benchmarks.gateway_parts.rows import GATEWAY, ServiceRow
from benchmarks.gateway_parts.run_counted_agent import UNITS
from benchmarks.report import Figures, at_most
from benchmarks.shared_parts.units import DAY_SECONDS, Spent, count_units, read_journal
from paramedic.state.load_balancers import INDEX, LoadBalancer, LoadBalancerIndex

GATEWAY_REPLICAS = 20
DEAD = 3
LIVE = GATEWAY_REPLICAS - DEAD
SERVICES = 100
REPLICAS = 25

POLL_SECONDS = 1.0
"""The agents' own default."""

ROUNDS = 8
SPREAD_SECONDS = 4.0
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 20.0
STARTING_AT_ONCE = 4
START_SECONDS = 120.0
SETTLE_SECONDS = 20.0
IDLE_SECONDS = 60.0

OWN_UNITS = "own-units"

GOALS = {
    "change_to_all_live_replicas_seconds_worst": at_most(3),
    # One look at one item a second each, and nothing else for services that stay as they are.
    "idle_index_units_over_design": at_most(1.0),
    # Each reads the one row that changed, once. A row is also read now and then without having changed.
    "change_rows_read_over_design": at_most(1.1),
}


def measure(lab: Lab) -> Figures:
    """The replica that answers for one service is exchanged for another, again and again."""
    with _fleet(lab) as fleet:
        fleet.kill(DEAD)
        time.sleep(SETTLE_SECONDS)
        idle = _idle(fleet)
        return {**idle, **_changes(fleet)}


class _Fleet:
    """Gateway replicas on one DynamoDB; each notes in a file of its own what that bills."""

    def __init__(self, services: Sequence[ServiceRow], replicas: Sequence[Address], folder: Path) -> None:
        self.services = services
        self.replicas = replicas
        self.live: list[GatewayReplica] = []
        self._folder = folder
        self._own = folder / OWN_UNITS
        count_units(self._own)

    def start(self, gateways: Sequence[GatewayReplica]) -> None:
        """Some at a time, for each takes a core for seconds to read a hundred services."""
        began = time.monotonic()
        for some in batched(gateways, STARTING_AT_ONCE, strict=False):
            for each in some:
                each.start()
            for each in some:
                for service in self.services:
                    await_ok(Address(each.host, service.address.port), START_SECONDS)
        self.live = list(gateways)
        print(f"  {len(gateways)} gateway replicas serve all services after {time.monotonic() - began:.0f} s")

    def kill(self, number: int) -> None:
        """The last so many, without a word."""
        for _ in range(number):
            self.live.pop().kill()

    def spent(self, since: float, until: float) -> list[Spent]:
        """What the agents were billed in that time."""
        journals = self._folder.glob("agent-*")
        return [each for journal in journals for each in read_journal(journal, since, until)]

    def cost_of(self, call: Callable[[], object]) -> float:
        """What DynamoDB bills this process for `call`."""
        since = time.monotonic()
        call()
        return sum(each.units for each in read_journal(self._own, since, time.monotonic()))


@contextmanager
def _fleet(lab: Lab) -> Iterator[_Fleet]:
    folder = lab.new_folder("many")
    with lab.replicas(REPLICAS) as replicas, gateway_tables(folder) as emulator, ExitStack() as ends:
        services = [ServiceRow(f"service-{n}", Address("127.0.0.1", FIRST_SERVICE_PORT + n)) for n in range(SERVICES)]
        addresses = [each.address for each in replicas]
        for service in services:
            service.route(addresses)
        gateways = []
        for number in range(GATEWAY_REPLICAS):
            settings = {UNITS: str(folder / f"agent-{number}")}
            program = "benchmarks.gateway_parts.run_counted_agent"
            gateways.append(GatewayReplica(lab.new_folder("gw"), emulator, settings, program))
            ends.callback(gateways[-1].end)
        fleet = _Fleet(services, addresses, folder)
        fleet.start(gateways)
        yield fleet


def _idle(fleet: _Fleet) -> Figures:
    since = time.monotonic()
    time.sleep(IDLE_SECONDS)
    spent = fleet.spent(since, since + IDLE_SECONDS)
    by_table: defaultdict[str, float] = defaultdict(float)
    for each in spent:
        by_table[f"{'read' if each.is_read else 'write'} {each.table.partition('-')[2]}"] += each.units
    a_day = {name: round(units * DAY_SECONDS / IDLE_SECONDS / LIVE) for name, units in sorted(by_table.items())}
    print(f"  idle, units a day for each gateway replica: {a_day}")
    of_index = sum(each.units for each in spent if each.key == INDEX)
    design = fleet.cost_of(lambda: LoadBalancerIndex.read(GATEWAY, INDEX)) * LIVE * IDLE_SECONDS / POLL_SECONDS
    return {
        "idle_read_units_a_day_per_replica": sum(n for name, n in a_day.items() if name.startswith("read")),
        "idle_write_units_a_day_per_replica": sum(n for name, n in a_day.items() if name.startswith("write")),
        "idle_index_units_over_design": round(of_index / design, 3),
    }


def _changes(fleet: _Fleet) -> Figures:
    service, name = fleet.services[0], "service-0"
    service.route(fleet.replicas[:1])
    time.sleep(SPREAD_SECONDS)
    design = ROUNDS * LIVE * fleet.cost_of(lambda: LoadBalancer.read(GATEWAY, name))
    rounds, rows, written = list[float](), 0.0, 0.0
    for number in range(ROUNDS):
        # Not in step with the agents' looks.
        time.sleep(0.13 * number)
        wanted, since = fleet.replicas[1 + number % 2], time.monotonic()
        written += fleet.cost_of(lambda wanted=wanted: service.route([wanted]))  # type: ignore[misc]
        _await_everywhere(fleet, service, wanted)
        rounds.append(time.monotonic() - since)
        time.sleep(SPREAD_SECONDS)
        rows += sum(each.units for each in fleet.spent(since, time.monotonic()) if each.key == name)
    print(f"  a change is at all {LIVE} after {', '.join(f'{each:.2f} s' for each in rounds)}")
    return {
        "change_to_all_live_replicas_seconds": round(median(rounds), 2),
        "change_to_all_live_replicas_seconds_worst": round(max(rounds), 2),
        "change_write_units": round(written / ROUNDS, 1),
        "change_read_units": round(rows / ROUNDS, 1),
        "change_rows_read_over_design": round(rows / design, 3),
    }


def _await_everywhere(fleet: _Fleet, service: ServiceRow, wanted: Address) -> None:
    waiting = {each.host for each in fleet.live}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting:
        waiting = {host for host in waiting if not _answers(Address(host, service.address.port), wanted)}
        if time.monotonic() > deadline:
            raise NeverAnsweredError(f"{len(waiting)} gateway replicas did not follow in {PATIENCE_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)


def _answers(front: Address, wanted: Address) -> bool:
    try:
        return get(front) == (HTTPStatus.OK, wanted.host)
    except (OSError, HTTPException):
        return False
