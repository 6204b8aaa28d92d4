"""A launcher that takes its time like a cloud: each call sleeps, most a few seconds, some long."""

import random
import socket
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from paramedic.launchers.interface import Description, Launch, RunState, StopOutcome, StopResult
from paramedic.state.receipt import Receipt

NAME = "sleeping"


class Latency(BaseModel):
    """Seconds a call takes: log-normal about `median`, never above `longest`."""

    model_config = ConfigDict(frozen=True)

    median: float
    spread: float
    longest: float

    def draw(self) -> float:
        """One call's."""
        return min(self.longest, random.lognormvariate(0, self.spread) * self.median)


class SleepingLauncher:
    """Instances are ports of the process behind the unix socket `cloud`; they outlive whoever launched them.

    The moment of each launch is added to `journal`, on the machine's monotonic clock.
    """

    def __init__(self, cloud: Path, journal: Path, latency: Latency) -> None:
        self._cloud = cloud
        self._journal = journal
        self._latency = latency

    def launch(self, request: Launch) -> Receipt:
        """Sleep, and there is an instance."""
        with self._journal.open("a") as journal:
            journal.write(f"{time.monotonic()} {request.key}\n")
        time.sleep(self._latency.draw())
        host, port = request.environment["PARAMEDIC_REPLICA_HOST"], request.environment["PARAMEDIC_REPLICA_PORT"]
        self._order("open", host, port)
        return Receipt(
            launcher=NAME,
            workload=request.workload,
            key=request.key,
            epoch=request.epoch,
            identity={"host": host, "port": port},
        )

    def find(self, workload: str, key: str) -> Receipt | None:
        """No launch fails here, so nobody looks."""
        raise NotImplementedError(f"{workload}, {key}")

    def running(self, scope: str) -> list[Receipt]:
        """Nothing runs here that has no row."""
        del scope
        return []

    def occupant(self, workload: str) -> Receipt | None:
        raise NotImplementedError(workload)

    def describe(self, receipt: Receipt) -> Description:
        """They all run."""
        del receipt
        return Description(state=RunState.RUNNING)

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """Sleep, and it is gone."""
        del epoch, grace_seconds, scope
        time.sleep(self._latency.draw())
        self._order("close", receipt.identity["host"], receipt.identity["port"])
        return StopResult(outcome=StopOutcome.STOPPED, detail="terminated")

    def fence(self, scope: str, epoch: int) -> None:
        """Clouds know no epochs."""
        del scope, epoch

    def _order(self, *words: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as cloud:
            cloud.connect(str(self._cloud))
            cloud.sendall(f"{' '.join(words)}\n".encode())
            assert cloud.recv(16) == b"done\n"
