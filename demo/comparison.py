"""Before and after a recovery, row by row, each with the rule it must obey."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

from demo.counted import Counted
from demo.exchanges import Exchange
from demo.snapshot import ReplicaFacts, Snapshot
from paramedic.autoscaling.tick import ScalingPolicy, tick
from paramedic.autoscaling.window import known_requests
from paramedic.state.autoscalers import AutoscalerState


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    before: str
    after: str
    rule: str
    holds: bool


@dataclass(frozen=True)
class Outside:
    """What is known besides what the controller wrote.

    `counted` is the gateway's, `sent` what its clients say, `held` how many uploads they kept under way throughout,
    and `killed` which replicas were killed.
    """

    counted: Counted
    sent: Sequence[Exchange]
    held: int
    killed: frozenset[int] = frozenset()


def compare(before: Snapshot, after: Snapshot, policy: ScalingPolicy, outside: Outside) -> tuple[Row, ...]:
    """All rows; `after` is taken once the autoscaler has ticked for the first time again."""
    return (
        _same("controller address", _short([before.controller_url]), _short([after.controller_url])),
        _pid(before, after),
        Row("epoch", str(before.epoch), str(after.epoch), "+1", after.epoch == before.epoch + 1),
        _same("load-balancer port", before.load_balancer_port, after.load_balancer_port),
        _routes(before, after, outside.killed),
        *_replicas(before, after, outside.killed),
        *_autoscaler(before.scaler, after.scaler, policy, outside),
        _unfinished_requests(before, after, outside.held),
        _unfinished_operations(before, after),
    )


def rows_table(title: str, headings: tuple[str, str], rows: Sequence[Row]) -> Table:
    """The rows for people; what must not be so is marked."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1))
    for heading in ("", *headings, "must be", ""):
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


def _routes(before: Snapshot, after: Snapshot, killed: frozenset[int]) -> Row:
    old = {replica.url: replica.replica_id for replica in before.replicas}
    kept = [url for url in before.routes if old.get(url) not in killed]
    # Replacements of killed replicas; others are found by their own rows.
    still = [url for url in after.routes if url in old]
    rule = "all but the killed" if killed else "same"
    return Row("load-balancer routes", _short(before.routes), _short(after.routes), rule, still == kept)


def _replicas(before: Snapshot, after: Snapshot, killed: frozenset[int]) -> Iterator[Row]:
    old = {replica.replica_id: replica for replica in before.replicas}
    new = {replica.replica_id: replica for replica in after.replicas}
    for number in sorted({*old, *new}):
        what, was, now = f"replica {number}", old.get(number), new.get(number)
        if number in killed:
            gone = now is None or now.url not in after.routes
            yield Row(what, _facts(was), _facts(now), "killed: no longer routed to", gone)
        elif killed and was is None:
            yield Row(what, _facts(was), _facts(now), "in place of the killed", number > max(old))
        else:
            yield _same(what, _facts(was), _facts(now))


def _facts(replica: ReplicaFacts | None) -> str:
    if replica is None:
        return "missing"
    answers = "answers" if replica.answers else "is silent"
    return f"{replica.url.removeprefix('http://')}\npid {replica.pid}, {replica.status}, {answers}"


def _autoscaler(
    before: AutoscalerState, after: AutoscalerState, policy: ScalingPolicy, outside: Outside
) -> Iterator[Row]:
    counted = outside.counted
    wanted = suspended_for_that_time(before, after, policy, counted)
    rule = "as if suspended"
    yield _same("autoscaler target", before.target, after.target)
    yield _ruled("upscale counter", before.upscale_count, after.upscale_count, rule, wanted.upscale_count)
    yield _ruled("downscale counter", before.downscale_count, after.downscale_count, rule, wanted.downscale_count)
    same_window = after.window == wanted.window
    yield Row("autoscaler window", _window(before), _window(after), "what the gateway counted", same_window)
    seen, now = before.cursors.get(counted.cursor, 0), after.cursors.get(counted.cursor, 0)
    possible = counted.when_it_was(now).is_possible(outside.sent)
    yield Row("requests counted", str(seen), str(now), "each second as sent", possible)


def _ruled(what: str, before: int, after: int, rule: str, wanted: int) -> Row:
    return Row(what, str(before), str(after), rule, after == wanted)


def _window(state: AutoscalerState) -> str:
    known = sum(count is not None for count in state.window.counts)
    return f"{known} s known\n{known_requests(state.window)} requests"


def suspended_for_that_time(
    before: AutoscalerState, after: AutoscalerState, policy: ScalingPolicy, counted: Counted
) -> AutoscalerState:
    """What `before` becomes by one tick at the time of `after`'s, had its controller only been suspended."""
    if after.last_tick is None or after.last_tick == before.last_tick:
        return before
    return tick(policy, before, counted.figures_between(before, after), after.last_tick)[0]


def _unfinished_requests(before: Snapshot, after: Snapshot, held: int) -> Row:
    uploads = {text for text in before.unfinished if text.startswith("POST ")}
    reported = _reported("Unfinished requests", after)
    named = f"{len(uploads.intersection(after.taken_up))} uploads among them"
    holds = reported.isdecimal() and len(uploads) == held and uploads <= set(after.taken_up)
    was = f"{before.unfinished_requests}\n{len(uploads)} uploads among them"
    rule = f"names the {held} held open" if held else "reported"
    return Row("Unfinished requests", was, f"{reported}\n{named}", rule, holds)


def _unfinished_operations(before: Snapshot, after: Snapshot) -> Row:
    was, reported = str(before.unfinished_operations), _reported("Unfinished operations", after)
    return Row("Unfinished operations", was, reported, "reported", reported == was)


def _reported(what: str, after: Snapshot) -> str:
    reported = next((part for part in after.restored.split(", ") if part.startswith(f"{what}:")), "not reported")
    return reported.removeprefix(f"{what}: ")
