"""Which targets one invocation of the prober takes. Pure."""

from collections.abc import Sequence

from paramedic.health.outcomes import ProbeBatch, ProbeRequest

TARGETS_PER_INVOCATION = 100

LARGEST_PAYLOAD = 5 * 1024 * 1024
"""Bytes of one event: Lambda takes 6 MB. A target's row, hence its part of the event, is smaller than 400 KB."""


def batches_of(
    requests: Sequence[ProbeRequest], largest_payload: int = LARGEST_PAYLOAD
) -> Sequence[Sequence[ProbeRequest]]:
    """All `requests` in their order, a hundred at most in each batch, and none larger than one invocation takes."""
    batches: list[list[ProbeRequest]] = []
    size = 0
    for request in requests:
        added = len(payload_of([request]).encode())
        if not batches or len(batches[-1]) == TARGETS_PER_INVOCATION or size + added > largest_payload:
            batches.append([])
            size = 0
        batches[-1].append(request)
        size += added
    return batches


def payload_of(requests: Sequence[ProbeRequest]) -> str:
    """The event that has `requests` probed."""
    return ProbeBatch(targets=tuple(requests)).model_dump_json(by_alias=True, exclude_defaults=True)
