"""Which admin socket is whose: while two Envoys overlap, the elder's has a place of its own."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from paramedic_gateway.layout import Layout
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin, listener_of
from paramedic_gateway.proxy.process import EnvoyIdentity


@dataclass(frozen=True)
class AdminSockets:
    """Goes by who listens, never by a file's name: every move may have been anybody's last."""

    layout: Layout

    def is_leaving(self, identity: EnvoyIdentity) -> bool:
        """Whether that Envoy says that it takes no more connections."""
        for path in (self.layout.admin_socket, self.layout.moved_admin_socket(identity.pid)):
            if listener_of(path) == identity.pid:
                with suppress(AdminUnreachableError):
                    return EnvoyAdmin(path).is_leaving()
        return False

    def move_aside(self, identity: EnvoyIdentity) -> EnvoyAdmin | None:
        """Free the usual place for a successor; where that Envoy answers from now on, None when it does not."""
        moved = self.layout.moved_admin_socket(identity.pid)
        if listener_of(self.layout.admin_socket) == identity.pid:
            with suppress(OSError):
                self.layout.admin_socket.rename(moved)
        return EnvoyAdmin(moved) if listener_of(moved) == identity.pid else None

    def move_back(self, identity: EnvoyIdentity) -> None:
        """Undo `move_aside`, where it was done."""
        moved = self.layout.moved_admin_socket(identity.pid)
        if listener_of(moved) == identity.pid:
            with suppress(OSError):
                moved.rename(self.layout.admin_socket)

    def sweep(self, running: Iterable[EnvoyIdentity]) -> None:
        """Remove what Envoys left behind that nobody saw to their end."""
        kept = {self.layout.moved_admin_socket(each.pid) for each in running}
        for path in self.layout.moved_admin_sockets():
            if path not in kept:
                with suppress(OSError):
                    path.unlink()

    def forget(self, identity: EnvoyIdentity) -> None:
        """Remove what an Envoy that has ended left behind."""
        with suppress(OSError):
            self.layout.moved_admin_socket(identity.pid).unlink()
