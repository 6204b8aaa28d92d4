"""What all parts of a service's YAML have in common."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Strict: what it does not know is refused."""

    # Docstrings of fields are what editors show.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def is_empty(value: Sequence[object]) -> bool:
    """What nobody asked for is not written, so that the release before understands all the rest."""
    return not value


def is_zero(value: object) -> bool:
    """As `is_empty`, for numbers."""
    return value == 0


def is_absent(value: object) -> bool:
    """As `is_empty`, for what may be absent."""
    return value is None
