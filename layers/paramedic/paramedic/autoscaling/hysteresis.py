"""How long more or fewer replicas must be wanted before they come or go.

A count is the ticks that wanted its direction less those that did not, never below zero. One stray sample so takes back
one tick of what was counted, not all of it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wish:
    """What one tick asks for: `wanted` replicas where the target is `target`, from figures that are `complete` or not.

    Figures that are not complete are a lower bound: they can tell that more is wanted, and nothing else.
    """

    target: int
    wanted: int
    complete: bool

    @property
    def is_more(self) -> bool:
        """Whether more replicas are wanted."""
        return self.wanted > self.target

    @property
    def is_fewer(self) -> bool:
        """Whether fewer replicas are known to be enough."""
        return self.complete and self.wanted < self.target

    @property
    def is_none(self) -> bool:
        """Whether no replica is known to be needed any more."""
        return self.is_fewer and self.wanted == 0


@dataclass(frozen=True)
class Progress:
    """Ticks counted for more replicas, for fewer, and for none at all."""

    up: int = 0
    down: int = 0
    idle: int = 0

    def after(self, wish: Wish) -> "Progress":
        """One tick later. Figures that are missing take nothing back of what was counted for more."""
        decided = wish.is_more or wish.complete
        return Progress(
            up=_counted(self.up, wish.is_more) if decided else self.up,
            down=_counted(self.down, wish.is_fewer),
            idle=_counted(self.idle, wish.is_none),
        )

    def after_a_gap(self) -> "Progress":
        """After ticks that were not made: nobody knows how few replicas would have been enough."""
        return Progress(up=self.up)

    def after_step(self, before: int, target: int) -> "Progress":
        """Once the target went from `before` to `target`: what was counted is used up, but for whoever is left."""
        if target == before:
            return self
        return Progress(idle=self.idle if 0 < target < before else 0)


@dataclass(frozen=True)
class Patience:
    """Ticks that must be counted before more replicas come, and before some go."""

    up: int
    down: int

    def target(self, wish: Wish, progress: Progress, *, waiting: bool) -> int:
        """What the target becomes; `waiting`: there is no replica, so that whoever wants one waits already.

        The last replica goes only when ticks without any request were counted for as long.
        """
        if wish.is_more and (waiting or progress.up >= self.up):
            return wish.wanted
        if wish.is_none and progress.idle >= self.down:
            return 0
        if wish.is_fewer and progress.down >= self.down:
            return max(wish.wanted, 1)
        return wish.target


def _counted(count: int, favoured: bool) -> int:
    return count + 1 if favoured else max(0, count - 1)
