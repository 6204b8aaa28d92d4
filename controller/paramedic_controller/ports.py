"""Free ports of this host, and the controller's own listening socket."""

import socket
from collections.abc import Callable, Collection

from paramedic.clock import Clock
from paramedic_controller.exits import CannotStartError, Exit

BIND_PATIENCE_SECONDS = 3.0
"""A predecessor that was just killed, or a passing outgoing connection, gives the port back within this."""

BIND_RETRY_SECONDS = 0.2
REMEMBERED_PORTS = 1000


class FreePorts:
    """Ports nobody listens on at the moment of asking; none is handed out twice within the last thousand.

    Nor is one of the URLs `taken` names: what is stored is routed to, also while nobody listens there.
    """

    def __init__(self, host: str, taken: Callable[[], Collection[str]]) -> None:
        self._host = host
        self._taken = taken
        self._given: dict[int, None] = {}

    def next_url(self) -> str:
        """Where a new replica can listen."""
        taken = self._taken()
        while (port := self._probe()) in self._given or any(url.endswith(f":{port}") for url in taken):
            continue
        self._given[port] = None
        if len(self._given) > REMEMBERED_PORTS:
            del self._given[next(iter(self._given))]
        return f"http://{self._host}:{port}"

    def _probe(self) -> int:
        with socket.create_server((self._host, 0)) as listener:
            return int(listener.getsockname()[1])


def bind(host: str, port: int, clock: Clock) -> socket.socket:
    """Listen on exactly this port, or on any when `port` is 0.

    Raises:
        CannotStartError: the port stays taken.
    """
    deadline = clock.monotonic() + BIND_PATIENCE_SECONDS
    while True:
        try:
            return socket.create_server((host, port), backlog=128)
        except OSError as error:
            if clock.monotonic() >= deadline:
                raise CannotStartError(
                    Exit.PORT_TAKEN,
                    f"port {port} of {host} cannot be bound ({error.strerror}); the controller keeps its port for "
                    f"good: find its user with `ss -ltnp sport = :{port}` and end it",
                ) from error
        clock.sleep(BIND_RETRY_SECONDS)


def require_own_address(host: str) -> None:
    """Make sure that a port of `host` could be bound here.

    Raises:
        CannotStartError: it is another host's address.
    """
    try:
        socket.create_server((host, 0)).close()
    except OSError as error:
        raise CannotStartError(
            Exit.CANNOT_STAND_BY,
            f"the controller's address {host} cannot be bound on this host ({error.strerror}): its standby must run "
            "where it runs, as users keep its address for good",
        ) from error
