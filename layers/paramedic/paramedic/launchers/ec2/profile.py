"""Profiles of launcher `ec2`."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from paramedic.launchers.profile import CloudProfile, require_one_of


class LaunchTemplate(BaseModel):
    """One version of a launch template: what the latest is, others may change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^lt-[0-9a-f]{8,17}$")
    version: int = Field(ge=1)


class Ec2Profile(CloudProfile):
    """Start the stopped `instance` again, or `replace` it with a new one from a launch template.

    `shares_with` are the other workloads on an instance, in the operator's words: with any, it is stopped only where
    `may_stop_others` says so.
    """

    launcher: Literal["ec2"]
    shares_with: tuple[str, ...]
    may_stop_others: bool = False
    instance: str | None = Field(default=None, pattern=r"^i-[0-9a-f]{8,17}$")
    replace: LaunchTemplate | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        require_one_of(self, "instance", "replace")
        return self
