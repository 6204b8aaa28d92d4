"""Settings that several processes are told, each under the same name and within the same bounds."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS

type StaleSeconds = Annotated[float, Field(ge=SELF_FENCE_LEASE_SECONDS, le=30)]
"""How long a heartbeat must stand still: never less than its controller may act on its last write."""

type HungAfterSeconds = Annotated[float, Field(gt=0)]
"""How long unbroken timeouts must last."""

type ChecksPerMinute = Annotated[Literal[1, 2, 3, 6], BeforeValidator(int)]
"""How often what is fast is checked."""

type ApprovalMinutes = Annotated[float, Field(gt=0, le=1440)]
"""How long a question stands, and a yes to it counts."""

type MostOpenRecoveries = Annotated[int, Field(ge=1, le=100)]
"""How many recoveries automation has under way at once in the whole stack."""

MOST_OPEN_RECOVERIES = 10
"""Where nothing is said."""
