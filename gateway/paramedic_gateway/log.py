"""What the agent needs of a logger."""

from typing import Protocol


class Log(Protocol):
    """Where lines for people go."""

    def info(self, msg: object) -> None:
        """Something worth knowing."""

    def warning(self, msg: object) -> None:
        """Something worth looking at."""

    def error(self, msg: object) -> None:
        """Something that ends the agent."""
