"""What one tick of a stack uses, counted from what its functions did and logged. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.cost_parts.journal import Invocation
from benchmarks.cost_parts.prices import Assumed
from benchmarks.cost_parts.scaling import Billed, billed_caller, billed_probe, worked_seconds

PROBE = "health-probe"
CHECK = "health-check"
MESSAGE_REQUESTS = 3
"""Sent, received and deleted; polls that find nothing are another line."""

type Line = tuple[str, str]
"""An item of the price list, and what of the stack uses it."""
type Usage = Mapping[Line, float]
"""Units by line."""


@dataclass(frozen=True)
class Ticks:
    """What `number` ticks did: invocations by function, and the lines they logged."""

    number: int
    invocations: Mapping[str, Sequence[Invocation]]
    logged: Mapping[str, Sequence[str]]


def by_function(invocations: Sequence[Invocation], prefix: str) -> Mapping[str, Sequence[Invocation]]:
    """The same by the functions' names without `prefix`."""
    ordered = sorted(invocations, key=lambda each: each.function)
    return {name.removeprefix(prefix): tuple(of) for name, of in groupby(ordered, key=lambda each: each.function)}


def used_by_a_tick(ticks: Ticks, megabytes: Mapping[str, int], assumed: Assumed) -> Usage:
    """Units of one tick, the mean of `ticks`."""
    used: dict[Line, float] = defaultdict(float)
    for name, invocations in ticks.invocations.items():
        used["lambda_requests", name] += len(invocations)
        used["lambda_gb_seconds", name] += sum(
            each.gigabyte_seconds for each in billed(ticks, name, megabytes, assumed)
        )
        for call in (call for each in invocations for call in each.calls):
            if call.service == "dynamodb":
                reads = call.operation in ("GetItem", "Query", "Scan")
                used["dynamodb_read_units" if reads else "dynamodb_write_units", name] += call.units
            if call.service == "sqs":
                used["sqs_requests", "messages"] += MESSAGE_REQUESTS
            if call.service == "events":
                used["bus_events", name] += 1
    for name, lines in ticks.logged.items():
        used["log_gigabytes", name] += logged_gigabytes(lines, assumed)
    return {line: units / ticks.number for line, units in used.items()}


def billed(ticks: Ticks, name: str, megabytes: Mapping[str, int], assumed: Assumed) -> Sequence[Billed]:
    """What a function's invocations are billed for."""
    of, size = ticks.invocations[name], megabytes[name]
    if name == PROBE:
        return [billed_probe(each, size, assumed) for each in of]
    slower = slower_probes(ticks.invocations.get(PROBE, ()), megabytes[PROBE], assumed) if name == CHECK else 0.0
    return [billed_caller(each, size, assumed, slower) for each in of]


def slower_probes(probes: Sequence[Invocation], megabytes: int, assumed: Assumed) -> float:
    """By how many seconds a probe takes longer with Lambda's share of a processor, in the mean."""
    if not probes:
        return 0.0
    return sum(worked_seconds(each, megabytes, assumed) - each.cpu_seconds for each in probes) / len(probes)


def logged_gigabytes(lines: Sequence[str], assumed: Assumed) -> float:
    """What CloudWatch takes in, with its own metadata for each line."""
    return sum(len(line.encode()) + assumed.log_event_bytes for line in lines) / 1e9


def mixed(parts: Sequence[tuple[float, Usage]]) -> Usage:
    """The mean of several usages by their weights."""
    total = sum(weight for weight, _ in parts)
    mean: dict[Line, float] = defaultdict(float)
    for weight, usage in parts:
        for line, units in usage.items():
            mean[line] += units * weight / total
    return dict(mean)
