"""Whose call is next, when more are due than may be made: services take turns, however much one of them wants."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest

from paramedic_controller.token_bucket import TokenBucket


class Lane[Item]:
    """Calls of one kind: at most `at_once` of them under way, begun no faster than `rate` allows (None: any speed).

    The last place is for a service that has none under way: calls of one service that hang hold up no other's.
    Who waits keeps no place here: every call of `next` is told anew, and only remembers who was served last.
    """

    def __init__(self, at_once: int, rate: TokenBucket | None = None) -> None:
        self._at_once = at_once
        self._rate = rate
        self._served: dict[str, int] = {}
        self._count = 0

    def next(
        self, waiting: Mapping[str, Sequence[Item]], under_way: Mapping[str, int], now: float
    ) -> list[tuple[str, Item]]:
        """Which of `waiting`, by service and in each service's order, begin at `now` (monotonic seconds).

        `under_way` is how many each service has begun that have not ended.
        """
        self._served = {name: turn for name, turn in self._served.items() if name in waiting}
        places = max(0, self._at_once - sum(under_way.values()))
        chosen = list(islice(self._in_turn(waiting, under_way), places))
        if self._rate is not None:
            chosen = chosen[: self._rate.take(len(chosen), now)]
        for name, _ in chosen:
            self._count += 1
            self._served[name] = self._count
        return chosen

    def _in_turn(
        self, waiting: Mapping[str, Sequence[Item]], under_way: Mapping[str, int]
    ) -> Iterator[tuple[str, Item]]:
        held = Counter(under_way)
        order = sorted(waiting, key=lambda name: self._served.get(name, 0))
        for turns in zip_longest(*([(name, item) for item in waiting[name]] for name in order)):
            for name, item in filter(None, turns):
                if held[name] and held.total() == self._at_once - 1:
                    continue
                held[name] += 1
                yield name, item
