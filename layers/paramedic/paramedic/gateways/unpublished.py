"""What is said where the world cannot be told who serves."""

from paramedic.errors import ParamedicError


class UnpublishedError(ParamedicError):
    """Names or registrations could not be read or changed: they stay as they are, and nobody is stopped meanwhile."""
