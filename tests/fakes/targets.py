"""What is stored of targets."""

from datetime import datetime

from paramedic.clock import to_iso
from paramedic.state.targets import BadPeriod, Target, TargetKind, TargetMode, bucket_of, controller_target_id


def stored_target(target_id: str) -> Target:
    """The row of a target that is registered."""
    row = Target.read(bucket_of(target_id), target_id)
    assert row is not None
    return row


def stored_controller_target(controller_id: str) -> Target:
    """A controller's target."""
    return stored_target(controller_target_id(controller_id))


def bad_target(target_id: str, since: datetime, *, bucket: int) -> Target:
    """A URL that was found unreachable, in a bucket of the test's choice."""
    tick = to_iso(since)
    bad = BadPeriod(
        verdict="down", diagnosis="unreachable", since=tick, last_tick=tick, outcome="timeout", event_id="event"
    )
    return Target(bucket, target_id, kind=TargetKind.URL, url="http://a/", mode=TargetMode.OBSERVE, bad=bad)
