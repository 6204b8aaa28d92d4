"""Trouble between a launcher and what it talks to."""

from dataclasses import dataclass, field
from enum import StrEnum


class Trouble(StrEnum):
    """What keeps calls from being answered."""

    UNREACHABLE = "unreachable"
    DENIED = "denied"
    THROTTLED = "throttled"


@dataclass
class Line:
    """One way to a backend. `trouble` hits every call; of those `losing` the next is done and its reply lost."""

    trouble: Trouble | None = None
    losing: set[str] = field(default_factory=set)

    def loses(self, call: str) -> bool:
        """Whether the reply to this call is lost, once."""
        lost = call in self.losing
        self.losing.discard(call)
        return lost
