"""Brings what is served in line with the services: renders what changed, and sees that Envoy takes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from paramedic.clock import Clock
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin
from paramedic_gateway.render.clusters import endpoints_file
from paramedic_gateway.render.files import RenderedFiles
from paramedic_gateway.render.frame import Frame, Resource, discovery, version_of
from paramedic_gateway.render.listeners import ROUTES_POLL_SECONDS
from paramedic_gateway.render.services import ServiceRenderer
from paramedic_gateway.render.tree import CLUSTERS_FILE, tree
from paramedic_gateway.routes.model import ServiceRoutes

LINGER_SECONDS = 5.0
"""A cluster outlives the routes to it, for Envoy takes files over one after the other."""

CLUSTERS_SECONDS = 2.0
"""How long to wait for new clusters before routes may lead to them."""

TAKEN_OVER_SECONDS = 6 * ROUTES_POLL_SECONDS
"""How long Envoy may take to take over a change."""

FIRST_OFFER_SECONDS = 5
LONGEST_OFFER_SECONDS = 120
"""A refused file is offered again after the first, and twice as long each time up to the longest: Envoy writes all of
it to its log with each refusal. What stands in the way goes within seconds (a port that is being freed) or by a person.
"""

POLL_SECONDS = 0.01


def version_statistic(name: str) -> str | None:
    """Where Envoy tells which version of the rendered file `name` it has; None where it does not."""
    kind, _, resource = name.removesuffix(".json").rpartition("/")
    match kind, resource:
        case "", "lds":
            return "listener_manager.lds.version_text"
        case "", "cds":
            return "cluster_manager.cds.version_text"
        case "eds", cluster:
            return f"cluster.{cluster}.version_text"
        case "rds", routes:
            return f"http.{routes}.rds.{routes}.version_text"
        case _:
            return None


@dataclass(frozen=True)
class _Retired:
    cluster: Resource
    until: float


@dataclass(frozen=True)
class _Awaited:
    """A file that Envoy has not taken over yet; it is offered again at `until`, and `wait` seconds after that."""

    version: str
    until: float
    wait: float = FIRST_OFFER_SECONDS
    refused: bool = False

    def offered(self, now: float) -> "_Awaited":
        return replace(self, until=now + self.wait, wait=min(2 * self.wait, LONGEST_OFFER_SECONDS), refused=True)


class Applier:
    """Keeps the rendered files those of the services last given. Not safe for several threads."""

    def __init__(self, files: RenderedFiles, admin: EnvoyAdmin, clock: Clock, warn: Callable[[str], None]) -> None:
        self._files = files
        self._admin = admin
        self._clock = clock
        self._warn = warn
        self._renderer = ServiceRenderer(files.texts)
        self._clusters: dict[str, Resource] = {}
        self._retired: dict[str, _Retired] = {}
        self._awaited: dict[str, _Awaited] = {}
        self._applied: tuple[Mapping[str, ServiceRoutes], Mapping[str, str], Frame] | None = None
        self.problems: tuple[str, ...] = ()
        self.refused: tuple[str, ...] = ()

    def apply(self, services: Mapping[str, ServiceRoutes], unread: Mapping[str, str], frame: Frame) -> None:
        """Serve `services`, and the `unread` ones, each with the reason, as they are served already; with nothing new
        to do it does nothing.

        Raises:
            RenderFailedError: the disk does not take the files; Envoy keeps what it has, and the next call tries again.
        """
        now = self._clock.monotonic()
        if self._applied == (services, unread, frame) and not any(each.until <= now for each in self._retired.values()):
            return
        wanted = tree(self._renderer.parts(services, unread, frame), frame)
        clusters = {str(each["name"]): each for each in wanted.clusters}
        self._retire(clusters, now)
        files = {**wanted.files, CLUSTERS_FILE: discovery([*clusters.values(), *self._lingering()])}
        changed = self._files.changed(files)
        self._files.stage(files, changed)
        for name in changed:
            self._files.put_in_place(files, name)
            if name == CLUSTERS_FILE:
                self._await_clusters(version_of(files[name]))
        self._files.remove_all_but({**files, **{endpoints_file(name): "" for name in self._retired}})
        self._expect(files, changed)
        self._applied = (dict(services), dict(unread), frame)
        self._say((*self._renderer.problems, *wanted.problems))

    @property
    def names(self) -> Mapping[str, str]:
        """Who is served, by uid; another thread may ask."""
        return self._renderer.names

    def confirm(self) -> None:
        """See whether Envoy took over what was last put in place; what it refuses is said, and offered again."""
        if not self._awaited:
            return
        try:
            versions = self._admin.versions()
        except AdminUnreachableError:
            # It reads all files when it starts.
            return
        now = self._clock.monotonic()
        self._awaited = {
            name: each
            for name, each in self._awaited.items()
            if versions.get(version_statistic(name) or "") != each.version
        }
        overdue = [name for name, each in self._awaited.items() if each.until <= now]
        self._awaited |= {name: self._awaited[name].offered(now) for name in overdue}
        self._say_refused()
        for name in overdue:
            # Whatever stood in the way may be gone: the same text again is a new look.
            self._files.touch(name)

    def _say_refused(self) -> None:
        names = [name for name, each in self._awaited.items() if each.refused]
        refused = tuple(f"Envoy refuses {name} and keeps what it had in its place" for name in names)
        for text in refused:
            if text not in self.refused:
                self._warn(f"{text}; its log says why")
        self.refused = refused

    def _retire(self, clusters: Mapping[str, Resource], now: float) -> None:
        for name, cluster in self._clusters.items():
            if name not in clusters:
                self._retired.setdefault(name, _Retired(cluster, now + LINGER_SECONDS))
        for name in [name for name, each in self._retired.items() if each.until <= now or name in clusters]:
            del self._retired[name]
        self._clusters = {**clusters, **{name: each.cluster for name, each in self._retired.items()}}

    def _lingering(self) -> list[Resource]:
        return [each.cluster for each in self._retired.values()]

    def _await_clusters(self, version: str) -> None:
        deadline = self._clock.monotonic() + CLUSTERS_SECONDS
        while self._clock.monotonic() < deadline:
            try:
                if self._admin.versions().get(version_statistic(CLUSTERS_FILE) or "") == version:
                    return
            except AdminUnreachableError:
                return
            self._clock.sleep(POLL_SECONDS)

    def _expect(self, files: Mapping[str, str], changed: Sequence[str]) -> None:
        self._awaited = {name: each for name, each in self._awaited.items() if name in files}
        for name in changed:
            if version_statistic(name) is not None:
                until = self._clock.monotonic() + TAKEN_OVER_SECONDS
                self._awaited[name] = _Awaited(version_of(files[name]), until)

    def _say(self, problems: tuple[str, ...]) -> None:
        for problem in problems:
            if problem not in self.problems:
                self._warn(problem)
        self.problems = problems
