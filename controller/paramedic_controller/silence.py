"""Going on with other work when DynamoDB does not answer for some of it, without forgetting that it did not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paramedic.state.tables import StateUnreachableError


@dataclass
class Silence:
    """Counts what got no answer; what was tolerated must be raised in the end, so that nobody vouches for it."""

    count: int = 0
    _first: StateUnreachableError | None = None

    @contextmanager
    def tolerated(self) -> Iterator[None]:
        """Take note of an unreachable DynamoDB instead of raising; any other error goes through."""
        try:
            yield
        except StateUnreachableError as error:
            self.count += 1
            self._first = self._first or error

    def end(self) -> None:
        """Give back what was tolerated.

        Raises:
            StateUnreachableError: the first one there was.
        """
        if self._first is not None:
            raise self._first
