"""Envoys that were started with other settings, or told to leave: each finishes what it has while its successor serves.

Two Envoys share the same ports: the kernel gives each new connection to one of those that listen.
"""

import threading
from collections.abc import Callable
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


@dataclass
class Predecessors:
    """`process_of` ends an Envoy, `drain_seconds` is how long its requests are waited for once it was told to leave."""

    sockets: AdminSockets
    process_of: Callable[[EnvoyIdentity], EnvoyProcess]
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
            elif each.left_at is None:
                if _serves(successor):
                    self._leave(each)
            elif self._has_finished(each, each.left_at):
                self._end(each)

    def leave(self) -> None:
        """Tell all of them to leave, whether or not somebody else serves."""
        for each in list(self._all):
            self._leave(each)

    def active_requests(self) -> int:
        """Requests that any of them has under way."""
        return sum(_active(admin) for admin in self.admins)

    def stop(self) -> None:
        """Watch them no longer; they run on, and the next agent sees to them."""
        self._stopping.set()

    def end(self) -> None:
        """End all of them now."""
        for each in list(self._all):
            self._end(each)

    def _leave(self, each: _Predecessor) -> None:
        each.left_at = self.clock.monotonic()
        with suppress(AdminUnreachableError):
            each.admin.leave()

    def _has_finished(self, each: _Predecessor, left_at: float) -> bool:
        since = self.clock.monotonic() - left_at
        return since >= self.drain_seconds or (since >= SETTLE_SECONDS and _active(each.admin) == 0)

    def _end(self, each: _Predecessor) -> None:
        self.out.info(f"Envoy process {each.identity.pid} ends with {_active(each.admin)} requests under way")
        self.process_of(each.identity).end(END_SECONDS)
        self._forget(each)

    def _forget(self, each: _Predecessor) -> None:
        self._all.remove(each)
        self.sockets.forget(each.identity)


def _serves(admin: EnvoyAdmin) -> bool:
    try:
        return admin.serves()
    except AdminUnreachableError:
        return False


def _active(admin: EnvoyAdmin) -> int:
    try:
        return admin.active_requests()
    except AdminUnreachableError:
        return 0
