"""What `downtime` is told by its environment."""

from pydantic import Field

from paramedic.settings import EnvironmentSettings


class DowntimeSettings(EnvironmentSettings):
    """Where `downtime` finds the windows, and whom it tells of a service that did not come back."""

    table_prefix: str = Field(min_length=1)
    alert_topic_arn: str = Field(min_length=1)
