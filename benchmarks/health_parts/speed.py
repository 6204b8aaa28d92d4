"""How many probes a second one processor makes, and what one costs beside httpx and blackbox_exporter."""

import json
import statistics
import sys
from pathlib import Path

from benchmarks.health_parts import blackbox
from benchmarks.health_parts.targets import PROBER_PROCESSOR, Swept, Targets, answers, sweep, targets
from benchmarks.report import Figures, at_least, at_most

GOALS = {
    "http_probes_per_second": at_least(6000),
    "https_probes_per_second": at_least(1100),
    "cpu_beside_httpx": at_most(1 / 8),
    "cpu_beside_blackbox_exporter": at_most(1 / 4),
}
TARGETS = 1000
SWEEPS = 9
ROUNDS = 3


def measure(folder: Path) -> Figures:
    """Ours and the peers in turns."""
    ours: list[float] = []
    httpx_costs: list[float] = []
    blackbox_costs: list[float] = []
    rates: list[float] = []
    with targets() as found:
        for _ in range(ROUNDS):
            swept = sweep(found, TARGETS, SWEEPS)
            rates += _rates(swept)
            ours += [each.cpu_seconds / TARGETS for each in swept.sweeps]
            httpx_costs.append(_with_httpx(found, folder))
            blackbox_costs += _with_blackbox(found, folder)
    with targets(tls_in=folder) as encrypted:
        swept = sweep(encrypted, TARGETS, SWEEPS)
        https, https_costs = _rates(swept), [each.cpu_seconds / TARGETS for each in swept.sweeps]
    cost = statistics.median(ours)
    beside = statistics.median(blackbox_costs) if blackbox_costs else None
    figures = {
        "http_probes_per_second": statistics.median(rates),
        "https_probes_per_second": statistics.median(https),
        "cpu_ms_per_probe": cost * 1000,
        "httpx_cpu_ms_per_probe": statistics.median(httpx_costs) * 1000,
        "https_cpu_ms_per_probe": statistics.median(https_costs) * 1000,
        "blackbox_exporter_cpu_ms_per_probe": None if beside is None else beside * 1000,
        "cpu_beside_httpx": cost / statistics.median(httpx_costs),
        "cpu_beside_blackbox_exporter": None if beside is None else cost / beside,
    }
    return {name: None if figure is None else round(figure, 4) for name, figure in figures.items()}


def _rates(swept: Swept) -> list[float]:
    failed = [each.kinds for each in swept.sweeps if each.kinds != {"ok": TARGETS}]
    if failed:
        raise AssertionError(f"healthy targets were not found healthy: {failed}")
    # The first sweep of a process pays for what it loads.
    return [TARGETS / each.seconds for each in swept.sweeps[1:]]


def _with_blackbox(found: Targets, folder: Path) -> list[float]:
    try:
        return [blackbox.cpu_per_probe(found.urls(TARGETS), folder)]
    except blackbox.NoPackageError as error:
        print(f"  not compared with blackbox_exporter: {error}", flush=True)
        return []


def _with_httpx(found: Targets, folder: Path) -> float:
    urls = folder / "urls"
    urls.write_text("\n".join(found.urls(TARGETS)))
    command = [sys.executable, "-m", "benchmarks.health_parts.with_httpx", str(urls)]
    [line] = answers(command, found.environment, PROBER_PROCESSOR)
    return float(json.loads(line)["cpu_seconds"]) / TARGETS
