"""Follows DynamoDB: one item per look, and the rows of those services only whose revision moved."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from paramedic.clock import Clock
from paramedic.state.load_balancers import INDEX, LoadBalancer, LoadBalancerIndex
from paramedic.state.tables import InvalidRowError
from paramedic_gateway.routes.model import ServiceRoutes
from paramedic_gateway.routes.rows import from_row
from paramedic_gateway.routes.store import RouteStore

REFUSED_RETRY_SECONDS = 10.0

REREAD_SECONDS = 5.0
"""How often one service is read whatever its revision: a service that was made anew may have the old one's."""


class Rows(Protocol):
    """Where rows come from. Reads are strongly consistent; each raises StateUnreachableError."""

    def revisions(self, gateway: str) -> Mapping[str, int] | None:
        """Service → revision; None while the gateway has no index, which says nothing about its services."""

    def row(self, gateway: str, service: str) -> LoadBalancer | None:
        """One service's row; None when there is none. Raises InvalidRowError."""


class StoredRows:
    """DynamoDB's."""

    def revisions(self, gateway: str) -> Mapping[str, int] | None:
        """Service → revision."""
        index = LoadBalancerIndex.read(gateway, INDEX)
        if index is None:
            return None
        return index.by_service

    def row(self, gateway: str, service: str) -> LoadBalancer | None:
        """One service's row."""
        return LoadBalancer.read(gateway, service)


@dataclass(frozen=True)
class _Refused:
    revision: int | None
    older: bool
    problem: str
    retry_at: float


@dataclass
class RouteFollower:
    """What is to be served, as last seen and kept on disk.

    A row that cannot be understood, or that is older than what was applied, changes nothing for its service and
    nothing for the others. `unread` are services of which something was kept that cannot be understood, and why:
    until DynamoDB has a good row of them, or none at all, nobody knows what they are.
    """

    gateway: str
    rows: Rows
    store: RouteStore
    clock: Clock
    warn: Callable[[str], None]
    services: dict[str, ServiceRoutes] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    _refused: dict[str, _Refused] = field(default_factory=dict)
    _reread_at: float = 0.0
    _rereads: Iterator[str] = field(default_factory=lambda: iter(()))

    def restore(self) -> None:
        """Take up what an earlier agent kept.

        Raises:
            HostFileError: the folder cannot be made.
        """
        self.services, self.unread = self.store.load()

    @property
    def problems(self) -> list[str]:
        """Rows that could not be taken over, in the words people should read."""
        return [each.problem for each in self._refused.values()]

    @property
    def ahead(self) -> dict[str, int]:
        """The revisions in place, by service uid, where the row has a lower one: whoever writes it goes on above."""
        older = [name for name, refused in list(self._refused.items()) if refused.older]
        return {known.uid: known.revision for name in older if (known := self.services.get(name)) is not None}

    def look(self) -> None:
        """Take over what changed.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
            HostFileError: a change cannot be kept on disk, so it is not taken over; the next look tries again.
        """
        revisions = self.rows.revisions(self.gateway)
        if revisions is None:
            return
        for service in self._to_read(revisions):
            self._take_over(service, revisions.get(service))

    def _to_read(self, revisions: Mapping[str, int]) -> list[str]:
        now = self.clock.monotonic()
        changed = [name for name, revision in revisions.items() if self._is_news(name, revision, now)]
        # Whoever is no longer listed is believed gone only once its row is gone too.
        missing = [name for name in (*self.services, *self.unread) if name not in revisions]
        due = [] if now < self._reread_at else [self._next_reread(revisions)]
        if due:
            self._reread_at = now + REREAD_SECONDS
        return list(dict.fromkeys([*changed, *missing, *(name for name in due if name is not None)]))

    def _is_news(self, service: str, revision: int, now: float) -> bool:
        refused = self._refused.get(service)
        if refused is not None:
            return refused.revision != revision or now >= refused.retry_at
        known = self.services.get(service)
        return known is None or known.revision != revision

    def _next_reread(self, revisions: Mapping[str, int]) -> str | None:
        service = next(self._rereads, None)
        if service is None:
            self._rereads = iter(sorted(revisions))
            service = next(self._rereads, None)
        return service

    def _take_over(self, service: str, revision: int | None) -> None:
        try:
            row = self.rows.row(self.gateway, service)
            routes = None if row is None else from_row(row)
        except InvalidRowError as error:
            self._keep_last_good(service, revision, str(error), older=False)
            return
        if routes is None:
            self._refused.pop(service, None)
            if revision is None:
                self._forget(service)
            return
        known = self.services.get(service)
        if known is not None and known.uid == routes.uid and routes.revision < known.revision:
            self._keep_last_good(service, revision, f"its revision {routes.revision} is older", older=True)
            return
        self._refused.pop(service, None)
        if routes != known:
            self.store.keep(routes)
            self.services[service] = routes
            self.unread.pop(service, None)

    def _keep_last_good(self, service: str, revision: int | None, error: str, *, older: bool) -> None:
        known = self.services.get(service)
        kept = f"revision {known.revision} stays in place" if known is not None else "it is not served"
        if service in self.unread:
            kept = "nothing of it changes"
        problem = f"the row of service {service} cannot be applied, {kept}: {error}"
        before = self._refused.get(service)
        if before is None or before.problem != problem:
            self.warn(problem)
        retry_at = self.clock.monotonic() + REFUSED_RETRY_SECONDS
        self._refused[service] = _Refused(revision, older, problem, retry_at)

    def _forget(self, service: str) -> None:
        # On disk first: whoever is still known is looked at again.
        self.store.forget(service)
        self.services.pop(service, None)
        self.unread.pop(service, None)
