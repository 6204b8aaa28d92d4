"""Why the controller ended, as exit codes that supervisors and people can tell apart."""

from enum import IntEnum

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import EpochRefusedError, LauncherError
from paramedic.settings import InvalidSettingError
from paramedic.state.fencing import FencedError
from paramedic.state.standbys import StandbyReplacedError
from paramedic.state.tables import StateUnreachableError


class Exit(IntEnum):
    """Exit codes. 1 is an error nobody foresaw; 2 is argparse's and pydantic's: the settings are wrong."""

    STOPPED = 0
    UNEXPECTED = 1
    BAD_SETTINGS = 2
    FENCED = 3
    PORT_TAKEN = 4
    CLAIM_REFUSED = 5
    ALREADY_RUNNING = 6
    RECOVERY_OPEN = 7
    REFUSED = 8
    STATE_UNREACHABLE = 9
    PREDECESSOR_STAYS = 10
    CANNOT_STAND_BY = 11
    STANDBY_REPLACED = 12
    HOST_TROUBLE = 13


class CannotStartError(ParamedicError):
    """The controller must not, or cannot, start; `code` says which."""

    def __init__(self, code: Exit, message: str) -> None:
        self.code = code
        super().__init__(message)


def exit_code(error: ParamedicError) -> Exit:
    """The code a process ends with because of `error`."""
    match error:
        case CannotStartError():
            return error.code
        case FencedError() | EpochRefusedError():
            return Exit.FENCED
        case StandbyReplacedError():
            return Exit.STANDBY_REPLACED
        case StateUnreachableError():
            return Exit.STATE_UNREACHABLE
        case InvalidSettingError():
            return Exit.BAD_SETTINGS
        case LauncherError():
            return Exit.HOST_TROUBLE
        case _:
            return Exit.UNEXPECTED
