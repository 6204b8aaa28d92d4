"""What `gateway_reconcile` is told by its environment."""

from pydantic import Field

from paramedic.settings import EnvironmentSettings


class GatewayReconcileSettings(EnvironmentSettings):
    """`launcher_profiles` is the stack parameter, `vpc_probe_function_name` None where there is no such prober."""

    table_prefix: str = Field(min_length=1)
    alert_topic_arn: str = Field(min_length=1)
    launcher_profiles: str = "{}"
    probe_function_name: str = Field(min_length=1)
    vpc_probe_function_name: str | None = None
