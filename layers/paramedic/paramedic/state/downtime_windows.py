"""What planned downtimes are; how their rows are kept, `downtimes` says.

Without the library for DynamoDB: whoever reads a service's spec needs these and not that.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Recurring(_Part):
    """From each time of `stop` until the next of `start`, cron expressions of wall-clock time in `timezone`."""

    kind: Literal["recurring"] = "recurring"
    stop: str
    start: str
    timezone: str


class OneOff(_Part):
    """From `begin` until `end`, once."""

    kind: Literal["one-off"] = "one-off"
    begin: AwareDatetime
    end: AwareDatetime


class Window(_Part):
    """One planned downtime; `number` names it among those of its service or controller.

    `from_spec` are those that the service's YAML asks for: its next version replaces them.
    """

    number: int
    plan: Annotated[Recurring | OneOff, Field(discriminator="kind")]
    owner: str
    reason: str
    added_at: AwareDatetime
    from_spec: bool = False


class Windows(_Part):
    """What a row holds of them."""

    windows: tuple[Window, ...]
