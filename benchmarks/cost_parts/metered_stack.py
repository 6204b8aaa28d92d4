"""The real template on the embedded AWS, every function with a meter in front; ticks come when they are asked for."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.cost_parts.bill import Deployed
from benchmarks.cost_parts.counting import Ticks, by_function
from benchmarks.cost_parts.journal import read_journal
from demo.environment import use
from demo.schedule import checks_under_way
from paramedic.clock import SystemClock, to_iso
from paramedic.health.mass_failure import TOGETHER
from paramedic.health.ticks import AHEAD_AT_MOST, LATE_AFTER
from paramedic.health.url_targets import UrlTarget
from paramedic.state import tables
from paramedic.state.target_registry import add_target
from paramedic_cli.local.project import project_root
from paramedic_cli.local.stack import LocalStack, start

HANDLER = "benchmarks.cost_parts.meter.handler"
METER = ("__init__.py", "cost_parts/__init__.py", "cost_parts/item_size.py", "cost_parts/meter.py")
LOOK_SECONDS = 0.1
EPOCH = datetime.fromtimestamp(0, UTC)
SECOND = timedelta(seconds=1)
MARGIN = timedelta(seconds=10)


@dataclass
class MeteredStack:
    """`megabytes` is each function's memory by its name without the stack's; `journal` is what the meters write."""

    stack: LocalStack
    megabytes: Mapping[str, int]
    journal: Path
    last_tick: datetime = EPOCH

    def register(self, urls: Sequence[str]) -> None:
        """Have these URLs checked every minute."""
        for number, url in enumerate(urls):
            add_target(UrlTarget(name=f"model-server-{number:04d}", url=url).row(), SystemClock())

    def settle(self) -> None:
        """Ticks until what is dead is known to be; the next tick is long after that."""
        first = max(self.last_tick + SECOND, _earliest())
        self._tick(first)
        self._tick(first + SECOND)
        self.last_tick = first + TOGETHER

    def ticks(self, number: int, *, minutes: Callable[[int], bool]) -> Ticks:
        """So many ticks, in such minutes of the hour."""
        noted, logged = len(read_journal(self.journal)), self._logged()
        for _ in range(number):
            tick = self.next_in(minutes)
            while tick > datetime.now(UTC) + AHEAD_AT_MOST - MARGIN:
                time.sleep(1)
            self._tick(tick)
        invocations = by_function(read_journal(self.journal)[noted:], self._full(""))
        return Ticks(number, invocations, {name: lines[len(logged[name]) :] for name, lines in self._logged().items()})

    def deployed(self) -> Deployed:
        """What is there whether or not anything happens; a metric is there once it was logged."""
        dashboards = self.stack.client("cloudwatch").list_dashboards()["DashboardEntries"]
        logged = [line for lines in self._logged().values() for line in lines]
        return Deployed(
            schedules=len(self.stack.client("scheduler").list_schedules()["Schedules"]),
            consumed_queues=len(self.stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]),
            alarms=len(self.stack.client("cloudwatch").describe_alarms()["MetricAlarms"]),
            metrics=len({name for line in logged for name in metrics_of(line)}),
            dashboards=len(dashboards),
        )

    def _tick(self, tick: datetime) -> None:
        """What the schedules do each minute, to the end of it."""
        self.last_tick = tick
        outputs, at = self.stack.outputs, to_iso(tick)
        self.stack.invoke(outputs.downtime_function_name, {"tick": at})
        self.stack.invoke(outputs.gateway_reconcile_function_name, {"tick": at})
        self.stack.invoke(outputs.recovery_function_name, {"action": "sweep", "tick": at})
        self.stack.invoke(outputs.dispatch_function_name, {"tick": at})
        while checks_under_way(self.stack):
            time.sleep(LOOK_SECONDS)

    def next_in(self, minutes: Callable[[int], bool]) -> datetime:
        """The next time after the last tick, not so old that it would be dropped, that lies in such a minute."""
        tick = max(self.last_tick + SECOND, _earliest())
        while not minutes(int(tick.timestamp()) // 60):
            tick += SECOND
        return tick

    def _logged(self) -> Mapping[str, Sequence[str]]:
        logs = self.stack.client("logs").get_paginator("filter_log_events")
        pages = {name: logs.paginate(logGroupName=f"/aws/lambda/{self._full(name)}") for name in self.megabytes}
        return {name: [event["message"] for page in found for event in page["events"]] for name, found in pages.items()}

    def _full(self, name: str) -> str:
        return f"{self.stack.stack_name}-{name}"


def _earliest() -> datetime:
    return datetime.now(UTC) - LATE_AFTER + MARGIN


def metrics_of(line: str) -> Sequence[str]:
    """The names of the metrics that a log line holds, by CloudWatch's embedded metric format."""
    if not line.startswith("{"):
        return ()
    described = json.loads(line).get("_aws", {}).get("CloudWatchMetrics", ())
    return [metric["Name"] for each in described for metric in each["Metrics"]]


@contextmanager
def metered_stack(folder: Path, cidr: str) -> Iterator[MeteredStack]:
    """Deploy, with the schedules off, and put the meters in."""
    with ExitStack() as cleanup:
        parameters = {"AllowedCidrs": cidr, "ScheduleState": "DISABLED"}
        stack = cleanup.enter_context(start(folder / "emulator", parameters=parameters))
        cleanup.enter_context(use(stack.environment))
        tables.bind(stack.outputs.table_prefix)
        journal = folder / "journal"
        yield MeteredStack(stack, _put_meters_in(stack, journal), journal)


def _put_meters_in(stack: LocalStack, journal: Path) -> dict[str, int]:
    client = stack.client("lambda")
    layer = client.publish_layer_version(LayerName="meter", Content={"ZipFile": _layer()})["LayerVersionArn"]
    found: list[dict[str, Any]] = [
        each for page in client.get_paginator("list_functions").paginate() for each in page["Functions"]
    ]
    for each in found:
        variables = {**each["Environment"]["Variables"], "COST_JOURNAL": str(journal)}
        client.update_function_configuration(
            FunctionName=each["FunctionName"],
            Handler=HANDLER,
            Layers=[*(one["Arn"] for one in each["Layers"]), layer],
            Environment={"Variables": variables},
        )
    return {each["FunctionName"].removeprefix(f"{stack.stack_name}-"): each["MemorySize"] for each in found}


def _layer() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in METER:
            archive.write(project_root() / "benchmarks" / name, f"python/benchmarks/{name}")
    return content.getvalue()
