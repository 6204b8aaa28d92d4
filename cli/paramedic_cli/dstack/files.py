"""The file in which people write what a gateway of dstack should have."""

from pathlib import Path

from paramedic.errors import InvalidInputError
from paramedic.gateways.dstack.desired import DesiredGateway
from paramedic.services.strict_yaml import load_yaml
from paramedic.validation import validated

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes: a thousand services of twenty replicas."""


def read_gateway(path: Path) -> DesiredGateway:
    """The gateway in a YAML file.

    Raises:
        InvalidInputError: it cannot be read, is too large, not YAML, or says what cannot be; names the field.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise InvalidInputError(str(path), size, f"is larger than {LARGEST_FILE} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(str(path), "a file", f"cannot be read: {error}") from error
    return validated(DesiredGateway, load_yaml(text), root=path.name)
