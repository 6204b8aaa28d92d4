"""What the clients saw of it all: by phase for people, and against what the stack says it counted."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.table import Table

from demo.comparison import Row
from demo.exchanges import Exchange, Tally, sent_between
from demo.timeline import Comeback, Moment

ENOUGH_REQUESTS = 5000
BEFORE_SECONDS = 30
"""How long clients are served before the first kill."""

AFTER_SECONDS = 60
"""How long they are served after the first recovery."""


def moments(comeback: Comeback, sent: Sequence[Exchange], unfinished: int) -> Iterable[Moment]:
    """The clients' lines of a timeline."""
    killed, back = comeback.killed_at.timestamp(), comeback.recovered_at.timestamp()
    before = f"{Tally.of(sent_between(sent, 0, killed))}; {unfinished} unfinished"
    yield Moment(comeback.killed_at, "gateway", f"until now {before}")
    yield Moment(comeback.recovered_at, "gateway", f"meanwhile {Tally.of(sent_between(sent, killed, back))}")


def phases(comebacks: Sequence[Comeback], sent: Sequence[Exchange]) -> Table:
    """Requests by what the controller did meanwhile."""
    table = Table(title="Requests through the gateway", title_justify="left", title_style="bold", box=None)
    for heading in ("", "seconds", "sent", "failed", "slowest"):
        table.add_column(heading, justify="left" if not heading else "right")
    start, name = sent[0].sent_at, "before the first kill"
    for comeback in comebacks:
        killed, back = comeback.killed_at.timestamp(), comeback.recovered_at.timestamp()
        _add_phase(table, name, sent, start, killed)
        _add_phase(table, "without a controller", sent, killed, back)
        start, name = back, "after the recovery"
    _add_phase(table, name, sent, start, time.time())
    return table


def _add_phase(table: Table, name: str, sent: Sequence[Exchange], start: float, end: float) -> None:
    last = min(end, sent[-1].sent_at)
    tally = Tally.of(sent_between(sent, start, end))
    slowest = f"{tally.slowest_seconds * 1000:.0f} ms"
    table.add_row(name, f"{last - start:.1f}", str(tally.sent), str(tally.failed), slowest)


def verdict(
    first: Comeback, sent: Sequence[Exchange], uploads: Sequence[Exchange], counted: tuple[int, int]
) -> tuple[Row, ...]:
    """What must hold of all traffic; `counted` is by the gateway and by the autoscaler."""
    began, ended = sent[0].sent_at, sent[-1].sent_at
    lead = first.killed_at.timestamp() - began
    trail = ended - first.recovered_at.timestamp()
    failed = [each for each in sent if each.problem]
    lost = [each for each in uploads if each.problem]
    total = len(sent) + len(uploads)
    by_gateway, by_autoscaler = counted
    long = lead >= BEFORE_SECONDS and trail >= AFTER_SECONDS
    span = f"{lead:.0f} s before the kill\n{trail:.0f} s after recovery"
    return (
        Row("traffic", span, "", f"≥ {BEFORE_SECONDS} s, ≥ {AFTER_SECONDS} s", long),
        Row("GETs", f"{len(sent)} sent", f"{len(failed)} failed", f"≥ {ENOUGH_REQUESTS}, none", _all_served(sent)),
        Row("uploads held open", f"{len(uploads)} sent", f"{len(lost)} failed", "none", not lost),
        Row("gateway", f"{total} sent", f"{by_gateway} counted", "each once", by_gateway == total),
        Row("autoscaler", f"{total} sent", f"{by_autoscaler} counted", "each once", by_autoscaler == total),
    )


def problems(exchanges: Iterable[Exchange]) -> list[str]:
    """What failed first, in words."""
    failed = [each for each in exchanges if each.problem][:5]
    return [f"{datetime.fromtimestamp(each.sent_at, UTC):%H:%M:%S} {each.problem}" for each in failed]


def _all_served(sent: Sequence[Exchange]) -> bool:
    return len(sent) >= ENOUGH_REQUESTS and not any(each.problem for each in sent)
