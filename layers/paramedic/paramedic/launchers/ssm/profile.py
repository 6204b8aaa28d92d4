"""Profiles of launcher `ssm`."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from paramedic.launchers.profile import Profile
from paramedic.run_command import INSTANCE_PATTERN

# The document has the same patterns: nothing in them ends the quotes that its script puts around them.
PATH_PATTERN = r"^/[A-Za-z0-9._/@:+-]{1,200}$"
UNIT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9@._:-]{0,200}$"
USER_PATTERN = r"^[a-z_][a-z0-9_-]{0,31}$"

type HostPath = Annotated[str, StringConstraints(pattern=PATH_PATTERN)]
"""An absolute path on the workload's host."""


class SsmProfile(Profile):
    """Run on one host that SSM reaches: a systemd `unit` that is there, or a `command`.

    `host_dir` remembers epochs and keys, and is `user`'s, as whom everything is done. `manager` is the systemd that has
    the unit: the system's, or that of `user`. A command gets what stands in `env_file` besides.
    """

    launcher: Literal["ssm"]
    instance: str = Field(pattern=INSTANCE_PATTERN)
    host_dir: HostPath
    user: str = Field(default="root", pattern=USER_PATTERN)
    unit: str | None = Field(default=None, pattern=UNIT_PATTERN)
    manager: Literal["system", "user"] = "system"
    command: tuple[str, ...] = ()
    env_file: HostPath | None = None
    working_directory: HostPath | None = None
    log_file: HostPath | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.unit is None) == (not self.command):
            raise ValueError("must have either unit or command")
        if self.unit is None:
            return self
        if self.env_file or self.working_directory or self.log_file:
            raise ValueError("a unit has its own environment, working directory and log")
        if self.manager == "system" and self.user != "root":
            raise ValueError("only root may ask the system's systemd: leave user out, or set manager to user")
        return self
