"""What is wrong with the command line itself, not with any one value on it."""

from paramedic.errors import ParamedicError


class UsageError(ParamedicError):
    """The command cannot tell what it is asked; the message says what to add."""
