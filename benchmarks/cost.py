"""What a stack costs a month: a fixed part, and more for each 1000 HTTP targets that are checked every minute.

The real template is deployed on an embedded AWS, a meter is put in front of each function, and ticks are sent through
dispatch, queue, checks and probes: without targets, and with a thousand on a loopback address, of which one in a
hundred hangs. What is counted becomes dollars by `benchmarks/cost_parts/prices.yaml`. The last line is one JSON object;
the exit code says whether both goals are met.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.cost_parts.bill import BillLine, Deployed, beyond_free, bill, of_peer, totals
from benchmarks.cost_parts.counting import Ticks, Usage, billed, mixed, used_by_a_tick
from benchmarks.cost_parts.metered_stack import MeteredStack, metered_stack
from benchmarks.cost_parts.prices import Prices, read_prices
from benchmarks.cost_parts.table import rendered
from benchmarks.health_parts.targets import targets
from benchmarks.report import at_most, report
from paramedic.health.checked_target import WHOLE_TIME_EVERY_MINUTES

GOALS = {"floor_dollars": at_most(6), "slope_dollars_per_1000_targets": at_most(2)}
TARGETS = 1000
DEAD = TARGETS // 100
BRIEF_TICKS = 4
WHOLE_TICKS = 2


def main() -> int:
    """Measure, report, and return the exit code."""
    prices = read_prices()
    assumed = prices.assumed
    answers_after = assumed.round_trip_seconds * assumed.round_trips
    with (
        tempfile.TemporaryDirectory(prefix="paramedic-cost-") as folder,
        targets(hanging=DEAD, delay=answers_after) as found,
        metered_stack(Path(folder), "127.0.0.0/8") as stack,
    ):
        empty = tick_without_targets(stack, prices)
        stack.register(found.urls(TARGETS))
        full = tick_with_targets(stack, prices)
        deployed = stack.deployed()
    lines = bill(empty, full, TARGETS, deployed, prices)
    print(*rendered(lines, prices), sep="\n")
    return report("cost", figures_of(lines, deployed, prices), GOALS)


def tick_without_targets(stack: MeteredStack, prices: Prices) -> Usage:
    """What a tick uses in the mean while there is nothing to check."""
    stack.ticks(1, minutes=is_any)
    ticks = stack.ticks(BRIEF_TICKS, minutes=is_any)
    told("no targets", ticks, stack.megabytes, prices)
    return used_by_a_tick(ticks, stack.megabytes, prices.assumed)


def tick_with_targets(stack: MeteredStack, prices: Prices) -> Usage:
    """What a tick uses in the mean, once it is known what is dead: that is asked for longer in one minute of a few."""
    stack.settle()
    kinds: list[tuple[float, int, Callable[[int], bool], str]] = [
        (WHOLE_TIME_EVERY_MINUTES - 1, BRIEF_TICKS, is_brief, "asked briefly"),
        (1, WHOLE_TICKS, is_whole, "given their whole time"),
    ]
    parts = []
    for weight, number, minutes, how in sorted(kinds, key=lambda kind: stack.next_in(kind[2])):
        ticks = stack.ticks(number, minutes=minutes)
        told(f"{TARGETS} targets, {DEAD} of them dead and {how}", ticks, stack.megabytes, prices)
        parts.append((weight, used_by_a_tick(ticks, stack.megabytes, prices.assumed)))
    return mixed(parts)


def is_any(_minute: int) -> bool:
    """Every minute."""
    return True


def is_whole(minute: int) -> bool:
    """Whether known dead targets have their whole time in this minute."""
    return minute % WHOLE_TIME_EVERY_MINUTES == 0


def is_brief(minute: int) -> bool:
    """Whether they are asked briefly."""
    return not is_whole(minute)


def told(what: str, ticks: Ticks, megabytes: Mapping[str, int], prices: Prices) -> None:
    """Print what each function took in the mean."""
    print(f"{what}: {ticks.number} ticks", flush=True)
    for name, of in ticks.invocations.items():
        seconds = [each.seconds for each in billed(ticks, name, megabytes, prices.assumed)]
        here, work = mean([each.wall_seconds for each in of]), mean([each.cpu_seconds for each in of])
        print(
            f"  {name:<16}{len(of) / ticks.number:>5g} a tick, in the mean {here:.3f} s here, {work:.3f} s of it work; "
            f"billed {mean(seconds):.3f} s at {megabytes[name]} MB"
        )


def mean(values: Sequence[float]) -> float:
    """Their arithmetic mean."""
    return sum(values) / len(values)


def figures_of(lines: list[BillLine], deployed: Deployed, prices: Prices) -> dict[str, float | None]:
    """By name, in dollars a month where nothing else is said."""
    sums = totals(lines)
    free = [beyond_free(lines, thousands, prices) for thousands in (0, 1)]
    return {
        "floor_dollars": round(sums["floor"], 3),
        "slope_dollars_per_1000_targets": round(sums["slope"], 3),
        "floor_dollars_beyond_free_tier": round(free[0], 3),
        "dollars_of_1000_targets_beyond_free_tier": round(free[1], 3),
        "alarms": deployed.alarms,
        "metrics": deployed.metrics,
        "dashboards": deployed.dashboards,
        **{name: round(of_peer(peer, 1000, prices), 2) for name, peer in prices.peers.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
