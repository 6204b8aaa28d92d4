"""What is stored of targets."""

from paramedic.state.targets import Target, bucket_of, controller_target_id


def stored_target(target_id: str) -> Target:
    """The row of a target that is registered."""
    row = Target.read(bucket_of(target_id), target_id)
    assert row is not None
    return row


def stored_controller_target(controller_id: str) -> Target:
    """A controller's target."""
    return stored_target(controller_target_id(controller_id))
