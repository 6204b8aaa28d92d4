"""How soon an Envoy that ended has its successor."""

STABLE_SECONDS = 10.0
"""An Envoy that lived this long did not end because it cannot run."""

IMMEDIATE_RESTARTS = 2
"""What is killed twice in quick succession can run all the same; what cannot ends every time."""

LONGEST_WAIT_SECONDS = 10.0


class Restarts:
    """The first restarts are immediate; only an Envoy that ends again and again is waited with, longer each time."""

    def __init__(self) -> None:
        self._quick_ends = 0

    def wait_after(self, lived: float) -> float:
        """Seconds to wait before the successor of an Envoy that lived so many starts; 0 for one that did not start."""
        self._quick_ends = 0 if lived >= STABLE_SECONDS else self._quick_ends + 1
        if self._quick_ends <= IMMEDIATE_RESTARTS:
            return 0.0
        doublings = min(self._quick_ends - IMMEDIATE_RESTARTS - 1, 10)
        return min(LONGEST_WAIT_SECONDS, 2.0**doublings)
