"""Launcher calls: made outside the main loop, each for one open operation, with that operation's id as its key."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.launchers.interface import (
    EpochRefusedError,
    KeyAlreadyUsedError,
    Launch,
    Launcher,
    LauncherError,
    RunState,
    StopOutcome,
)
from paramedic.services.secrets import SecretSource
from paramedic.state.fencing import FencedError
from paramedic.state.operations import OperationKind
from paramedic.state.receipt import Receipt
from paramedic_controller.actions import Fact, Launched, LaunchFailed, LetGo, Stopped
from paramedic_controller.model import OpenOperation, ReplicaRecord, ServiceState, scope_of, workload_of
from paramedic_controller.secrets import SecretError
from paramedic_controller.token_bucket import TokenBucket
from paramedic_controller.turns import Lane

STOPS_AT_ONCE = 32
"""Stops under way; each spends its time waiting for a replica to end."""

RETRY_AFTER_SECONDS = 5.0
"""How long an operation rests when its outcome could not be learnt."""


@dataclass(frozen=True)
class Unknown:
    """The call was not made, or its outcome is not known; it is made again with the same key."""

    operation_id: str
    detail: str
    retry_after: float = RETRY_AFTER_SECONDS


type Outcome = Fact | Unknown
type ReadSecrets = Callable[[Mapping[str, SecretSource]], Mapping[str, str]]


@dataclass(frozen=True)
class Actor:
    """Whose calls these are and how workloads are run. Times in seconds."""

    controller_id: str
    epoch: int
    stop_grace_seconds: float
    log_dir: Path


@dataclass(frozen=True)
class Pace:
    """How fast a launcher may be asked to launch: so many launches under way, and so many begun per second.

    A second's worth may begin at once: the main loop looks about once a second.
    """

    at_once: int
    per_second: float

    @property
    def threads(self) -> int:
        """What all calls need that can be under way: none waits for another's thread, hence no stop for a launch."""
        return self.at_once + STOPS_AT_ONCE

    @property
    def bucket(self) -> TokenBucket:
        """A new one, full."""
        return TokenBucket(self.per_second, math.ceil(self.per_second))


@dataclass(frozen=True)
class _Call:
    service: str
    kind: OperationKind
    future: Future[Outcome]


