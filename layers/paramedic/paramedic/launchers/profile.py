"""What every launcher profile says besides how its launcher runs things."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

VERIFY_SECONDS = 60.0
"""How long a launch may take to prove itself, where its profile says nothing else."""

CLOUD_VERIFY_SECONDS = 300.0
"""The same where an image is pulled, or a machine boots, before the workload begins."""


class Profile(BaseModel):
    """`verify_seconds` is how long a launch may take to prove itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verify_seconds: float = Field(default=VERIFY_SECONDS, gt=0)


class CloudProfile(Profile):
    """One whose workloads run on machines of others, where what is started takes a while."""

    verify_seconds: float = Field(default=CLOUD_VERIFY_SECONDS, gt=0)


class ShownProfile(CloudProfile):
    """One whose workloads' `environment` can be read by whoever may look at them: it holds no secrets.

    `secrets_belong` says to whom they would be shown, and where they belong.
    """

    secrets_belong: ClassVar[str]

    environment: Mapping[str, str] = {}
    env_file: None = None

    @field_validator("env_file", mode="before")
    @classmethod
    def _no_secrets(cls, value: object) -> None:
        if value is not None:
            raise ValueError(f"would show secrets to whoever may look at {cls.secrets_belong}")


def require_one_of(profile: BaseModel, one: str, other: str) -> None:
    """Of two fields that exclude each other, one must be there.

    Raises:
        ValueError: both are, or neither is.
    """
    if (getattr(profile, one) is None) == (getattr(profile, other) is None):
        raise ValueError(f"must have either {one} or {other}")
