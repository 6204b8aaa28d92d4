"""What the meter in the functions wrote."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Call(BaseModel):
    """One call of AWS; `begin` and `end` in seconds since the invocation began, `units` of DynamoDB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    operation: str
    begin: float
    end: float
    units: float


class Invocation(BaseModel):
    """One invocation of a function that was warm; `queued_seconds` is for how long it waited for a processor here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: str
    wall_seconds: float
    cpu_seconds: float
    queued_seconds: float
    calls: tuple[Call, ...]


def read_journal(path: Path) -> tuple[Invocation, ...]:
    """All that is noted so far."""
    lines = path.read_text().splitlines() if path.exists() else []
    return tuple(Invocation.model_validate_json(line) for line in lines)
