"""What one service is: how a replica runs, when it is ready, how many there are, how requests reach it."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict

from paramedic.downtime.asked_windows import MOST_ASKED, DowntimeWindow
from paramedic.downtime.periods import require_stops
from paramedic.errors import InvalidInputError
from paramedic.services.disruption import DisruptionBudget
from paramedic.services.instance_types import Resources
from paramedic.services.invalid_spec import InvalidSpecError, Unshown, invalid_spec
from paramedic.services.part import Part, is_absent, is_empty
from paramedic.services.readiness import ProbeRequest, ReadinessProbe
from paramedic.services.replica_policy import MAX_REPLICAS, ReplicaPolicy
from paramedic.services.secrets import NAME_PATTERN as VARIABLE_PATTERN
from paramedic.services.secrets import Secrets
from paramedic.services.strict_yaml import load_yaml
from paramedic.services.update_strategy import UpdateMode, UpdateStrategy
from paramedic.services.utilization import SOURCES
from paramedic.state.request_handling import RequestHandling

MAX_SPEC_BYTES = 64 * 1024
"""A spec is one attribute of one row; DynamoDB bills and bounds rows by their size."""

NAME_PATTERN = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
"""Service and gateway names end up in host names, file names and range keys."""


class LoadBalancingPolicy(StrEnum):
    """How a gateway chooses among the ready replicas.

    `weighted_least_load` gives a replica of weight 2 twice the load of one of weight 1.
    """

    LEAST_LOAD = "least_load"
    ROUND_ROBIN = "round_robin"
    WEIGHTED_LEAST_LOAD = "weighted_least_load"


def _probe_from_path(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


def _replicas_in_place_of_a_policy(schema: JsonDict) -> None:
    """What `_replicas_is_a_fixed_policy` lets users write, for editors."""
    count: JsonDict = {"type": "integer", "minimum": 1, "maximum": MAX_REPLICAS}
    count["description"] = "A fixed number of replicas."
    schema["properties"] = {**_mapping(schema["properties"]), "replicas": count}
    schema["required"] = ["readiness_probe"]
    schema["oneOf"] = [{"required": ["replica_policy"]}, {"required": ["replicas"]}]


def _mapping(value: object) -> JsonDict:
    return value if isinstance(value, dict) else {}


class ServiceSection(Part):
    """The part of the YAML under `service`."""

    model_config = ConfigDict(json_schema_extra=_replicas_in_place_of_a_policy)

    readiness_probe: Annotated[
        ReadinessProbe, BeforeValidator(_probe_from_path, json_schema_input_type=ReadinessProbe | str)
    ]
    """When a replica is ready: a path that answers 200, or more about how to ask for it."""
    replica_policy: ReplicaPolicy
    """How many replicas there are."""
    load_balancing_policy: LoadBalancingPolicy = LoadBalancingPolicy.LEAST_LOAD
    """How the gateway chooses among the ready replicas."""
    requests: RequestHandling = RequestHandling()
    """What the gateway does with requests on their way."""
    update: UpdateStrategy = UpdateStrategy()
    """How a new version takes over."""
    disruption_budget: DisruptionBudget | None = Field(default=None, exclude_if=is_absent)
    """How many ready replicas stay, whatever is done to the service on purpose."""
    ports: int | None = Field(default=None, ge=1, le=65535)
    """The gateway's port for this service alone; one is chosen where none is given."""
    gateway: str = Field(default="default", pattern=NAME_PATTERN)
    """Which gateway serves it."""
    downtime: tuple[DowntimeWindow, ...] = Field(default=(), max_length=MOST_ASKED, exclude_if=is_empty)
    """When it is stopped on purpose, again and again."""

    @model_validator(mode="after")
    def _downtime_comes(self) -> Self:
        for index, window in enumerate(self.downtime):
            try:
                require_stops(window.plan())
            except InvalidInputError as error:
                raise InvalidSpecError(f"service.downtime.{index}.{error.field}", error.value, error.problem) from error
        if len(set(self.downtime)) < len(self.downtime):
            raise ValueError("downtime has a window that is there twice; keep one")
        return self

    @model_validator(mode="after")
    def _budget_can_be_kept(self) -> Self:
        budget, least, most = self.disruption_budget, self.replica_policy.least, self.replica_policy.most
        if budget is None:
            return self
        if isinstance(budget.min_available, int) and budget.min_available > least:
            problem = f"is more than the {least} replicas that may be all there are; lower it, or raise their number"
            raise InvalidSpecError("service.disruption_budget.min_available", budget.min_available, problem)
        replaces_first = self.update.mode is UpdateMode.ROLLING and self.update.max_surge in (0, "0%")
        if replaces_first and budget.floor(most) >= most > 0:
            raise ValueError("update.max_surge is 0 and disruption_budget spares no replica: none could be replaced")
        return self

    def with_policy(self, policy: ReplicaPolicy) -> "ServiceSection":
        """The same with another replica policy.

        Raises:
            InvalidSpecError: the policy contradicts something else of it.
        """
        try:
            return ServiceSection.model_validate({**self.model_dump(), "replica_policy": policy.model_dump()})
        except ValidationError as error:
            raise invalid_spec(error, ServiceSpec, ("service",)) from None

    @model_validator(mode="before")
    @classmethod
    def _replicas_is_a_fixed_policy(cls, value: object) -> object:
        if not isinstance(value, Mapping) or "replicas" not in value:
            return value
        if "replica_policy" in value:
            raise ValueError("replicas and replica_policy are both given; keep one")
        section = {key: item for key, item in value.items() if key != "replicas"}
        count = value["replicas"]
        if type(count) is not int or not 1 <= count <= MAX_REPLICAS:
            shown = Unshown("a mapping or list") if isinstance(count, Mapping | list) else count
            raise InvalidSpecError("service.replicas", shown, f"must be a whole number from 1 to {MAX_REPLICAS}")
        return {**section, "replica_policy": {"min_replicas": count}}


