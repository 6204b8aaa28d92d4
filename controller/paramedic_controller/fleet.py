"""All services of one controller: who is supervised, who is quarantined, and when to look at desired state."""

from collections.abc import Callable
from dataclasses import dataclass, field

from paramedic.errors import InvalidInputError
from paramedic.state.controllers import HINT, ControllerHint
from paramedic_controller.model import Desired, ServiceState
from paramedic_controller.restore import desired_services, read_desired
from paramedic_controller.supervise import ServiceSupervisor, Tools

QUARANTINE_RETRY_SECONDS = 30.0
"""How often a service that could not be understood is looked at again."""


@dataclass
class Fleet:
    """Supervisors by service name. One service that cannot be understood is left alone, the others go on."""

    controller_id: str
    tools: Tools
    log: Callable[[str], None]
    supervisors: dict[str, ServiceSupervisor] = field(default_factory=dict)
    quarantined: dict[str, str] = field(default_factory=dict)
    _sealed: set[str] = field(default_factory=set)
    _revision: int | None = None
    _retry_at: float = 0.0
    _ticked_at: int | None = None

    def states(self) -> list[ServiceState]:
        """What is known of every supervised service."""
        return [supervisor.state for supervisor in self.supervisors.values()]

    def seal(self, services: list[str]) -> None:
        """Make this epoch the only one that may write these services.

        Raises:
            FencedError: the epoch was passed.
            StateUnreachableError: DynamoDB did not answer; sealing again is harmless.
        """
        unsealed = [service for service in services if service not in self._sealed]
        if unsealed:
            self.tools.writer.seal(unsealed)
            self._sealed.update(unsealed)

    def follow_desired(self) -> None:
        """Take over what users changed since the last look.

        Raises:
            FencedError: the epoch was passed.
            StateUnreachableError: DynamoDB did not answer.
        """
        hint = ControllerHint.read(self.controller_id, HINT)
        revision = int(hint.revision) if hint is not None else 0
        now = self.tools.clock.monotonic()
        unsure = any(supervisor.must_reread for supervisor in self.supervisors.values())
        retry = bool(self.quarantined) and now >= self._retry_at
        if revision == self._revision and not unsure and not retry:
            return
        self._retry_at = now + QUARANTINE_RETRY_SECONDS
        names = desired_services(self.controller_id)
        # Whoever created a service after the fences were sealed left its fence to the owner of the epoch.
        self.seal(names)
        for gone in self.supervisors.keys() - set(names):
            del self.supervisors[gone]
        self.quarantined = {name: why for name, why in self.quarantined.items() if name in names}
        for name in names:
            self.guarded(name, lambda name=name: self._follow(name))  # type: ignore[misc]
        self._revision = revision

    def guarded(self, name: str, work: Callable[[], None]) -> None:
        """Do `work` for one service; when its rows cannot be understood, quarantine that service."""
        try:
            work()
        except InvalidInputError as error:
            if self.quarantined.get(name) != str(error):
                self.log(f"service {name} is quarantined: {error}")
            self.quarantined[name] = str(error)
            self.supervisors.pop(name, None)

    def run_pass(self) -> None:
        """One pass of every supervised service.

        Raises:
            FencedError: the epoch was passed.
            StateUnreachableError: DynamoDB did not answer.
        """
        for name, supervisor in list(self.supervisors.items()):
            self.guarded(name, supervisor.run_pass)
            if supervisor.is_gone:
                del self.supervisors[name]
        targets = {
            key: target
            for supervisor in self.supervisors.values()
            for key, target in supervisor.probe_targets().items()
        }
        self.tools.prober.watch(targets)

    def tick_when_due(self) -> None:
        """Ticks fall on multiples of their interval, whoever makes them: a successor continues the same rhythm.

        Raises:
            FencedError: the epoch was passed.
            StateUnreachableError: DynamoDB did not answer; the ticks not made are lost.
        """
        interval = self.tools.tick_seconds
        due = int(self.tools.clock.now().timestamp()) // interval * interval
        if due == self._ticked_at:
            return
        self._ticked_at = due
        for name, supervisor in list(self.supervisors.items()):
            self.guarded(name, lambda each=supervisor: self._tick(each, due))  # type: ignore[misc]

    def _tick(self, supervisor: ServiceSupervisor, now_second: int) -> None:
        before = supervisor.state.scaler
        decision = supervisor.tick(now_second)
        if decision is not None and before is not None and decision.target != before.target:
            self.log(
                f"service {supervisor.state.desired.name}: {before.target} -> {decision.target} replicas at "
                f"{decision.rate:.2f} requests/s ({decision.reason})"
            )

    def _follow(self, name: str) -> None:
        desired = read_desired(self.controller_id, name)
        if desired is None:
            return
        known = self.supervisors.get(name)
        if known is not None and known.state.desired.uid == desired.uid:
            known.want(desired)
        else:
            self.supervisors[name] = self._adopt(desired)
        self.quarantined.pop(name, None)

    def _adopt(self, desired: Desired) -> ServiceSupervisor:
        return ServiceSupervisor(desired, self.tools)
