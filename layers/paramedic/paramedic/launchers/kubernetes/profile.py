"""Profiles of launcher `kubernetes`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from paramedic.launchers.profile import CloudProfile
from paramedic.launchers.secret_places import SecretPlace

NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"


class KubernetesProfile(CloudProfile):
    """Run as the one pod of `deployment`, or as a Job each time, made as `job_from` (a CronJob, suspended) says.

    `token` is that of a service account; `ca` or `ca_file` holds the certificates its `server` is known by, the public
    ones are trusted where neither is given. `environment` can be read by whoever may look at pods.
    """

    launcher: Literal["kubernetes"]
    server: str = Field(pattern=r"^https://[^\s/]+$")
    token: SecretPlace
    ca: str | None = None
    ca_file: Path | None = None
    namespace: str = Field(pattern=NAME)
    container: str = Field(pattern=NAME)
    environment: Mapping[str, str] = {}
    deployment: str | None = Field(default=None, pattern=NAME)
    job_from: str | None = Field(default=None, pattern=NAME)
    env_file: None = None

    @field_validator("env_file", mode="before")
    @classmethod
    def _no_secrets(cls, value: object) -> None:
        if value is not None:
            raise ValueError(
                "would show secrets to whoever may look at pods; name them in the pod template's secretKeyRef"
            )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.deployment is None) == (self.job_from is None):
            raise ValueError("must have either deployment or job_from")
        return self
