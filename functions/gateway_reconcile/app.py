"""gateway_reconcile: every minute, and when people change one, moves gateways toward what is wanted."""

# isort: off
from paramedic import cold_start  # before all that it is to hasten

# isort: on
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from paramedic.gateways.messages import ReconcileRequest
from paramedic.gateways.reconciling import keep_all, keep_one
from paramedic.gateways.settings import GatewayReconcileSettings
from paramedic.gateways.surroundings import Surroundings
from paramedic.gateways.wiring import make_surroundings, renewed
from paramedic.observability import make_logger
from paramedic.state import tables
from paramedic.validation import validated

cold_start.imported()
LOGGER = make_logger()


def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Sequence[str]]:  # noqa: ARG001 -- Lambda's signature
    """Keep every gateway, or the one that is named; answers with what was done for each."""
    request = validated(ReconcileRequest, event)
    around = renewed(_lasting(), _settings(), uuid.uuid4().hex)
    done = keep_all(around) if request.gateway is None else keep_one(request.gateway, around)
    LOGGER.info("gateways are kept", extra={"done": done})
    return done


@cache
def _settings() -> GatewayReconcileSettings:
    settings = GatewayReconcileSettings.from_env()
    tables.bind(settings.table_prefix)
    return settings


@cache
def _lasting() -> Surroundings:
    # To make a client takes far longer than a look at which nothing is to be done.
    return make_surroundings(_settings(), "")