EnvironmentName = Annotated[str, Field(pattern=VARIABLE_PATTERN)]

_FolderInYaml = WithJsonSchema({"type": "string", "pattern": "^[^~$][^$]*$"})
"""`read_spec` makes it absolute."""


def _texts(envs: object) -> object:
    """YAML reads `PORT: 8080` as a number; a variable's value is text all the same."""
    return {name: _as_text(value) for name, value in envs.items()} if isinstance(envs, Mapping) else envs


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Variables = Annotated[
    Mapping[EnvironmentName, str],
    BeforeValidator(_texts, json_schema_input_type=Mapping[EnvironmentName, str | float | bool]),
]
"""Variables of a replica's environment by name."""


class ServiceSpec(Part):
    """One version of a service, as users wrote it with defaults filled in.

    `run` is a shell command that serves HTTP on port $PARAMEDIC_REPLICA_PORT of $PARAMEDIC_REPLICA_HOST; it also gets
    $PARAMEDIC_REPLICA_ID and $PARAMEDIC_SERVICE, `envs` and the values of `secrets`.
    """

    name: str = Field(pattern=NAME_PATTERN)
    """The service's name, once on its gateway."""
    service: ServiceSection
    run: str = Field(min_length=1)
    """A shell command that serves HTTP on $PARAMEDIC_REPLICA_HOST, port $PARAMEDIC_REPLICA_PORT."""
    envs: Variables = Field(default={})
    """Variables of each replica's environment; stored in the clear."""
    secrets: Secrets = Field(default={})
    """Variables of each replica's environment, with where their values come from; null is {env: NAME}."""
    workdir: Annotated[str, Field(pattern=r"^/[^$]*$"), _FolderInYaml] | None = None
    """Where `run` is started: a folder of the controller's host, from this file's own where it is relative."""
    launcher: Literal["process"] = "process"
    """How replicas are run; `process` is the only way there is."""
    resources: Resources | None = Field(default=None, exclude_if=is_absent)
    """What replicas run on, where `target_qps_per_replica` has a rate for each kind."""

    @model_validator(mode="after")
    def _leave_our_variables_alone(self) -> Self:
        for place, name in (*(("envs", name) for name in self.envs), *(("secrets", name) for name in self.secrets)):
            if name.startswith("PARAMEDIC_"):
                raise InvalidSpecError(f"{place}.{name}", name, "names with PARAMEDIC_ are set by Paramedic")
            if place == "secrets" and name in self.envs:
                raise InvalidSpecError(f"secrets.{name}", name, "is in `envs` too; keep one")
        return self

    @model_validator(mode="after")
    def _has_a_rate(self) -> Self:
        rates = self.service.replica_policy.target_qps_per_replica
        if not isinstance(rates, Mapping):
            return self
        field, known = "service.replica_policy.target_qps_per_replica", ", ".join(rates)
        if self.resources is None:
            problem = "has rates for instance types; say in resources.instance_type which one this version runs on"
            raise InvalidSpecError(field, Unshown(f"rates for {known}"), problem)
        if self.resources.instance_type not in rates:
            problem = f"has no rate in {field}, which knows {known}"
            raise InvalidSpecError("resources.instance_type", self.resources.instance_type, problem)
        return self

    @property
    def instance_type(self) -> str | None:
        """What its replicas run on, where that is said."""
        return self.resources.instance_type if self.resources is not None else None

    @model_validator(mode="after")
    def _can_be_probed(self) -> Self:
        self.probe_request()
        return self

    @model_validator(mode="after")
    def _utilization_can_be_had(self) -> Self:
        wanted, known = self.service.replica_policy.target_utilization, SOURCES[self.launcher]
        if wanted is not None and wanted.source not in known:
            problem = f"knows nothing of replicas of launcher {self.launcher}; write {' or '.join(sorted(known))}"
            raise InvalidSpecError("service.replica_policy.target_utilization.source", str(wanted.source), problem)
        return self

    def probe_request(self) -> ProbeRequest:
        """How a replica is asked whether it is ready."""
        return self.service.readiness_probe.request(self.envs, self.secrets.keys())

    def runs_like(self, other: "ServiceSpec") -> bool:
        """Whether a replica of `other` is as good as one of this: all else changes without replacing replicas."""
        return self.model_dump(include=_RUN_FIELDS) == other.model_dump(include=_RUN_FIELDS)


