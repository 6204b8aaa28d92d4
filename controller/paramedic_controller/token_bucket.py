"""A rate limit: so many at once, and so many per second in the long run."""


class TokenBucket:
    """Within any `t` seconds it hands out at most `burst + per_second * t` tokens; it starts full.

    Times are seconds on a clock that never goes back, the same for every call.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at: float | None = None

    def take(self, wanted: int, now: float) -> int:
        """Take as many of `wanted` tokens as there are."""
        passed = 0.0 if self._at is None else now - self._at
        self._at = now
        self._tokens = min(self._burst, self._tokens + passed * self._per_second)
        taken = min(wanted, int(self._tokens))
        self._tokens -= taken
        return taken
