"""What every launcher profile says besides how its launcher runs things."""

from pydantic import BaseModel, ConfigDict, Field

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