class Effects:
    """Launcher calls under way. Used from one thread; the calls run in `executor`, which has `pace.threads`."""

    def __init__(
        self,
        launcher: Launcher,
        actor: Actor,
        *,
        pace: Pace,
        read_secrets: ReadSecrets,
        executor: Executor,
        clock: Clock,
        on_done: Callable[[], None],
    ) -> None:
        self._launcher = launcher
        self._actor = actor
        self._read_secrets = read_secrets
        self._executor = executor
        self._clock = clock
        self._on_done = on_done
        self._lanes: Mapping[OperationKind, Lane[OpenOperation]] = {
            OperationKind.LAUNCH: Lane(pace.at_once, pace.bucket),
            OperationKind.STOP: Lane(STOPS_AT_ONCE),
        }
        self._running: dict[str, _Call] = {}
        self._resting: dict[str, float] = {}

    def turns(self, waiting: Mapping[str, Sequence[OpenOperation]]) -> dict[str, list[OpenOperation]]:
        """Those of `waiting`, by service, whose call is to begin now; the others are to ask again."""
        now = self._clock.monotonic()
        chosen: dict[str, list[OpenOperation]] = {}
        for kind, lane in self._lanes.items():
            of_kind = {name: [each for each in some if each.kind is kind] for name, some in waiting.items()}
            for name, operation in lane.next(of_kind, self._under_way(kind), now):
                chosen.setdefault(name, []).append(operation)
        return chosen

    def _under_way(self, kind: OperationKind) -> Counter[str]:
        calls = self._running.values()
        return Counter(call.service for call in calls if call.kind is kind and not call.future.done())

    def start(self, state: ServiceState, operation: OpenOperation, lease_is_fresh: Callable[[], bool]) -> None:
        """Call the launcher for `operation`, provided the lease still holds when its turn comes."""

        def call() -> Outcome:
            # Before the look at the lease, for it may take its time.
            secrets = self._secrets_for(state, operation)
            if not lease_is_fresh():
                return Unknown(operation.operation_id, "the lease ran out before the call", retry_after=0.0)
            return self._outcome(state, operation, secrets)

        future = self._executor.submit(call)
        self._running[operation.operation_id] = _Call(state.desired.name, operation.kind, future)
        future.add_done_callback(lambda _: self._on_done())

    def busy(self, state: ServiceState) -> frozenset[str]:
        """Operations of a service whose call is under way or rests before the next try."""
        return frozenset(each.operation_id for each in state.operations if self._is_busy(each.operation_id))

    def has_calls_under_way(self, state: ServiceState) -> bool:
        """Whether the launcher is being called for an operation of a service."""
        return any(each.operation_id in self._running for each in state.operations)

    def _is_busy(self, operation_id: str) -> bool:
        if operation_id in self._running:
            return True
        if self._resting.get(operation_id, -math.inf) > self._clock.monotonic():
            return True
        self._resting.pop(operation_id, None)
        return False

    def finished(self, state: ServiceState) -> list[Outcome]:
        """Outcomes of calls that ended since, each handed out once.

        Raises:
            FencedError: the host has seen a higher epoch than ours.
        """
        done = [each.operation_id for each in state.operations if self._has_ended(each.operation_id)]
        outcomes: list[Outcome] = []
        for operation_id in done:
            outcome = self._running.pop(operation_id).future.result()
            if isinstance(outcome, Unknown):
                self._resting[operation_id] = self._clock.monotonic() + outcome.retry_after
            outcomes.append(outcome)
        return outcomes

    def _has_ended(self, operation_id: str) -> bool:
        call = self._running.get(operation_id)
        return call is not None and call.future.done()

    def _secrets_for(self, state: ServiceState, operation: OpenOperation) -> Mapping[str, str] | SecretError:
        replica = state.replica(operation.replica_id)
        if operation.kind is not OperationKind.LAUNCH or replica is None:
            return {}
        try:
            return self._read_secrets(state.spec_of(replica.version).secrets)
        except SecretError as error:
            return error

    def _outcome(
        self, state: ServiceState, operation: OpenOperation, secrets: Mapping[str, str] | SecretError
    ) -> Outcome:
        replica = state.replica(operation.replica_id)
        if replica is None:
            return LaunchFailed(operation.operation_id, "its replica row is gone")
        try:
            if operation.kind is OperationKind.LAUNCH:
                if isinstance(secrets, SecretError):
                    # Whoever opened it may have launched it: what is missing now says nothing about that.
                    without = self._request(state, replica, operation, {})
                    return self._after_failed_launch(without, operation, secrets)
                return self._launch(self._request(state, replica, operation, secrets), operation)
            return self._stop(state, replica, operation)
        except EpochRefusedError as error:
            raise FencedError(f"the host refused epoch {self._actor.epoch}: {error}") from error

    def _launch(self, request: Launch, operation: OpenOperation) -> Outcome:
        try:
            receipt = self._launcher.launch(request)
        except KeyAlreadyUsedError as error:
            return LaunchFailed(operation.operation_id, str(error))
        except EpochRefusedError:
            raise
        except LauncherError as error:
            return self._after_failed_launch(request, operation, error)
        return _launched(operation, request, receipt)

    def _after_failed_launch(self, request: Launch, operation: OpenOperation, error: ParamedicError) -> Outcome:
        """A failed call may still have started something: only a look tells."""
        try:
            found = self._launcher.find(request.workload, request.key)
        except LauncherError as blind:
            return Unknown(operation.operation_id, f"{error}; looking for it failed too: {blind}")
        if found is None:
            return LaunchFailed(operation.operation_id, str(error))
        return _launched(operation, request, found)

    def _stop(self, state: ServiceState, replica: ReplicaRecord, operation: OpenOperation) -> Outcome:
        try:
            receipt = replica.receipt or self._launcher.find(
                workload_of(state.desired.uid, replica.replica_id), replica.operation
            )
            if receipt is None:
                return Stopped(operation.operation_id, "nothing was started")
            actor = self._actor
            # Another controller may have launched it, before the service was moved here.
            result = self._launcher.stop(
                receipt, scope=scope_of(actor.controller_id), epoch=actor.epoch, grace_seconds=actor.stop_grace_seconds
            )
        except EpochRefusedError:
            raise
        except LauncherError as error:
            return Unknown(operation.operation_id, str(error))
        if result.outcome is StopOutcome.UNCONFIRMED:
            # What runs elsewhere is never going to be confirmed from here: it must not hold anything up for ever.
            if self._launcher.describe(receipt).state is RunState.ELSEWHERE:
                return LetGo(operation.operation_id, result.detail)
            return Unknown(operation.operation_id, result.detail)
        return Stopped(operation.operation_id, result.detail)

    def _request(
        self, state: ServiceState, replica: ReplicaRecord, operation: OpenOperation, secrets: Mapping[str, str]
    ) -> Launch:
        spec, replica_id, address = state.spec_of(replica.version), replica.replica_id, urlsplit(replica.url)
        ours = {
            "PARAMEDIC_REPLICA_HOST": str(address.hostname),
            "PARAMEDIC_REPLICA_PORT": str(address.port),
            "PARAMEDIC_REPLICA_ID": str(replica_id),
            "PARAMEDIC_SERVICE": spec.name,
        }
        return Launch(
            workload=workload_of(state.desired.uid, replica_id),
            scope=scope_of(self._actor.controller_id),
            epoch=self._actor.epoch,
            key=operation.operation_id,
            command=("/bin/sh", "-c", spec.run),
            environment={**spec.envs, **secrets, **ours},
            working_directory=spec.workdir,
            log_file=str(self._actor.log_dir / f"{spec.name}-{state.desired.uid[:8]}-{replica_id}.log"),
        )


def _launched(operation: OpenOperation, request: Launch, receipt: Receipt) -> Launched:
    return Launched(operation.operation_id, receipt.model_copy(update={"log_file": request.log_file}))
