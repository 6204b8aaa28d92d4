"""Keeps an Envoy running: the one that is there, or a new one on the same ports and files."""

import threading
from collections.abc import Callable

from paramedic.launchers.interface import LauncherError
from paramedic_gateway.proxy.predecessors import Predecessors
from paramedic_gateway.proxy.process import EnvoyIdentity, EnvoyProcess
from paramedic_gateway.proxy.restarts import Restarts
from paramedic_gateway.proxy.sockets import AdminSockets

LOOK_SECONDS = 0.5
"""How soon a request to stop is heeded; an end of Envoy is seen at once."""


class Supervisor:
    """Starts, adopts and restarts one replica's Envoy."""

    def __init__(
        self,
        envoy: EnvoyProcess,
        sockets: AdminSockets,
        predecessors: Predecessors,
        *,
        before_start: Callable[[], None],
        since_boot: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        self._envoy = envoy
        self._sockets = sockets
        self._predecessors = predecessors
        self._before_start = before_start
        self._since_boot = since_boot
        self._warn = warn
        self._stopping = threading.Event()
        self._restarts = Restarts()
        self.starts = 0

    def ensure_running(self) -> None:
        """Adopt a running Envoy, or start one. Any other that runs takes its leave once this one serves.

        Raises:
            LauncherError: it cannot be started.
        """
        running = self._envoy.running()
        self._sockets.sweep(running)
        heir = next((each for each in running if self._is_heir(each)), None)
        for each in running:
            if each != heir:
                self._predecessors.add(each)
        if heir is not None:
            self._sockets.move_back(heir)
            self._envoy.adopt(heir)
        elif self._predecessors and self._envoy.recorded() is not None:
            # The last one started lives, so nothing that it has under way is lost.
            self._start_process()
        else:
            self._start()

    def run(self) -> None:
        """Restart it whenever it ends, until `stop`."""
        while not self._stopping.is_set():
            while not self._envoy.wait_end(LOOK_SECONDS):
                if self._stopping.is_set():
                    return
                self._envoy.record()
            self._envoy.bury()
            if not self._stopping.is_set():
                self._restart()

    def stop(self) -> None:
        """Watch no longer; Envoy runs on."""
        self._stopping.set()

    def _is_heir(self, identity: EnvoyIdentity) -> bool:
        return self._envoy.has_these_settings(identity) and not self._sockets.is_leaving(identity)

    def _restart(self) -> None:
        ended = self._envoy.identity
        lived = 0.0 if ended is None else ended.age(self._since_boot())
        wait = self._restarts.wait_after(lived)
        self._warn(f"Envoy has ended after {lived:.1f} s; its successor starts in {wait:g} s on the same ports")
        if not self._stopping.wait(wait):
            try:
                self._start()
            except LauncherError as error:
                self._warn(f"Envoy cannot be started, trying again: {error}")

    def _start(self) -> None:
        self._before_start()
        self._start_process()

    def _start_process(self) -> None:
        self._envoy.start()
        self.starts += 1
