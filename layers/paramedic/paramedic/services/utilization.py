"""How many replicas there are by what one of them uses, in the terms of Kubernetes' HorizontalPodAutoscaler."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

CPU = "cpu"
MEMORY = "memory"

MAX_STABILIZATION_SECONDS = 3600
"""As in Kubernetes."""

DEFAULT_METRICS_PATH = "/metrics"
"""Where everything that speaks to Prometheus is asked."""

_UNITS: Mapping[str, float] = {
    "": 1,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
"""Kubernetes' suffixes of quantities."""

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|[kMGT]|[KMGT]i)?$"
METRIC_PATTERN = r"^[A-Za-z_:][A-Za-z0-9_:]*$"


class UtilizationSource(StrEnum):
    """Who says what a replica uses.

    `process` is the host it runs on, `prometheus` the replica itself, `ecs` the metrics of its ECS task.
    """

    PROCESS = "process"
    PROMETHEUS = "prometheus"
    ECS = "ecs"


SOURCES: Mapping[str, frozenset[UtilizationSource]] = {
    "process": frozenset({UtilizationSource.PROCESS, UtilizationSource.PROMETHEUS}),
}
"""By launcher, the sources that know its replicas."""


def _amount(value: object) -> object:
    if not isinstance(value, str):
        return value
    if re.fullmatch(QUANTITY_PATTERN, value) is None:
        raise ValueError("must be a number, or a quantity such as 700m or 6Gi")
    number = value.rstrip("".join(_UNITS))
    return float(number) * _UNITS[value.removeprefix(number)]


_Positive = Annotated[float, Field(gt=0)]

Quantity = Annotated[
    _Positive,
    BeforeValidator(_amount, json_schema_input_type=_Positive | Annotated[str, Field(pattern=QUANTITY_PATTERN)]),
]


class TargetUtilization(BaseModel):
    """Replicas are added or ended until one of them uses `target` of `metric` on average."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    metric: str = Field(pattern=METRIC_PATTERN, max_length=200)
    """cpu (in cores), memory (in bytes), or with source prometheus the name of a gauge."""
    target: Quantity
    """What one replica is to use on average: a number, or a quantity such as 700m or 6Gi."""
    source: UtilizationSource = UtilizationSource.PROCESS
    """Who says what a replica uses: process (cpu and memory, by the host) or prometheus (a gauge, by the replica)."""
    path: str | None = Field(default=None, pattern=r"^/[!-\"$-~]*$")
    """Where a replica is asked for its gauges; /metrics unless given. Only with source prometheus."""
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    """Nothing changes while the average is this close to the target, as a share of it."""
    upscale_stabilization_seconds: int = Field(default=0, ge=0, le=MAX_STABILIZATION_SECONDS)
    """The least that was recommended in this time comes."""
    downscale_stabilization_seconds: int = Field(default=300, ge=0, le=MAX_STABILIZATION_SECONDS)
    """The most that was recommended in this time stays."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.source is UtilizationSource.PROMETHEUS:
            return self
        if self.metric not in (CPU, MEMORY):
            raise ValueError(
                f"metric {self.metric}: source {self.source} knows cpu and memory, prometheus knows gauges"
            )
        if self.path is not None:
            raise ValueError(f"path {self.path} is asked with source prometheus only, not with {self.source}")
        return self

    @property
    def metrics_path(self) -> str:
        """Where a replica is asked for its gauges."""
        return self.path or DEFAULT_METRICS_PATH
