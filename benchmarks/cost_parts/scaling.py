"""From what an invocation took on this machine to what Lambda would bill for it. Pure.

A function has as much of a processor as of 1,769 MB, so what it worked takes longer by that. What it
waited for does not. The two are added, though some work is done while others are waited for: an upper bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from benchmarks.cost_parts.journal import Call, Invocation
from benchmarks.cost_parts.prices import Assumed

INVOKE = "Invoke"


@dataclass(frozen=True)
class Billed:
    """What one invocation is billed for."""

    seconds: float
    megabytes: int

    @property
    def gigabyte_seconds(self) -> float:
        """The unit that is priced."""
        return self.seconds * self.megabytes / 1024


def billed_probe(invocation: Invocation, megabytes: int, assumed: Assumed) -> Billed:
    """A prober's invocation: it waited for targets that take as long as real ones, which stays as it was measured.

    For a processor of this machine, which it shares with what answers, it would not have waited there.
    """
    waited = max(0.0, invocation.wall_seconds - invocation.cpu_seconds - invocation.queued_seconds)
    return Billed(_whole_ms(waited + worked_seconds(invocation, megabytes, assumed)), megabytes)


def billed_caller(invocation: Invocation, megabytes: int, assumed: Assumed, slower: float = 0.0) -> Billed:
    """Any other invocation: it waited for AWS, and for probes from the begin of the first to the end of the last.

    A call of the embedded AWS is replaced by one of AWS, those made at once count as one. `slower` is by how many
    seconds the probes it waited for take longer there than here.
    """
    probes = [call for call in invocation.calls if call.operation == INVOKE]
    others = [call for call in invocation.calls if call.operation != INVOKE]
    waited = in_a_row(others) * assumed.aws_call_seconds
    if probes:
        waited += max(call.end for call in probes) - min(call.begin for call in probes) + slower
        waited += assumed.aws_call_seconds
    return Billed(_whole_ms(waited + worked_seconds(invocation, megabytes, assumed)), megabytes)


def worked_seconds(invocation: Invocation, megabytes: int, assumed: Assumed) -> float:
    """How long its work takes with the share of a processor that `megabytes` come with; never less than here."""
    return invocation.cpu_seconds * max(1.0, assumed.vcpu_megabytes / megabytes)


def in_a_row(calls: Sequence[Call]) -> float:
    """As how many calls one after the other these count: as many as they are, fewer where some were made at once."""
    if not calls:
        return 0.0
    covered, until = 0.0, float("-inf")
    for call in sorted(calls, key=lambda each: each.begin):
        covered += max(0.0, call.end - max(call.begin, until))
        until = max(until, call.end)
    mean = sum(call.end - call.begin for call in calls) / len(calls)
    return covered / mean if mean else float(len(calls))


def _whole_ms(seconds: float) -> float:
    return ceil(round(seconds * 1000, 6)) / 1000
