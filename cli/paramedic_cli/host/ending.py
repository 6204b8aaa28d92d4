"""Ends all that runs on this host for a stack, also what no launcher knows: the Envoys of gateway replicas."""

from collections.abc import Iterator
from pathlib import Path

from paramedic.gateways.replica import DIRECTORY_VARIABLE
from paramedic.launchers.process import procfs
from paramedic.state.receipt import Receipt
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.host.workloads import stop_workloads
from paramedic_cli.local.processes import ProcessIdentity


def end_everything(layout: HostLayout) -> tuple[Receipt, ...]:
    """End every workload, then every Envoy that an agent left serving; returns the workloads.

    Raises:
        StillRunningError: a workload could not be seen to end.
        LauncherError: the host's directory cannot be read.
    """
    try:
        return stop_workloads(layout.host_dir)
    finally:
        # An agent that had no time left takes its Envoy along only by this.
        for process in list(_left_of(layout.gateways)):
            process.stop(grace=0)


def _left_of(gateways: Path) -> Iterator[ProcessIdentity]:
    for directory in gateways.resolve().glob("*"):
        markers = {DIRECTORY_VARIABLE: str(directory)}
        for stat in procfs.all_processes():
            identity = ProcessIdentity.of(stat.pid) if procfs.has_markers(stat.pid, markers) else None
            if identity is not None:
                yield identity
