"""The recovery function's settings."""

from pydantic import Field

from paramedic.settings import CommaList, EnvironmentSettings
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS


class RecoverySettings(EnvironmentSettings):
    """`launcher_profiles`: the stack parameter's JSON; `stale_seconds`: how long an unmoved heartbeat is stale.

    `approval_minutes`: how long a question stands, and a yes to it counts.
    """

    table_prefix: str = Field(min_length=1)
    alert_topic_arn: str = Field(min_length=1)
    launcher_profiles: str = "{}"
    allowed_cidrs: CommaList = ()
    stale_seconds: float = Field(default=SELF_FENCE_LEASE_SECONDS, ge=SELF_FENCE_LEASE_SECONDS, le=30)
    approval_minutes: float = Field(default=30, gt=0, le=1440)
    idempotency_table: str = Field(min_length=1)
