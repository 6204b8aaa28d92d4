"""Files in which people write the gateway they want."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from paramedic.errors import InvalidInputError
from paramedic.gateways.spec import GatewaySpec
from paramedic.services.invalid_spec import Unshown, invalid_spec
from paramedic.services.strict_yaml import load_yaml

_BY_PROFILE = "is said by the launcher profile that backend names; remove it"

LONGEST_TEXT = 64 * 1024

ELSEWHERE: Mapping[str, str] = {
    "default": "services name their gateway, and the one they mean without is called `default`; remove it",
    "instance_type": _BY_PROFILE,
    "public_ip": f"{_BY_PROFILE}, and say in probe_from whether health checks come from a VPC",
    "router": "services have their own load_balancing_policy; remove it",
    "tags": _BY_PROFILE,
}
"""Fields of dstack's gateways that are said elsewhere here, with what to do."""


def parse_gateway(document: object) -> GatewaySpec:
    """The gateway in a parsed YAML document.

    Raises:
        InvalidInputError: a field is unknown, missing, malformed or contradicts another; the message names it.
    """
    if not isinstance(document, Mapping):
        raise InvalidInputError(
            "(document)", Unshown("something else"), "must be a mapping with type, name and backend"
        )
    for field, remedy in ELSEWHERE.items():
        if document.get(field) is not None:
            raise InvalidInputError(
                field, document[field], f"is a field of dstack's that is not honoured here: {remedy}"
            )
    try:
        return GatewaySpec.model_validate(document)
    except ValidationError as error:
        raise invalid_spec(error, GatewaySpec) from None


def read_gateway(path: Path) -> GatewaySpec:
    """The gateway in a YAML file.

    Raises:
        InvalidInputError: the file is too large, not YAML in UTF-8 or not a gateway.
        OSError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(str(path), error.reason, "is not UTF-8 text") from error
    if len(text) > LONGEST_TEXT:
        raise InvalidInputError(str(path), f"{len(text)} characters", f"is longer than {LONGEST_TEXT}")
    return parse_gateway(load_yaml(text))
