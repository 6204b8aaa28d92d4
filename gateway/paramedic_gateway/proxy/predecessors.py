"""Envoys that were started with other settings, or told to leave: each finishes what it has while its successor serves.

Two Envoys share the same ports: the kernel gives each new connection to one of those that listen.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from paramedic.clock import Clock
from paramedic_gateway.log import Log
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin
from paramedic_gateway.proxy.process import END_SECONDS, EnvoyIdentity, EnvoyProcess, is_alive
from paramedic_gateway.proxy.sockets import AdminSockets

LOOK_SECONDS = 0.2

SETTLE_SECONDS = 1.0
"""By then a connection that was taken in the last moment has sent its request."""


@dataclass
class _Predecessor:
    identity: EnvoyIdentity
    admin: EnvoyAdmin
    left_at: float | None = None
    """Since when it is to leave; `told_at` is when it took note of that."""
    told_at: float | None = None


@dataclass
class Predecessors:
    """`process_of` ends an Envoy, `wanted` has the names of the listeners there are to be, and `drain_seconds` is how
    long requests are waited for once their Envoy was told to leave.
    """

    sockets: AdminSockets
    process_of: Callable[[EnvoyIdentity], EnvoyProcess]
    wanted: Callable[[], frozenset[str]]
    drain_seconds: float
    clock: Clock
    out: Log
    _all: list[_Predecessor] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __bool__(self) -> bool:
        return bool(self._all)

    @property
    def admins(self) -> list[EnvoyAdmin]:
        """Those of all that still run."""
        return [each.admin for each in self._all]

    @property
    def by_identity(self) -> Mapping[EnvoyIdentity, EnvoyAdmin]:
        """Those of all that still run, and who they are."""
        return {each.identity: each.admin for each in self._all}

    def add(self, identity: EnvoyIdentity) -> None:
        """Make way for the successor of `identity`, which serves on until that one does."""
        admin = self.sockets.move_aside(identity)
        if admin is None:
            # It cannot be asked what it has under way, and may take the successor's socket.
            self.out.warning(f"Envoy process {identity.pid} does not answer: its requests are not waited for")
            self.process_of(identity).end(END_SECONDS)
            return
        with suppress(AdminUnreachableError):
            # From here on its log is its successor's as well: a rotation that was begun must be over.
            admin.reopen_logs()
        self.out.info(f"Envoy process {identity.pid} finishes its requests while its successor serves")
        self._all.append(_Predecessor(identity, admin))

    def run(self, successor: EnvoyAdmin) -> None:
        """See all of them to their end, until `stop`."""
        while self._all and not self._stopping.wait(LOOK_SECONDS):
            self.look(successor)

    def look(self, successor: EnvoyAdmin) -> None:
        """Tell those to leave that are no longer needed, and end those that have nothing left to do."""
        for each in list(self._all):
            if not is_alive(each.identity):
                self._forget(each)
                continue
            if each.told_at is None and (each.left_at is not None or self._is_replaced(each, successor)):
                self._leave(each)
            if self._has_finished(each):
                self._end(each)

    def leave(self) -> None:
        """Tell all of them to leave, whether or not somebody else serves."""
        for each in list(self._all):
            self._leave(each)

    def active_requests(self) -> int:
        """Requests that any of them is known to have under way."""
        return sum(_active(admin) or 0 for admin in self.admins)

    def stop(self) -> None:
        """Watch them no longer; they run on, and the next agent sees to them."""
        self._stopping.set()

    def end(self) -> None:
        """End all of them now."""
        for each in list(self._all):
            self._end(each)

    def _is_replaced(self, each: _Predecessor, successor: EnvoyAdmin) -> bool:
        """Whether the successor listens wherever this one does by rights: it may have refused what this one has."""
        try:
            if not successor.serves():
                return False
            listens_at = successor.listeners()
        except AdminUnreachableError:
            return False
        try:
            return each.admin.listeners() & self.wanted() <= listens_at
        except AdminUnreachableError:
            # It may hold connections that it will never answer: it has from now until the limit.
            return True

    def _leave(self, each: _Predecessor) -> None:
        if each.left_at is None:
            each.left_at = self.clock.monotonic()
        try:
            each.admin.leave()
        except AdminUnreachableError as error:
            self.out.warning(f"Envoy process {each.identity.pid} cannot be told to leave, trying again: {error}")
        else:
            each.told_at = self.clock.monotonic()

    def _has_finished(self, each: _Predecessor) -> bool:
        now = self.clock.monotonic()
        if each.left_at is not None and now - each.left_at >= self.drain_seconds:
            return True
        return each.told_at is not None and now - each.told_at >= SETTLE_SECONDS and _active(each.admin) == 0

    def _end(self, each: _Predecessor) -> None:
        active = _active(each.admin)
        left = "an unknown number of" if active is None else active
        self.out.info(f"Envoy process {each.identity.pid} ends with {left} requests under way")
        self.process_of(each.identity).end(END_SECONDS)
        self._forget(each)

    def _forget(self, each: _Predecessor) -> None:
        # At the agent's end two threads may come to this.
        with suppress(ValueError):
            self._all.remove(each)
        self.sockets.forget(each.identity)


def _active(admin: EnvoyAdmin) -> int | None:
    try:
        return admin.active_requests()
    except AdminUnreachableError:
        return None
