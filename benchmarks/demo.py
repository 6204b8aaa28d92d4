"""How long a dead controller stays dead, and how long a newcomer waits to see it come back.

One controller with 10 services of 5 replicas is killed right after a tick of the deployed one-minute schedule, which
is the worst moment. Then `make demo` and `make test` are timed in a clean clone; `--without-clone` leaves those out.
The last line is one JSON object; the exit code says whether every goal that was measured was met.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from demo.kill import kill_group
from demo.scenario import CONTROLLER, RECOVERY_SECONDS, Stage, deployed
from demo.schedule import wait_for_tick
from demo.timeline import Comeback, Watch
from paramedic.clock import SystemClock, from_iso
from paramedic.services import verbs
from paramedic.services.spec import ServiceSpec
from paramedic.services.status import ControllerView, build_status, read_controller
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic_cli.local.project import project_root

GOALS = {
    "recovery_start_to_healthy_seconds": 3.0,
    "kill_to_recovered_seconds": 130.0,
    "clean_clone_make_demo_seconds": 240.0,
    "clean_clone_make_test_seconds": 480.0,
}
SERVICES = 10
REPLICAS = 5


def main() -> int:
    """Measure, report, and return the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--without-clone", action="store_true", help="measure the recovery only")
    skip_clone = options.parse_args().without_clone
    figures = measure_recovery()
    if skip_clone:
        print("not measured: make demo and make test in a clean clone (--without-clone)")
    else:
        figures |= measure_clean_clone()
    return report(figures)


def report(figures: Mapping[str, float]) -> int:
    """Print the figures against their goals; 1 when one is missed."""
    goals = {name: goal for name, goal in GOALS.items() if name in figures}
    met = all(figures[name] <= goal for name, goal in goals.items())
    print(json.dumps({"benchmark": "demo", "figures": figures, "goals": goals, "met": met}))
    return 0 if met else 1


def measure_recovery() -> dict[str, float]:
    """Kill a controller with all its services running, and see it restore them."""
    with tempfile.TemporaryDirectory(prefix="paramedic-bench-") as folder, deployed(Path(folder)) as stage:
        stage.run("local", "controller", CONTROLLER)
        start_services(stage.spec)
        before = await_replicas()
        print(f"{SERVICES} services with {REPLICAS} replicas each are ready; killing right after the next tick")
        comeback = kill_after_tick(stage)
        assert facts(await_replicas()) == facts(before), "ports, ids or URLs differ"
    return figures_of(comeback)


def start_services(example: ServiceSpec) -> None:
    """Ask for all services at once."""
    policy = example.service.replica_policy.model_copy(update={"min_replicas": REPLICAS, "max_replicas": REPLICAS + 1})
    section = example.service.model_copy(update={"replica_policy": policy})
    for number in range(1, SERVICES + 1):
        spec = example.model_copy(update={"name": f"model-{number:02d}", "service": section})
        verbs.up(CONTROLLER, spec, "benchmark", clock=SystemClock(), new_id=lambda: uuid.uuid4().hex)


def await_replicas() -> ControllerView:
    """The controller's services once every replica is ready."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        rows = read_controller(CONTROLLER)
        view = build_status(rows) if rows else None
        if view and [service.ready for service in view.services] == [REPLICAS] * SERVICES:
            return view
        time.sleep(0.5)
    raise TimeoutError("the replicas were not ready within 120 s")


def kill_after_tick(stage: Stage) -> Comeback:
    """Kill the controller just when the schedule has looked and will not look again for a minute."""
    wait_for_tick(stage.stack)
    epoch = ControllerEpoch.read(CONTROLLER, EPOCH)
    assert epoch is not None
    assert epoch.claimant is not None
    killed_at = kill_group(epoch.claimant, stage.launcher)
    comeback = Watch(CONTROLLER, int(epoch.epoch), killed_at).until_recovered(RECOVERY_SECONDS)
    print(f"epoch {comeback.recovery.epoch}: {comeback.recovery.story.restored}")
    return comeback


def facts(view: ControllerView) -> list[object]:
    """What no recovery may change."""
    replicas = [[(replica.replica_id, replica.url) for replica in service.replicas] for service in view.services]
    return [(service.name, service.uid, service.port, replicas) for service in view.services]


def figures_of(comeback: Comeback) -> dict[str, float]:
    """The recovery's start is counted from the check's decision, before its event is even on the bus."""
    decided = from_iso(comeback.recovery.story.detected_at or comeback.recovery.opened_at)
    healthy = from_iso(comeback.recovery.closed_at or comeback.recovery.step_at)
    return {
        "recovery_start_to_healthy_seconds": round((healthy - decided).total_seconds(), 2),
        "kill_to_recovered_seconds": round(comeback.seconds_to_recovered, 1),
    }


def measure_clean_clone() -> dict[str, float]:
    """Clone what is committed and run what a newcomer runs; package caches stay as warm as they are."""
    with tempfile.TemporaryDirectory(prefix="paramedic-clone-") as folder:
        clone = Path(folder) / "paramedic"
        subprocess.run(["git", "clone", "--quiet", str(project_root()), str(clone)], check=True)
        # In this order: whoever comes first also sets up the environments.
        return {f"clean_clone_make_{target}_seconds": timed_make(clone, target) for target in ("demo", "test")}


def timed_make(clone: Path, target: str) -> float:
    """Wall-clock seconds of one make target that succeeds."""
    foreign = ("VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "NAME", "ARGS")
    clean = {name: value for name, value in os.environ.items() if name not in foreign}
    clean["PATH"] = os.pathsep.join(
        part for part in clean["PATH"].split(os.pathsep) if not part.startswith(str(project_root()))
    )
    started = time.monotonic()
    subprocess.run(["make", target], cwd=clone, env=clean, check=True)
    return round(time.monotonic() - started, 1)


if __name__ == "__main__":
    sys.exit(main())
