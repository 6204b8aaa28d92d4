"""Profiles of launcher `ecs`."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from paramedic.launchers.profile import CloudProfile

TASK_DEFINITION = r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task-definition/)?[A-Za-z0-9_-]+:\d+$"
"""With its revision: what a family's latest one is, others may change."""


class EcsTask(BaseModel):
    """Started by RunTask. `launch_type` or `capacity_provider`, or neither where the cluster has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_definition: str = Field(pattern=TASK_DEFINITION)
    launch_type: Literal["FARGATE", "EC2", "EXTERNAL"] | None = None
    capacity_provider: str | None = Field(default=None, min_length=1)
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    assign_public_ip: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.launch_type is not None and self.capacity_provider is not None:
            raise ValueError("launch_type and capacity_provider exclude each other")
        return self


class EcsService(BaseModel):
    """Kept running by an ECS service. Copies of `task_definition` with the epoch in them are what it gets to run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")
    task_definition: str = Field(pattern=TASK_DEFINITION)


class EcsProfile(CloudProfile):
    """Run in `cluster`, as a `task` or by a `service`. `container` is the one that is told its epoch.

    `environment` can be read by whoever may look at tasks.
    """

    launcher: Literal["ecs"]
    cluster: str = Field(pattern=r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:cluster/)?[A-Za-z0-9_-]{1,255}$")
    container: str = Field(min_length=1)
    environment: Mapping[str, str] = {}
    task: EcsTask | None = None
    service: EcsService | None = None
    env_file: None = None

    @field_validator("env_file", mode="before")
    @classmethod
    def _no_secrets(cls, value: object) -> None:
        if value is not None:
            raise ValueError(
                "would show secrets to whoever may look at tasks; name them in the task definition's secrets"
            )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.task is None) == (self.service is None):
            raise ValueError("must have either task or service")
        return self


def family_of(task_definition: str) -> str:
    """The family of a task definition, which may be an ARN."""
    return task_definition.rpartition("/")[2].partition(":")[0]
