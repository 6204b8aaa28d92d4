"""What `health_dispatch` is told by its environment."""

from pydantic import Field

from paramedic.setting_types import ChecksPerMinute
from paramedic.settings import EnvironmentSettings


class HealthDispatchSettings(EnvironmentSettings):
    """Where `health_dispatch` finds the counts and leaves its messages, and how often fast targets are checked."""

    table_prefix: str = Field(min_length=1)
    check_queue_url: str = Field(min_length=1)
    fast_checks_per_minute: ChecksPerMinute = 1
