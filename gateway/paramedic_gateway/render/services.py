"""Each service's part of the configuration; trouble with one stays with that one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from paramedic.errors import ParamedicError
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.render.salvage import parts_in_place
from paramedic_gateway.render.tree import ServiceParts, service_parts
from paramedic_gateway.routes.model import ServiceRoutes

_UNKNOWN = "is not known until DynamoDB has a row of it that can be served"


@dataclass(frozen=True)
class _Rendered:
    routes: ServiceRoutes | None
    frame: Frame
    parts: ServiceParts


class ServiceRenderer:
    """Renders what changed since the last time. `problems` says who could not be rendered then, `names` whose uids are
    rendered; other threads may read them.

    `in_place` reads the files that are in place, by path: what an earlier agent left is all there may be of a service.
    """

    def __init__(self, in_place: Callable[[], Mapping[str, str]]) -> None:
        self._in_place = in_place
        self._rendered: dict[str, _Rendered] = {}
        self.problems: tuple[str, ...] = ()
        self.names: Mapping[str, str] = {}

    def parts(
        self, services: Mapping[str, ServiceRoutes], unread: Mapping[str, str], frame: Frame
    ) -> Sequence[ServiceParts]:
        """All services in order of name. Those that cannot be rendered, and the `unread` ones of which nothing but a
        reason is known, as they were; not at all where they were not.

        Raises:
            RenderFailedError: what is in place cannot be read.
        """
        for name in [name for name in self._rendered if name not in services and name not in unread]:
            del self._rendered[name]
        kept = [self._keep(name, _UNKNOWN, unread[name], frame) for name in sorted(unread)]
        failed = [self._render(services[name], frame) for name in sorted(services)]
        self.problems = (*kept, *(problem for problem in failed if problem is not None))
        parts = [self._rendered[name].parts for name in sorted(self._rendered)]
        self.names = {each.uid: each.service for each in parts}
        return parts

    def _render(self, routes: ServiceRoutes, frame: Frame) -> str | None:
        name = routes.service
        known = self._rendered.get(name)
        if known is not None and (known.routes, known.frame) == (routes, frame):
            return None
        try:
            self._rendered[name] = _Rendered(routes, frame, service_parts(routes, frame))
        except (ValueError, ParamedicError) as error:
            # Rows are checked when they are read; this is for what those checks do not know yet.
            return self._keep(name, "cannot be rendered", str(error), frame)
        return None

    def _keep(self, name: str, trouble: str, reason: str, frame: Frame) -> str:
        if name not in self._rendered and (parts := parts_in_place(name, self._in_place())) is not None:
            self._rendered[name] = _Rendered(None, frame, parts)
        kept = "what it had stays in place" if name in self._rendered else "it is not served"
        return f"service {name} {trouble}, {kept}: {reason}"
