"""How far the controller has come with one revision of what users want."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from paramedic.state.services import DesiredService, ObservedService, desired_item, observed_item


class Outcome(StrEnum):
    """`FAILED` is what stands now: the controller tries on, and may still get there."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Progress(BaseModel):
    """The outcome of one desired revision, and what there is to say about it."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    detail: str


def progress_of(uid: str, revision: int, desired: DesiredService | None, observed: ObservedService | None) -> Progress:
    """How `revision` of the service `uid` stands, by its rows."""
    if desired is None or desired.uid != uid:
        return Progress(outcome=Outcome.SUPERSEDED, detail="the service was taken down")
    seen = observed if observed is not None and observed.uid == uid else None
    if seen is not None and int(seen.settled_revision or 0) == revision:
        return Progress(outcome=Outcome.DONE, detail=f"version {int(seen.version)} serves")
    if int(desired.revision) > revision:
        by = f"revision {int(desired.revision)} by {desired.changed_by} at {desired.changed_at}"
        return Progress(outcome=Outcome.SUPERSEDED, detail=f"superseded by {by}")
    message = (seen.message or "") if seen is not None else ""
    if seen is not None and int(seen.failed_revision or 0) == revision:
        return Progress(outcome=Outcome.FAILED, detail=message)
    return Progress(outcome=Outcome.PENDING, detail=message or "the controller is at it")


def read_progress(controller_id: str, service: str, uid: str, revision: int) -> Progress:
    """How `revision` of the service stands now.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    desired = DesiredService.read(controller_id, desired_item(service))
    observed = ObservedService.read(controller_id, observed_item(service))
    return progress_of(uid, revision, desired, observed)
