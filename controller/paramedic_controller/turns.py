"""Whose call is next, when more are due than may be made: services take turns, however much one of them wants."""

from collections.abc import Mapping, Sequence
from itertools import islice, zip_longest

from paramedic_controller.token_bucket import TokenBucket


class Lane[Item]:
    """Calls of one kind: at most `at_once` of them under way, begun no faster than `rate` allows (None: any speed).

    Who waits keeps no place here: every call of `next` is told anew, and only remembers who was served last.
    """

    def __init__(self, at_once: int, rate: TokenBucket | None = None) -> None:
        self._at_once = at_once
        self._rate = rate
        self._served: dict[str, int] = {}
        self._count = 0

    def next(self, waiting: Mapping[str, Sequence[Item]], under_way: int, now: float) -> list[tuple[str, Item]]:
        """Which of `waiting`, by service and in each service's order, begin at `now` (monotonic seconds)."""
        places = min(self._at_once - under_way, sum(map(len, waiting.values())))
        if places <= 0:
            return []
        if self._rate is not None:
            places = self._rate.take(places, now)
        self._served = {name: turn for name, turn in self._served.items() if name in waiting}
        order = sorted(waiting, key=lambda name: self._served.get(name, 0))
        rounds = zip_longest(*([(name, item) for item in waiting[name]] for name in order))
        chosen = list(islice((turn for each in rounds for turn in each if turn is not None), places))
        for name, _ in chosen:
            self._count += 1
            self._served[name] = self._count
        return chosen
