"""Profiles of launcher `ecs`."""

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from paramedic.launchers.profile import ShownProfile, require_one_of

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


class EcsProfile(ShownProfile):
    """Run in `cluster`, as a `task` or by a `service`. `container` is the one that is told its epoch."""

    secrets_belong: ClassVar[str] = "tasks; name them in the task definition's secrets"

    launcher: Literal["ecs"]
    cluster: str = Field(pattern=r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:cluster/)?[A-Za-z0-9_-]{1,255}$")
    container: str = Field(min_length=1)
    task: EcsTask | None = None
    service: EcsService | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        require_one_of(self, "task", "service")
        return self


def family_of(task_definition: str) -> str:
    """The family of a task definition, which may be an ARN."""
    return task_definition.rpartition("/")[2].partition(":")[0]
