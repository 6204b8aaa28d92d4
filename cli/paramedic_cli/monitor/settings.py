"""What a monitor is told, by the variables that a deployed stack tells its functions with."""

from paramedic.health.probe_settings import ProbeSettings
from paramedic.setting_types import (
    MOST_OPEN_RECOVERIES,
    ApprovalMinutes,
    ChecksPerMinute,
    HungAfterSeconds,
    MostOpenRecoveries,
    StaleSeconds,
)
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS


class MonitorSettings(ProbeSettings):
    """As the stack's parameters of these names; without `alert_topic_arn` people are told by the log alone.

    `host_check_document` is what SSM runs on hosts, empty where nothing may.
    """

    launcher_profiles: str = "{}"
    alert_topic_arn: str = ""
    host_check_document: str = ""
    fast_checks_per_minute: ChecksPerMinute = 1
    stale_seconds: StaleSeconds = SELF_FENCE_LEASE_SECONDS
    hung_after_seconds: HungAfterSeconds = 120.0
    approval_minutes: ApprovalMinutes = 30.0
    most_open_recoveries: MostOpenRecoveries = MOST_OPEN_RECOVERIES
