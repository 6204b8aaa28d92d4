"""The access log's lines. Their form is made by `render.listeners`.

S <unix second> <service uid> <stream id> <method> <path>     a request's headers have come
E <stream id>                                                  all of it is over
L                                                              a new Envoy begins; what was open is lost
"""

from collections.abc import MutableMapping
from dataclasses import dataclass, field

from paramedic_gateway.render.virtual_hosts import UNCOUNTED

NEW_LIFE = "L"

_WORDS = 5


@dataclass
class Tally:
    """What some lines say. `counts` has requests by (second, service uid); `lives` are the Envoys that began."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    lives: int = 0
    lost: int = 0
    malformed: int = 0


def read_lines(text: str, open_requests: MutableMapping[str, str]) -> Tally:
    """Count the requests that started, and keep `open_requests`: stream id → its line, but for those of no service.

    `text` is whole lines. It runs 30,000 times a second under load, hence its plainness.
    """
    tally = Tally()
    counts = tally.counts
    for line in text.split("\n"):
        kind = line[:2]
        if kind == "S ":
            words = line.split(" ", 4)
            if len(words) == _WORDS:
                key = (words[1], words[2])
                counts[key] = counts.get(key, 0) + 1
                if words[2] != UNCOUNTED:
                    open_requests[words[3]] = line
            else:
                tally.malformed += 1
        elif kind == "E ":
            open_requests.pop(line[2:], None)
        elif line == NEW_LIFE:
            tally.lives += 1
            tally.lost += len(open_requests)
            open_requests.clear()
        elif line:
            # What a killed Envoy left half written, with the newline that was put behind it.
            tally.malformed += 1
    return tally
