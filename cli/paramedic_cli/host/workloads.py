"""Ends everything that was launched on this host for a stack that is going away.

The launcher's own files are the list: they name every launch, also those that no table heard of any more.
"""

from collections.abc import Iterator
from pathlib import Path

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import StopOutcome
from paramedic.launchers.process.files import read_model
from paramedic.launchers.process.host_fence import FenceFile, WorkloadFile
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.state.receipt import Receipt

_GRACE_SECONDS = 2.0


class StillRunningError(ParamedicError):
    """A workload could not be seen to end."""


def stop_workloads(host_dir: Path) -> tuple[Receipt, ...]:
    """Stop every workload launched from `host_dir`, controllers first, and return those that were named.

    Nothing can be launched there any more: every scope is fenced one epoch above all it has seen.

    Raises:
        StillRunningError: some could not be confirmed gone; the message says how to.
        LauncherError: the directory cannot be read.
    """
    if not (host_dir / "host.json").exists():
        return ()
    launcher = ProcessLauncher(host_dir)
    last = 1 + max((fence.epoch for fence in _fences(host_dir)), default=0)
    for scope in list(_files(host_dir / "scopes", FenceFile)):
        launcher.fence(scope.name, last)
    receipts = tuple(_receipts(launcher, host_dir))
    results = [(receipt, launcher.stop(receipt, epoch=last, grace_seconds=_GRACE_SECONDS)) for receipt in receipts]
    left = [f"{receipt.workload}: {result.detail}" for receipt, result in results if not _gone(result.outcome)]
    if left:
        raise StillRunningError("; ".join(left))
    return receipts


def _gone(outcome: StopOutcome) -> bool:
    return outcome is StopOutcome.STOPPED


def _receipts(launcher: ProcessLauncher, host_dir: Path) -> Iterator[Receipt]:
    workloads = _files(host_dir / "workloads", WorkloadFile)
    for workload in sorted(workloads, key=lambda file: not file.name.startswith("controller:")):
        for launch in workload.launches:
            receipt = launch.receipt or launcher.find(workload.name, launch.key)
            if receipt is not None:
                yield receipt


def _fences(host_dir: Path) -> Iterator[FenceFile]:
    yield from _files(host_dir / "scopes", FenceFile)
    yield from _files(host_dir / "workloads", WorkloadFile)


def _files[F: FenceFile](folder: Path, model: type[F]) -> Iterator[F]:
    for path in folder.glob("*.json"):
        content = read_model(path, model)
        if content is not None:
            yield content
