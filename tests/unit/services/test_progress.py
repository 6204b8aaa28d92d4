"""Every change users ask for ends in one of three ways, and the last word on it is theirs to read."""

import pytest

from paramedic.services.progress import Outcome, progress_of
from paramedic.state.services import RUNNING, DesiredService, ObservedService, desired_item, observed_item


def desired(revision: int, uid: str = "u") -> DesiredService:
    return DesiredService(
        "main",
        desired_item("echo"),
        uid=uid,
        revision=revision,
        version=revision,
        state=RUNNING,
        gateway="default",
        port=30001,
        changed_by="grace",
        changed_at="2026-01-05T03:00:00.000Z",
    )


def observed(*, settled: int | None = None, failed: int | None = None, uid: str = "u") -> ObservedService:
    return ObservedService(
        "main",
        observed_item("echo"),
        uid=uid,
        revision=2,
        version=2,
        status="READY",
        message="replica 3: it has ended",
        next_replica_id=4,
        settled_revision=settled,
        failed_revision=failed,
    )


@pytest.mark.parametrize(
    ("wanted", "seen", "outcome", "detail"),
    [
        (desired(2), None, Outcome.PENDING, "at it"),
        (desired(2), observed(settled=1), Outcome.PENDING, "replica 3"),
        (desired(2), observed(settled=2), Outcome.DONE, "version 2 serves"),
        (desired(2), observed(settled=2, failed=2), Outcome.DONE, "version 2 serves"),
        (desired(2), observed(settled=1, failed=2), Outcome.FAILED, "replica 3"),
        (desired(2), observed(settled=1, failed=1), Outcome.PENDING, "replica 3"),
        (desired(2), observed(settled=2, uid="other"), Outcome.PENDING, "at it"),
        (desired(3), observed(settled=1), Outcome.SUPERSEDED, "revision 3 by grace"),
        (desired(3), observed(settled=1, failed=2), Outcome.SUPERSEDED, "revision 3 by grace"),
        (desired(3), observed(settled=2), Outcome.DONE, "version 2 serves"),
        (desired(1, "another"), observed(settled=1), Outcome.SUPERSEDED, "taken down"),
        (None, None, Outcome.SUPERSEDED, "taken down"),
    ],
)
def test_a_revision_is_pending_done_failed_or_superseded(
    wanted: DesiredService | None, seen: ObservedService | None, outcome: Outcome, detail: str
) -> None:
    progress = progress_of("u", 2, wanted, seen)
    assert progress.outcome is outcome
    assert detail in progress.detail
