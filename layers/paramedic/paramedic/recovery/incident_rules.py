"""Anti-flapping: how many automatic attempts an incident gets, and when. Pure."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

ATTEMPT_DELAYS = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5))
"""Wait since the previous attempt before attempt 1, 2 and 3."""

BLOCK = timedelta(hours=1)
"""How long automation stays away after the last attempt."""

SAME_INCIDENT = timedelta(minutes=30)
"""A failure this soon after a success belongs to the incident that was thought over."""


class IncidentState(BaseModel):
    """What is remembered of a target's current incident; `attempts` counts automatic ones."""

    model_config = ConfigDict(frozen=True)

    incident_id: str
    attempts: int = 0
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None


class Allowed(BaseModel):
    """An automatic attempt may be made now."""

    model_config = ConfigDict(frozen=True)


class NotYet(BaseModel):
    """The next attempt has to wait until `until`."""

    model_config = ConfigDict(frozen=True)

    until: datetime


class Blocked(BaseModel):
    """All attempts are spent; automation stays away until `until`."""

    model_config = ConfigDict(frozen=True)

    until: datetime


def current_incident(stored: IncidentState | None, now: datetime, new_id: str) -> IncidentState:
    """The incident a failure seen at `now` belongs to: the stored one while it lasts, else a new one."""
    if stored is None or _is_over(stored, now):
        return IncidentState(incident_id=new_id)
    return stored


def _is_over(stored: IncidentState, now: datetime) -> bool:
    success, attempt = stored.last_success_at, stored.last_attempt_at
    if success is not None and (attempt is None or success >= attempt) and now - success > SAME_INCIDENT:
        return True
    spent = stored.attempts >= len(ATTEMPT_DELAYS)
    return spent and attempt is not None and now >= attempt + BLOCK


def may_attempt(incident: IncidentState, now: datetime) -> Allowed | NotYet | Blocked:
    """Whether an automatic attempt may be made at `now`."""
    if incident.last_attempt_at is None:
        return Allowed()
    if incident.attempts >= len(ATTEMPT_DELAYS):
        return Blocked(until=incident.last_attempt_at + BLOCK)
    until = incident.last_attempt_at + ATTEMPT_DELAYS[incident.attempts]
    return Allowed() if now >= until else NotYet(until=until)


def after_automatic_attempt(incident: IncidentState, now: datetime) -> IncidentState:
    """The incident once an automatic attempt was opened at `now`."""
    return incident.model_copy(update={"attempts": incident.attempts + 1, "last_attempt_at": now})


def after_manual_attempt(incident: IncidentState, now: datetime) -> IncidentState:
    """The incident once a person opened an attempt: the automatic count starts afresh."""
    return incident.model_copy(update={"attempts": 0, "last_attempt_at": now})


def acknowledged(incident: IncidentState) -> IncidentState:
    """The incident once a person said that its cause was mended: the automatic count starts afresh, at once."""
    return incident.model_copy(update={"attempts": 0})
