"""Which deployed stack a command talks to, and with whose credentials."""

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.launchers.profiles import read_environment_file
from paramedic.state import tables
from paramedic.state.probe_location import ProbeLocation
from paramedic_cli.usage import UsageError

STACK_VARIABLE = "PARAMEDIC_STACK"
STATE_DIR = Path(".paramedic")
OPERATOR_FILE = "operator.env"
# With these of the person's own left in place, requests would be signed for somebody else.
_OVERRIDING = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_LAMBDA")


class NoStackChosenError(UsageError):
    """The command was not told which stack to talk to."""


@dataclass(frozen=True)
class Stack:
    """A stack. Everything in it is named after it; `environment` is empty for the person's own AWS set-up.

    `without_lambda`: it has tables and no functions, whose work this process does as `paramedic monitor` would.
    """

    name: str
    environment: Mapping[str, str]
    without_lambda: bool = False

    @property
    def table_prefix(self) -> str:
        """What all table names begin with."""
        return f"{self.name}-"

    @property
    def recovery_function(self) -> str:
        """The function that on-call's manual actions are sent to."""
        return f"{self.name}-recovery"

    @property
    def reconcile_function(self) -> str:
        """The function that launches and ends the replicas of gateways."""
        return f"{self.name}-gateway-reconcile"

    def probe_function(self, location: str) -> str:
        """The function that targets are probed with from `location`."""
        return f"{self.name}-health-probe" + ("" if location == ProbeLocation.PUBLIC else f"-{location}")

    def connect(self, environ: MutableMapping[str, str] = os.environ) -> None:
        """Point the state models and all AWS clients of this process at the stack."""
        if self.environment:
            for name in _OVERRIDING:
                environ.pop(name, None)
            environ.update(self.environment)
        tables.bind(self.table_prefix)


def choose_stack(name: str | None, state_dir: Path) -> Stack:
    """The stack called `name`, else the local one that `state_dir` belongs to.

    Raises:
        NoStackChosenError: neither is given.
        EnvironmentFileError: the local stack's credentials cannot be read.
    """
    if name:
        return Stack(name, {})
    operator = state_dir / OPERATOR_FILE
    if not operator.is_file():
        raise NoStackChosenError(
            "--stack",
            None,
            f"no stack: pass --stack NAME, set {STACK_VARIABLE}, or start one with `paramedic local up`",
        )
    environment = read_environment_file(operator)
    if not environment.get(STACK_VARIABLE):
        raise NoStackChosenError(f"{operator}: {STACK_VARIABLE} is missing; remove the file and `paramedic local up`")
    return Stack(environment[STACK_VARIABLE], environment)
