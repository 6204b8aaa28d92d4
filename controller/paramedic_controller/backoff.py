"""How long to wait before replacing replicas that keep failing."""

from dataclasses import dataclass

LONGEST_SECONDS = 60.0


@dataclass(frozen=True)
class Backoff:
    """The first failure is made good at once; each further one without a success doubles the wait, up to a minute."""

    failures: int = 0
    until: float = 0.0

    def after_failure(self, now: float) -> "Backoff":
        """One more replica failed at the monotonic time `now`."""
        wait = 0.0 if self.failures == 0 else min(LONGEST_SECONDS, 2.0 ** (self.failures - 1))
        return Backoff(self.failures + 1, max(self.until, now + wait))

    def allows(self, now: float) -> bool:
        """Whether a replica may be launched at the monotonic time `now`."""
        return now >= self.until