_RUN_FIELDS = {"run", "envs", "secrets", "workdir", "launcher", "resources"}


def parse_spec(document: object) -> ServiceSpec:
    """The spec in a parsed YAML document.

    Raises:
        InvalidSpecError: a field is unknown, missing, malformed or contradicts another.
    """
    if not isinstance(document, Mapping):
        raise InvalidSpecError("(document)", Unshown("something else"), "must be a mapping with name, service and run")
    try:
        return ServiceSpec.model_validate(document, extra="forbid")
    except ValidationError as error:
        # Not `from`: pydantic's own report shows values, which may be secrets.
        raise invalid_spec(error, ServiceSpec) from None


def read_spec(path: Path) -> ServiceSpec:
    """The spec in a YAML file; a relative `workdir` is taken from the file's folder.

    Raises:
        InvalidSpecError: the file is too large, not YAML or not a service.
        OSError: the file cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    _check_size(text)
    document = load_yaml(text)
    workdir = document.get("workdir") if isinstance(document, dict) else None
    if isinstance(workdir, str) and not workdir.startswith("~"):
        document["workdir"] = str((path.parent / workdir).resolve())
    return parse_spec(document)


def dump_spec(spec: ServiceSpec) -> str:
    """The text kept in the spec's row.

    Raises:
        InvalidSpecError: longer than 64 KB.
    """
    text = spec.model_dump_json()
    _check_size(text)
    return text


def load_spec(text: str) -> ServiceSpec:
    """Inverse of `dump_spec`.

    Raises:
        InvalidSpecError: `text` is not a spec this release understands.
    """
    try:
        return ServiceSpec.model_validate_json(text)
    except ValidationError as error:
        raise invalid_spec(error, ServiceSpec) from None


def _check_size(text: str) -> None:
    size = len(text.encode())
    if size > MAX_SPEC_BYTES:
        raise InvalidSpecError("(document)", f"{size} bytes", f"is larger than {MAX_SPEC_BYTES} bytes")
