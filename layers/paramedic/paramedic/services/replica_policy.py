"""How many replicas a service has: by its traffic, by what they use, by the clock, or fixed."""

from typing import Self

from pydantic import Field, ValidationError, model_validator

from paramedic.services.instance_types import Rates
from paramedic.services.invalid_spec import invalid_spec
from paramedic.services.part import Part, is_absent, is_empty
from paramedic.services.schedules import MOST_SCHEDULES, Schedule, require_usable
from paramedic.services.utilization import TargetUtilization

MAX_REPLICAS = 1000
"""More are a typing error: they are processes of one host."""


class ReplicaPolicy(Part):
    """How many replicas: by request rate, by what they use, or fixed where there is no target for either.

    `schedules` raise the least number, fixed or not, for a time.
    """

    min_replicas: int = Field(ge=0, le=MAX_REPLICAS)
    """There are never fewer; 0 needs a `target_qps_per_replica`."""
    max_replicas: int | None = Field(default=None, ge=1, le=MAX_REPLICAS)
    """Neither traffic nor utilization ever asks for more."""
    num_overprovision: int = Field(default=0, ge=0, le=MAX_REPLICAS)
    """So many run on top of what is wanted, beyond `max_replicas` too."""
    target_qps_per_replica: Rates | None = None
    """Requests a second that one replica is to serve, by the mean of the last minute; or that of each instance type."""
    target_utilization: TargetUtilization | None = Field(default=None, exclude_if=is_absent)
    """What one replica is to use of its CPU, its memory or a gauge of its own; in place of a request rate."""
    upscale_delay_seconds: int = Field(default=300, ge=0)
    """More replicas must be wanted for so long before they come."""
    downscale_delay_seconds: int = Field(default=1200, ge=0)
    """Fewer replicas must be wanted for so long before some go."""
    schedules: tuple[Schedule, ...] = Field(default=(), max_length=MOST_SCHEDULES, exclude_if=is_empty)
    """When there are more at least, again and again."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.max_replicas is not None and self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas {self.max_replicas} is below min_replicas {self.min_replicas}")
        if self.is_fixed and (self.max_replicas or 0) > self.min_replicas:
            raise ValueError("max_replicas above min_replicas needs target_qps_per_replica or target_utilization")
        if self.target_qps_per_replica is None and self.min_replicas == 0:
            raise ValueError("min_replicas 0 needs target_qps_per_replica to scale up by")
        if not self.is_fixed and self.max_replicas is None:
            target = "target_utilization" if self.target_utilization is not None else "target_qps_per_replica"
            raise ValueError(f"{target} needs max_replicas")
        require_usable(self.schedules, self.max_replicas)
        return self

    @model_validator(mode="after")
    def _have_one_target(self) -> Self:
        if self.target_utilization is None:
            return self
        if self.target_qps_per_replica is not None:
            raise ValueError("target_qps_per_replica and target_utilization are both given; keep one")
        for name in ("upscale_delay_seconds", "downscale_delay_seconds"):
            if getattr(self, name) != type(self).model_fields[name].default:
                instead = name.replace("delay", "stabilization")
                raise ValueError(f"{name} goes with target_qps_per_replica; give target_utilization.{instead}")
        return self

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to scale by."""
        return self.target_qps_per_replica is None and self.target_utilization is None

    @property
    def maximum(self) -> int:
        """`max_replicas`, or where it is absent the most that `min_replicas` or a schedule asks for."""
        if self.max_replicas is not None:
            return self.max_replicas
        return max([self.min_replicas, *(each.min_replicas for each in self.schedules)])

    @property
    def least(self) -> int:
        """There are never fewer wanted, by whatever rate and time."""
        return self.min_replicas + self.num_overprovision

    @property
    def most(self) -> int:
        """There are never more wanted."""
        return self.maximum + self.num_overprovision

    def with_bounds(self, minimum: int, maximum: int | None) -> "ReplicaPolicy":
        """The same policy between other bounds.

        Raises:
            InvalidSpecError: they contradict each other or the rest of the policy.
        """
        bounds = {"min_replicas": minimum, "max_replicas": maximum}
        try:
            return ReplicaPolicy.model_validate({**self.model_dump(), **bounds})
        except ValidationError as error:
            raise invalid_spec(error, ReplicaPolicy, ("service", "replica_policy")) from None
