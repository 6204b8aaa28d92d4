"""What is served: one pass reads what changed and renders it. Whatever fails, Envoy keeps what it has."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from paramedic.clock import Clock
from paramedic.launchers.process.files import HostFileError
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic_gateway.log import Log
from paramedic_gateway.render.apply import Applier
from paramedic_gateway.render.files import RenderFailedError
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.routes.follow import RouteFollower


@dataclass
class Serving:
    """`certificate` names the pair to serve, `certificate_in_use` the one last rendered; None while there is none."""

    follower: RouteFollower
    applier: Applier
    frame: Frame
    certificate: Callable[[], str | None]
    clock: Clock
    log: Log
    seen_at: float | None = None
    passed_at: float | None = None
    certificate_in_use: str | None = None
    _troubles: dict[str, str] = field(default_factory=dict)

    def restore(self) -> None:
        """Serve what is on disk, before DynamoDB is asked anything.

        Raises:
            HostFileError: the directory cannot be used.
        """
        self.follower.restore()
        self._render()

    def run_pass(self) -> None:
        """Take over and serve what changed."""
        try:
            self.follower.look()
        except StateUnreachableError as error:
            self._trouble("dynamodb", f"DynamoDB does not answer, serving what is on disk: {error}")
        except InvalidRowError as error:
            self._trouble("dynamodb", f"the gateway's index cannot be understood, serving what is on disk: {error}")
        except HostFileError as error:
            self._trouble("dynamodb", f"what changed cannot be kept, serving what was: {error}")
        else:
            self.seen_at = self.clock.monotonic()
            self._well("dynamodb", "DynamoDB answers, and what it says is taken over")
        self._render()
        self.passed_at = self.clock.monotonic()

    @property
    def problems(self) -> list[str]:
        """Everything that is not as it should be, in the words people should read."""
        applier = self.applier
        return [*self._troubles.values(), *self.follower.problems, *applier.problems, *applier.refused]

    def _render(self) -> None:
        frame = replace(self.frame, certificate=self.certificate())
        try:
            self.applier.apply(self.follower.services, self.follower.unread, frame)
            self.applier.confirm()
        except RenderFailedError as error:
            self._trouble("render", str(error))
        else:
            self.certificate_in_use = frame.certificate
            self._well("render", "the configuration is in place")

    def _trouble(self, kind: str, text: str) -> None:
        if kind not in self._troubles:
            self.log.warning(text)
        self._troubles[kind] = text

    def _well(self, kind: str, text: str) -> None:
        if self._troubles.pop(kind, None) is not None:
            self.log.info(text)
