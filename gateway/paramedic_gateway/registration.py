"""Has this replica checked: it registers once, says which of its services can be tried, and says so when it leaves."""

import threading
from collections.abc import Callable, Iterable

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.gateways.replica import HEALTH_PATH
from paramedic.state.gateway_registry import Registered, RunningReplica, note_departure, note_route, register_replica
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.target_registry import TargetMissingError
from paramedic.state.targets import RouteToTry
from paramedic_gateway.log import Log
from paramedic_gateway.routes.model import ServiceRoutes
from paramedic_gateway.settings import Settings

LOOK_SECONDS = 2.0
"""A look costs nothing while what is served stays as it is."""

NO_ADDRESS = "nobody said where it is reached, so it is not checked: set PARAMEDIC_GATEWAY_ADDRESS"


class NotReachedError(ParamedicError):
    """Health checks would not know where to look."""


def chosen_route(current: RouteToTry | None, services: Iterable[ServiceRoutes], domain: str) -> RouteToTry | None:
    """What is to be tried: `current` for as long as it can be, or else the first by name; None where nothing can."""
    possible = [
        RouteToTry(service=each.service, host=f"{each.service}.{domain}") for each in services if each.has_ready_replica
    ]
    return current if current in possible else min(possible, key=lambda route: route.service, default=None)


class Registration:
    """Its target and its row. `look` and `leave` may be called by different threads."""

    def __init__(
        self,
        settings: Settings,
        services: Callable[[], Iterable[ServiceRoutes] | None],
        clock: Clock,
        log: Log,
    ) -> None:
        """`services` are those served, None before DynamoDB was heard of."""
        self._settings = settings
        self._services = services
        self._clock = clock
        self._log = log
        self._lock = threading.Lock()
        self._registered: Registered | None = None
        self._over = False
        self.problem: str | None = None

    @property
    def target(self) -> str | None:
        """What it is checked as."""
        registered = self._registered
        return None if registered is None else registered.key.target_id

    def look(self) -> None:
        """Register, if that is not done, and keep what is tried in line with what is served."""
        with self._lock:
            if not self._over:
                self._try(self._keep_registered)

    def leave(self) -> None:
        """Say that the replica ends on purpose, so that nobody is told of it; once said, it is not said again."""
        with self._lock:
            self._over = True
            if self._registered is not None:
                self._try(self._depart)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except TargetMissingError as error:
            self._over = True
            self._log.info(str(error))
        except ParamedicError as error:
            self._say(f"health checks are not told what they should know of this replica: {error}")
        else:
            self._say(None)

    def _keep_registered(self) -> None:
        running = self._running()
        if running is None:
            raise NotReachedError(NO_ADDRESS)
        if self._registered is None:
            self._registered = register_replica(running, self._clock)
            self._log.info(f"checked as {self._registered.key.target_id}")
        self._keep_route(self._registered)

    def _keep_route(self, registered: Registered) -> None:
        served = self._services()
        if served is None:
            return
        services = {each.service: each for each in served}
        current, settings = registered.route, self._settings
        chosen = chosen_route(current, services.values(), settings.domain)
        if chosen == current:
            return
        # What it was told of and does not serve is lost, not gone.
        unknown = current is not None and current.service not in services
        if unknown and current is not None and LoadBalancer.read(settings.gateway, current.service) is not None:
            return
        note_route(registered.key, chosen, self._clock)
        self._registered = Registered(registered.key, chosen)

    def _depart(self) -> None:
        if self._registered is not None:
            note_departure(self._registered.key, self._clock)
            self._registered = None

    def _running(self) -> RunningReplica | None:
        settings, address = self._settings, self._settings.checked_address
        if address is None:
            return None
        where = f"[{address}]" if ":" in address else address
        return RunningReplica(
            gateway=settings.gateway,
            name=settings.replica,
            hostname=address,
            port=settings.port,
            number=settings.number,
            epoch=settings.epoch,
            probe_from=None if settings.probe_from is ProbeLocation.PUBLIC else settings.probe_from,
            health_url=f"http://{where}:{settings.port}{HEALTH_PATH}",
        )

    def _say(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            self._log.warning(problem)
        self.problem = problem
