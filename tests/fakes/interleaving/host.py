"""A host as a value: its processes, its fence and what was started there for replicas."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from paramedic.health.outcomes import OutcomeKind
from paramedic.launchers.interface import (
    Description,
    EpochRefusedError,
    KeyAlreadyUsedError,
    LauncherError,
    RunState,
    StopOutcome,
    StopResult,
)


@dataclass(frozen=True)
class Process:
    """One controller process. One that is `hidden` can be neither seen nor ended; a `deaf` one refuses connections.

    One that `hangs` does nothing at all.
    """

    key: str
    epoch: int
    alive: bool = True
    hidden: bool = False
    deaf: bool = False
    hangs: bool = False
    claimed: bool = False
    serves: bool = False


@dataclass(frozen=True)
class Host:
    """`fence` is the controller's; `effects` are the replicas' keys in the order of their starts, with whose epoch.

    In epochs that `cannot_start` no launch is made; what is launched in `stillborn` ones ends at once, in `never_well`
    ones it claims, beats and refuses connections, and in `hung` ones it does nothing. While the host is `stuck` no
    process can be ended.
    """

    processes: tuple[Process, ...] = ()
    fence: int = 0
    effects: tuple[tuple[str, int], ...] = ()
    checks_fence: bool = True
    cannot_start: frozenset[int] = frozenset()
    stillborn: frozenset[int] = frozenset()
    never_well: frozenset[int] = frozenset()
    hung: frozenset[int] = frozenset()
    stuck: bool = False

    def process(self, key: str) -> Process | None:
        return next((each for each in self.processes if each.key == key), None)

    def living(self) -> tuple[Process, ...]:
        return tuple(each for each in self.processes if each.alive)

    def with_process(self, process: Process) -> "Host":
        others = [each for each in self.processes if each.key != process.key]
        return replace(self, processes=tuple(sorted([*others, process], key=lambda each: each.key)))

    def without(self, key: str) -> "Host":
        """The same after the process has ended."""
        process = self.process(key)
        return self if process is None else self.with_process(replace(process, alive=False))

    def launched(self, key: str, epoch: int) -> Process:
        """What a launch in that epoch makes."""
        return Process(
            key,
            epoch,
            alive=epoch not in self.stillborn,
            deaf=epoch in self.never_well,
            hangs=epoch in self.hung,
        )

    def admitting(self, epoch: int) -> "Host":
        if not self.checks_fence:
            return self
        if epoch < self.fence:
            raise EpochRefusedError(f"the host has seen epoch {self.fence}, the call carries {epoch}")
        return replace(self, fence=epoch)


type HostCall = Callable[[Host, Mapping[str, Any]], tuple[Host, Any]]


def _wait(host: Host, _: Mapping[str, Any]) -> tuple[Host, Any]:
    return host, None


def _probe(host: Host, _: Mapping[str, Any]) -> tuple[Host, Any]:
    answers = any(each.serves and not each.deaf for each in host.living())
    return host, OutcomeKind.OK if answers else OutcomeKind.REFUSED


def _describe(host: Host, asked: Mapping[str, Any]) -> tuple[Host, Any]:
    process = host.process(asked["key"])
    if process is not None and process.hidden:
        return host, Description(state=RunState.ELSEWHERE)
    alive = process is not None and process.alive
    return host, Description(state=RunState.RUNNING if alive else RunState.ABSENT, cpu_seconds=0.0)


def _find(host: Host, asked: Mapping[str, Any]) -> tuple[Host, Any]:
    return host, host.process(asked["key"])


def _fence(host: Host, asked: Mapping[str, Any]) -> tuple[Host, Any]:
    return host.admitting(asked["epoch"]), None


def _stop(host: Host, asked: Mapping[str, Any]) -> tuple[Host, Any]:
    host = host.admitting(asked["epoch"])
    process = host.process(asked["key"])
    if process is not None and process.hidden:
        return host, StopResult(outcome=StopOutcome.UNCONFIRMED, detail="it runs where nobody can look")
    if host.stuck:
        return host, StopResult(outcome=StopOutcome.UNCONFIRMED, detail="it does not end")
    return host.without(asked["key"]), StopResult(outcome=StopOutcome.STOPPED, detail="gone")


def _launch(host: Host, asked: Mapping[str, Any]) -> tuple[Host, Any]:
    host = host.admitting(asked["epoch"])
    known = host.process(asked["key"])
    if known is None:
        if asked["epoch"] in host.cannot_start:
            raise LauncherError("no such command")
        known = host.launched(asked["key"], asked["epoch"])
        return host.with_process(known), known
    if not known.alive:
        raise KeyAlreadyUsedError(f"{known.key} has ended")
    return host, known


def _become(host: Host, asked: Mapping[str, Any]) -> tuple[Host, Any]:
    process = host.process(asked["key"])
    assert process is not None
    return host.with_process(replace(process, **asked)), None


def _start_replica(host: Host, asked: Mapping[str, Any]) -> tuple[Host, Any]:
    return _provide(host.admitting(asked["epoch"]), asked)


def _provide(host: Host, asked: Mapping[str, Any]) -> tuple[Host, Any]:
    """What a provider does that knows tokens and no epochs."""
    key, epoch = asked["key"], asked["epoch"]
    if any(each == key for each, _ in host.effects):
        return host, None
    return replace(host, effects=(*host.effects, (key, epoch))), None


CALLS: Mapping[str, HostCall] = {
    "wait": _wait,
    "probe": _probe,
    "describe": _describe,
    "find": _find,
    "fence": _fence,
    "stop": _stop,
    "launch": _launch,
    "become": _become,
    "start_replica": _start_replica,
    "provide": _provide,
}
