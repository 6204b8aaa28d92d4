"""Has targets checked as people wrote that they are to be: added where they are not there yet, else changed."""

import uuid

from paramedic.clock import Clock
from paramedic.downtime.of_specs import planning
from paramedic.downtime.stored import TargetSubject
from paramedic.health.on_host import ControllerOnHost, stored
from paramedic.health.target_files import WrittenTarget
from paramedic.state.target_registry import add_target, change_host_check, change_target
from paramedic.state.targets import Target


def put_target(written: WrittenTarget, actor: str, clock: Clock) -> str:
    """Have it checked as it is wanted, with exactly those windows from YAML that it asks for; what that came to.

    Raises:
        TooManyWindowsError: with those that people planned there would be more than 20 downtimes.
        TargetMissingError: it was removed, or its downtimes changed, meanwhile.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    wanted = written.target
    if isinstance(wanted, ControllerOnHost):
        change_host_check(wanted.target_id, stored(wanted.host_check), clock)
        return "is checked like that from the next minute on"
    row = wanted.row()
    before = Target.read(row.bucket, row.target_id)
    registration = uuid.uuid4().hex if before is None else before.registration
    subject = TargetSubject(row.target_id)
    asks = before is not None or written.downtime
    planned = planning(subject, registration, written.downtime, actor, clock.now()) if asks else ()
    if before is None:
        row.registration = registration
        add_target(row, clock, planned)
        return "is checked from the next minute on"
    if _facts(before) == _facts(row) and not planned:
        return "is checked like that already"
    change_target(before, row, clock, planned)
    return "is checked in another way from the next minute on"


def _facts(row: Target) -> tuple[object, ...]:
    rhythm = (int(row.every_minutes or 1), bool(row.fast))
    looked_at = (row.url, row.asked, row.on_host, row.silent_after_seconds, row.probe_from)
    return (float(row.timeout_seconds), *rhythm, *looked_at)
