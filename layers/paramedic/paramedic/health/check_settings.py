"""What `health_check` is told by its environment."""

from collections.abc import Mapping

from pydantic import Field

from paramedic.setting_types import HungAfterSeconds, StaleSeconds
from paramedic.settings import EnvironmentSettings
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS
from paramedic.state.probe_location import ProbeLocation


class HealthCheckSettings(EnvironmentSettings):
    """`stale_seconds`: how long a heartbeat must stand still; `hung_after_seconds`: how long timeouts must last.

    `vpc_probe_function_name` is None where the stack has no prober in a VPC. A heartbeat is never called stale while
    its controller may still act on its last write, and a stale period fits into one invocation. `host_check_document`
    is what runs on hosts, empty where nothing may.
    """

    table_prefix: str = Field(min_length=1)
    host_check_document: str = ""
    probe_function_name: str = Field(min_length=1)
    vpc_probe_function_name: str | None = None
    event_bus_name: str = Field(min_length=1)
    stale_seconds: StaleSeconds = SELF_FENCE_LEASE_SECONDS
    hung_after_seconds: HungAfterSeconds = 120.0

    @property
    def probe_functions(self) -> Mapping[ProbeLocation, str]:
        """The prober of each location that the stack has one in."""
        vpc = {} if self.vpc_probe_function_name is None else {ProbeLocation.VPC: self.vpc_probe_function_name}
        return {ProbeLocation.PUBLIC: self.probe_function_name, **vpc}
