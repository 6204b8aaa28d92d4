"""What the detail of each event holds, for whoever receives one or wants its schema.

The check, which sends them, loads none of it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from paramedic.health.diagnosis import DiagnosisName
from paramedic.health.events import Detail, HealthEvent, MassFailureOver, MassFailureSuspected
from paramedic.health.transitions import DetailType
from paramedic.state.targets import TargetKind
from paramedic.validation import validated

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class ControllerFailed(HealthEvent):
    """The detail of "Controller Failed": a controller, with a diagnosis that a relaunch cures."""

    kind: Literal[TargetKind.CONTROLLER]
    diagnosis: Literal[DiagnosisName.DEAD, DiagnosisName.HUNG]


class GatewayReplicaFailed(HealthEvent):
    """The detail of "Gateway Replica Failed": a gateway replica needs people, whom its `notice` tells.

    `cures` is true of one that the stack launched, where a relaunch is the cure: recovery decides on it.
    """

    kind: Literal[TargetKind.GATEWAY]
    diagnosis: Literal[
        DiagnosisName.ROUTES_LOST,
        DiagnosisName.DEAD,
        DiagnosisName.UNREACHABLE,
        DiagnosisName.HUNG,
        DiagnosisName.AGENT_DEAD,
        DiagnosisName.FAILING,
    ]


EVENTS: Mapping[DetailType, type[Detail]] = {
    DetailType.CONTROLLER_FAILED: ControllerFailed,
    DetailType.GATEWAY_REPLICA_FAILED: GatewayReplicaFailed,
    DetailType.TARGET_DOWN: HealthEvent,
    DetailType.TARGET_RECOVERED: HealthEvent,
    DetailType.MASS_FAILURE_SUSPECTED: MassFailureSuspected,
    DetailType.MASS_FAILURE_OVER: MassFailureOver,
}
"""What the detail of each event holds."""


def event_schemas() -> Mapping[DetailType, Mapping[str, Any]]:
    """The JSON Schema of every event's detail, derived from the models, so that the two never differ."""
    schemas = {name: model.model_json_schema(by_alias=True, mode="serialization") for name, model in EVENTS.items()}
    return {name: {"$schema": DIALECT, **schema, "title": name.value} for name, schema in schemas.items()}


class CuredByRelaunch(HealthEvent):
    """The detail of any event that recovery acts on: of a target that a relaunch may cure."""

    cures: Literal[True]


def parse_cured_by_relaunch(detail_type: DetailType, detail: Mapping[str, Any]) -> HealthEvent:
    """The detail of an event about a target that a relaunch may cure.

    Raises:
        InvalidInputError: malformed, or nothing that a relaunch cures; `field` says where.
    """
    validated(EVENTS[detail_type], detail, "detail")
    return validated(CuredByRelaunch, detail, "detail")
