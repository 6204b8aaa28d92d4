"""The recovery function's settings."""

from pydantic import Field

from paramedic.setting_types import MOST_OPEN_RECOVERIES, ApprovalMinutes, MostOpenRecoveries, StaleSeconds
from paramedic.settings import CommaList, EnvironmentSettings
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS


class RecoverySettings(EnvironmentSettings):
    """`launcher_profiles`: the stack parameter's JSON."""

    table_prefix: str = Field(min_length=1)
    alert_topic_arn: str = Field(min_length=1)
    launcher_profiles: str = "{}"
    allowed_cidrs: CommaList = ()
    stale_seconds: StaleSeconds = SELF_FENCE_LEASE_SECONDS
    approval_minutes: ApprovalMinutes = 30
    most_open_recoveries: MostOpenRecoveries = MOST_OPEN_RECOVERIES
    idempotency_table: str = Field(min_length=1)
