"""Which targets one invocation of the prober takes. Pure."""

from collections.abc import Sequence

from paramedic.health.outcomes import ProbeBatch, ProbeRequest

MOST_WORK = 250
WORK = 2
TLS_WORK = 5
"""What one invocation takes on, in parts that are worth about 0.1 ms of a processor each: 125 targets, or 50 with TLS.

All in a batch are asked at once, by a function that has a seventh of a processor. With more of them each would wait for
the others, and its answer would seem slow. All may hang, and none waits for one of the engine's slots.
"""

LARGEST_PAYLOAD = 5 * 1024 * 1024
"""Bytes of one event: Lambda takes 6 MB. A target's row, hence its part of the event, is smaller than 400 KB."""


def batches_of(
    requests: Sequence[ProbeRequest], largest_payload: int = LARGEST_PAYLOAD
) -> Sequence[Sequence[ProbeRequest]]:
    """All `requests` in batches that one invocation takes.

    Those asked once are known to be down and may hang: they come first and apart, so that no other batch lasts as long.
    """
    once = [request for request in requests if request.attempts == 1]
    others = [request for request in requests if request.attempts > 1]
    return [*_cut(once, largest_payload), *_cut(others, largest_payload)]


def _cut(requests: Sequence[ProbeRequest], largest_payload: int) -> list[list[ProbeRequest]]:
    batches: list[list[ProbeRequest]] = []
    size = worked = 0
    for request in requests:
        added = len(payload_of([request]).encode())
        work = _work(request)
        if not batches or worked + work > MOST_WORK or size + added > largest_payload:
            batches.append([])
            size = worked = 0
        batches[-1].append(request)
        size += added
        worked += work
    return batches


def _work(request: ProbeRequest) -> int:
    return TLS_WORK if request.url.lower().startswith(("https:", "tls:")) else WORK


def payload_of(requests: Sequence[ProbeRequest]) -> str:
    """The event that has `requests` probed."""
    return ProbeBatch(targets=tuple(requests)).model_dump_json(by_alias=True, exclude_defaults=True)
