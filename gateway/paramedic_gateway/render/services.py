"""Each service's part of the configuration; trouble with one stays with that one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paramedic.errors import ParamedicError
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.render.tree import ServiceParts, service_parts
from paramedic_gateway.routes.model import ServiceRoutes


@dataclass(frozen=True)
class _Rendered:
    routes: ServiceRoutes
    frame: Frame
    parts: ServiceParts


class ServiceRenderer:
    """Renders what changed since the last time. `problems` says who could not be rendered then."""

    def __init__(self) -> None:
        self._rendered: dict[str, _Rendered] = {}
        self.problems: tuple[str, ...] = ()

    def parts(self, services: Mapping[str, ServiceRoutes], frame: Frame) -> Sequence[ServiceParts]:
        """The services in order of name; one that cannot be rendered as it had been, or not at all."""
        for name in [name for name in self._rendered if name not in services]:
            del self._rendered[name]
        self.problems = tuple(
            problem for name in sorted(services) if (problem := self._render(services[name], frame)) is not None
        )
        return [self._rendered[name].parts for name in sorted(self._rendered)]

    def _render(self, routes: ServiceRoutes, frame: Frame) -> str | None:
        name = routes.service
        known = self._rendered.get(name)
        if known is not None and (known.routes, known.frame) == (routes, frame):
            return None
        try:
            self._rendered[name] = _Rendered(routes, frame, service_parts(routes, frame))
        except (ValueError, ParamedicError) as error:
            # Rows are checked when they are read; this is for what those checks do not know yet.
            kept = "it is not served" if known is None else "what it had stays in place"
            return f"service {name} cannot be rendered, {kept}: {error}"
        return None
