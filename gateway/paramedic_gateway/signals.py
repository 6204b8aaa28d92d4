"""The signals that end an agent, heeded before it has anything to end: one that comes early is not lost."""

import signal
import threading


class EndSignals:
    """Heeds SIGTERM, SIGINT and SIGHUP from the moment this is made, in the main thread.

    `woken` is set once there is a reason to end; others may set it too. `stays` says whether Envoy is to stay.
    """

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.stays = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._heed)

    def _heed(self, number: int, _: object) -> None:
        self.stays = number == signal.SIGHUP
        self.woken.set()
