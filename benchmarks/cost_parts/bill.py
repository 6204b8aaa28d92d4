"""From units to dollars. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.cost_parts.counting import Usage
from benchmarks.cost_parts.prices import Peer, Price, Prices, Process

COUNTED, COMPUTED = "counted", "computed"


@dataclass(frozen=True)
class Deployed:
    """What is there whether or not anything happens, counted on the deployed stack."""

    schedules: int
    consumed_queues: int
    alarms: int
    metrics: int
    dashboards: int


@dataclass(frozen=True)
class BillLine:
    """One line: units and dollars a month of a stack without targets, and what each 1000 targets add."""

    item: str
    of: str
    how: str
    floor_units: float
    slope_units: float
    floor: float
    slope: float


def standing(deployed: Deployed, prices: Prices) -> Usage:
    """Units a month that do not depend on what happens."""
    polls = prices.month_days * 86_400 // prices.assumed.poll_seconds * prices.assumed.pollers
    return {
        ("scheduler_invocations", "ticks"): deployed.schedules * prices.month_minutes,
        ("sqs_requests", "polls"): deployed.consumed_queues * polls,
        ("alarms", "alarms"): deployed.alarms,
        ("metrics", "metrics"): deployed.metrics,
        ("dashboards", "dashboard"): deployed.dashboards,
    }


def of_a_month(tick: Usage, prices: Prices) -> Usage:
    """Units a month of a stack whose ticks are all like `tick`; what is logged is kept until its retention ends."""
    usage = {line: units * prices.month_minutes for line, units in tick.items()}
    kept = prices.assumed.log_retention_days / prices.month_days
    logged = sum(units for (item, _), units in usage.items() if item == "log_gigabytes")
    return {**usage, ("log_gigabyte_months", "kept"): logged * kept}


def bill(empty: Usage, full: Usage, targets: int, deployed: Deployed, prices: Prices) -> list[BillLine]:
    """All lines, from the ticks of an empty stack and of one with so many `targets`."""
    fixed = standing(deployed, prices)
    before, after = of_a_month(empty, prices), of_a_month(full, prices)
    lines = []
    for item, of in sorted(
        fixed.keys() | before.keys() | after.keys(), key=lambda line: (_order(line[0], prices), line)
    ):
        units = fixed.get((item, of), 0.0) + before.get((item, of), 0.0)
        more = (after.get((item, of), 0.0) - before.get((item, of), 0.0)) * 1000 / targets
        how = COMPUTED if of in ("ticks", "polls", "kept") else COUNTED
        price = prices.prices[item]
        lines.append(BillLine(item, of, how, units, more, dollars(units, price), dollars(more, price)))
    return lines


def dollars(units: float, price: Price) -> float:
    """What so many units cost at list price."""
    return units * price.dollars / price.per


def beyond_free(lines: list[BillLine], thousands: float, prices: Prices) -> float:
    """A month of a stack with so many thousand targets, in an account that uses its free tier for nothing else."""
    units: dict[str, float] = defaultdict(float)
    for line in lines:
        units[line.item] += line.floor_units + thousands * line.slope_units
    return sum(dollars(max(0.0, used - prices.prices[item].free), prices.prices[item]) for item, used in units.items())


def of_process(process: Process, prices: Prices) -> float:
    """A month of a process outside the functions."""
    reads = dollars(process.read_units * prices.month_days, prices.prices["dynamodb_read_units"])
    return reads + dollars(process.write_units * prices.month_days, prices.prices["dynamodb_write_units"])


def of_peer(peer: Peer, targets: int, prices: Prices) -> float:
    """What another monitor asks for so many targets a month."""
    checks = max(0, targets - peer.free) * peer.basic + targets * peer.options
    return checks + targets * prices.month_minutes * peer.run


def totals(lines: list[BillLine]) -> Mapping[str, float]:
    """Floor and slope in dollars a month."""
    return {"floor": sum(line.floor for line in lines), "slope": sum(line.slope for line in lines)}


def _order(item: str, prices: Prices) -> int:
    return list(prices.prices).index(item)
