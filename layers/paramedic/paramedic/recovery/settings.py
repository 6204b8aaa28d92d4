"""The recovery function's settings."""

from pydantic import Field

from paramedic.settings import EnvironmentSettings


class RecoverySettings(EnvironmentSettings):
    """`launcher_profiles`: the stack parameter's JSON; `stale_seconds`: how long an unmoved heartbeat is stale."""

    table_prefix: str = Field(min_length=1)
    alert_topic_arn: str = Field(min_length=1)
    launcher_profiles: str = "{}"
    allowed_cidrs: str = ""
    stale_seconds: float = Field(default=10.0, gt=0, le=30)
    idempotency_table: str = Field(min_length=1)
