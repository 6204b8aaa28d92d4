"""Before and after a recovery, row by row, each with the rule it must obey."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest

from rich.table import Table

from demo.snapshot import ReplicaFacts, Snapshot
from demo.traffic_feeder import Traffic
from paramedic.autoscaling.tick import ScalingPolicy, tick
from paramedic.autoscaling.window import Figures, known_requests
from paramedic.state.autoscalers import AutoscalerState


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    before: str
    after: str
    rule: str
    holds: bool


def compare(before: Snapshot, after: Snapshot, policy: ScalingPolicy, traffic: Traffic) -> tuple[Row, ...]:
    """All rows; `after` is taken once the autoscaler has ticked for the first time again."""
    return (
        _same("controller address", _short([before.controller_url]), _short([after.controller_url])),
        _pid(before, after),
        Row("epoch", str(before.epoch), str(after.epoch), "+1", after.epoch == before.epoch + 1),
        _same("load-balancer port", before.load_balancer_port, after.load_balancer_port),
        _same("load-balancer routes", _short(before.routes), _short(after.routes)),
        *_replicas(before.replicas, after.replicas),
        *_autoscaler(before.scaler, after.scaler, policy, traffic),
        *_unfinished(before, after),
    )


def comparison_table(rows: Sequence[Row]) -> Table:
    """The rows for people; what must not be so is marked."""
    table = Table(title="Before and after", title_justify="left", title_style="bold", box=None, padding=(0, 1))
    for heading in ("", "before", "after", "must be", ""):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(row.what, row.before, row.after, row.rule, "[green]ok[/]" if row.holds else "[bold red]WRONG[/]")
    return table


def _same(what: str, before: object, after: object) -> Row:
    return Row(what, str(before), str(after), "same", before == after)


def _pid(before: Snapshot, after: Snapshot) -> Row:
    old, new = before.controller.identity["pid"], after.controller.identity["pid"]
    return Row("controller pid", old, new, "another", old != new)


def _short(urls: Sequence[str]) -> str:
    return "\n".join(url.removeprefix("http://") for url in urls)


def _replicas(before: Sequence[ReplicaFacts], after: Sequence[ReplicaFacts]) -> Iterator[Row]:
    for old, new in zip_longest(before, after):
        either = old or new
        yield _same(f"replica {either.replica_id if either else '?'}", _facts(old), _facts(new))


def _facts(replica: ReplicaFacts | None) -> str:
    if replica is None:
        return "missing"
    answers = "answers" if replica.answers else "is silent"
    return f"{replica.url.removeprefix('http://')}\npid {replica.pid}, {replica.status}, {answers}"


def _autoscaler(
    before: AutoscalerState, after: AutoscalerState, policy: ScalingPolicy, traffic: Traffic
) -> Iterator[Row]:
    wanted = suspended_for_that_time(before, after, policy, traffic)
    rule = "as if suspended"
    yield _same("autoscaler target", before.target, after.target)
    yield _ruled("upscale counter", before.upscale_count, after.upscale_count, rule, wanted.upscale_count)
    yield _ruled("downscale counter", before.downscale_count, after.downscale_count, rule, wanted.downscale_count)
    same_window = after.window == wanted.window
    yield Row("autoscaler window", _window(before), _window(after), "each second as sent", same_window)
    counted = before.cursors.get(traffic.cursor, 0), after.cursors.get(traffic.cursor, 0)
    yield _ruled("requests counted", *counted, "each once", wanted.cursors.get(traffic.cursor, 0))


def _ruled(what: str, before: int, after: int, rule: str, wanted: int) -> Row:
    return Row(what, str(before), str(after), rule, after == wanted)


def _window(state: AutoscalerState) -> str:
    known = sum(count is not None for count in state.window.counts)
    return f"{known} s known\n{known_requests(state.window)} requests"


def suspended_for_that_time(
    before: AutoscalerState, after: AutoscalerState, policy: ScalingPolicy, traffic: Traffic
) -> AutoscalerState:
    """What `before` becomes by one tick at the time of `after`'s, had its controller only been suspended.

    The figures are not what the tables say but what the feeder knows it sent.
    """
    if after.last_tick is None or after.last_tick == before.last_tick:
        return before
    seen = before.cursors.get(traffic.cursor, 0)
    seconds = sorted(traffic.sent)
    totals = dict(zip(seconds, accumulate(traffic.sent[second] for second in seconds), strict=True))
    counted = after.cursors.get(traffic.cursor, 0)
    new = {second: traffic.sent[second] for second in seconds if seen < totals[second] <= counted}
    figures = Figures(
        requests=new,
        complete_from=seconds[0] - 1,
        complete_until=1 + max((second for second in seconds if totals[second] <= counted), default=seconds[0] - 1),
        cursors={traffic.cursor: max((totals[second] for second in new), default=seen)},
    )
    return tick(policy, before, figures, after.last_tick)[0]


def _unfinished(before: Snapshot, after: Snapshot) -> Iterator[Row]:
    for what, count in (
        ("Unfinished requests", before.unfinished_requests),
        ("Unfinished operations", before.unfinished_operations),
    ):
        reported = next((part for part in after.restored.split(", ") if part.startswith(f"{what}:")), "not reported")
        yield Row(what, str(count), reported.removeprefix(f"{what}: "), "reported", reported == f"{what}: {count}")
