"""Profiles of launcher `kubernetes`."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from paramedic.launchers.profile import ShownProfile, require_one_of
from paramedic.launchers.secret_places import SecretPlace

NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"


class KubernetesProfile(ShownProfile):
    """Run as the one pod of `deployment`, or as a Job each time, made as `job_from` (a CronJob, suspended) says.

    `token` is that of a service account; `ca` or `ca_file` holds the certificates its `server` is known by, the public
    ones are trusted where neither is given.
    """

    secrets_belong: ClassVar[str] = "pods; name them in the pod template's secretKeyRef"

    launcher: Literal["kubernetes"]
    server: str = Field(pattern=r"^https://[^\s/]+$")
    token: SecretPlace
    ca: str | None = None
    ca_file: Path | None = None
    namespace: str = Field(pattern=NAME)
    container: str = Field(pattern=NAME)
    deployment: str | None = Field(default=None, pattern=NAME)
    job_from: str | None = Field(default=None, pattern=NAME)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        require_one_of(self, "deployment", "job_from")
        return self
