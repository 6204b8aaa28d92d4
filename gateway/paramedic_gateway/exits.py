"""Why the agent ended, as exit codes that supervisors and people can tell apart."""

from enum import IntEnum

from paramedic.errors import InvalidInputError, ParamedicError


class Exit(IntEnum):
    """Exit codes. 1 is an error nobody foresaw. Whatever the code, only 0 means that Envoy was stopped as well."""

    STOPPED = 0
    UNEXPECTED = 1
    BAD_SETTINGS = 2
    ALREADY_RUNNING = 3


class CannotStartError(ParamedicError):
    """The agent must not, or cannot, start; `code` says which."""

    def __init__(self, code: Exit, message: str) -> None:
        self.code = code
        super().__init__(message)


def exit_code(error: ParamedicError) -> Exit:
    """The code a process ends with because of `error`."""
    match error:
        case CannotStartError():
            return error.code
        case InvalidInputError():
            return Exit.BAD_SETTINGS
        case _:
            return Exit.UNEXPECTED
