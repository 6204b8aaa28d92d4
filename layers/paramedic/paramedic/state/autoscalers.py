"""Table `autoscalers`: the autoscaler's whole memory, one row per service, one write per tick that changed it."""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_serializer, model_validator
from pynamodb.attributes import UnicodeAttribute

from paramedic.state.packed_seconds import Known, Second, pack_seconds, unpack_seconds
from paramedic.state.tables import JsonAttribute, Row, TableMeta

TABLE = "autoscalers"

DIGITS = 20
"""Of 64-bit numbers."""


class Window(BaseModel):
    """Requests per second of wall time: `counts[i]` is second `start + i`; None is a second nobody covered.

    `incomplete` are the seconds that only some gateway replicas covered: their counts are lower bounds. The last
    second that had a request, in this window or an earlier one, is before `counted_until`. No report completes a
    second before `unknown_before`: the clock went back, and its requests may have been counted already.

    As JSON its length depends on how many seconds there are, and not on what was counted in them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    start: int
    counts: tuple[int | None, ...] = ()
    incomplete: tuple[int, ...] = ()
    counted_until: int = 0
    unknown_before: int = 0

    @model_serializer(mode="plain", when_used="json")
    def _packed(self) -> Mapping[str, object]:
        return {
            "start": self.start,
            # What knows nothing of `packed` is to take none of these seconds for one without requests.
            "unknown_before": self.start + len(self.counts),
            "packed": pack_seconds(self._seconds()),
            "packed_counted_until": _wide(self.counted_until),
            "packed_unknown_before": _wide(self.unknown_before),
        }

    def _seconds(self) -> list[Second]:
        incomplete = frozenset(self.incomplete)
        return [
            (0, Known.NOTHING) if count is None else (count, Known.LOWER_BOUND if second in incomplete else Known.ALL)
            for second, count in enumerate(self.counts, self.start)
        ]

    @model_validator(mode="before")
    @classmethod
    def _unpacked(cls, value: object) -> object:
        # Earlier releases wrote plain lists.
        if not isinstance(value, Mapping) or "packed" not in value:
            return value
        packed = _Packed.model_validate(value)
        seconds = list(enumerate(unpack_seconds(packed.packed), packed.start))
        return {
            "start": packed.start,
            "counts": [None if known is Known.NOTHING else count for _, (count, known) in seconds],
            "incomplete": [second for second, (_, known) in seconds if known is Known.LOWER_BOUND],
            "counted_until": packed.packed_counted_until,
            "unknown_before": packed.packed_unknown_before,
        }


class _Packed(BaseModel):
    start: int
    packed: str
    packed_counted_until: int
    packed_unknown_before: int


class Recommendation(NamedTuple):
    """How many replicas their utilisation asked for at one tick, in whole seconds since 1970."""

    second: int
    replicas: int


class Recommendations(BaseModel):
    """The last hour's, without those that bound no decision any more; both end with the latest.

    `highest` are those that all later ones are lower than, `lowest` those that all later ones are higher than.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    highest: tuple[Recommendation, ...] = ()
    lowest: tuple[Recommendation, ...] = ()

    @property
    def latest(self) -> int | None:
        """What the last tick recommended; None before the first."""
        return self.lowest[-1].replicas if self.lowest else None


class AutoscalerState(BaseModel):
    """What one tick hands to the next.

    `cursors` maps "<gateway replica>#<incarnation>" to the counter total already merged; `last_tick` is the tick's
    time in whole seconds since 1970. `upscale_count`, `downscale_count` and `idle_count` are the ticks that wanted more
    replicas, fewer, and none, less those that did not; `recommendations` are those of a service scaled by utilisation.
    `overprovision` replicas run on top of `target`, which the figures alone decide.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    target: int
    overprovision: int = 0
    upscale_count: int = 0
    downscale_count: int = 0
    idle_count: int = 0
    window: Window
    cursors: Mapping[str, int] = {}
    recommendations: Recommendations = Field(default=Recommendations(), exclude_if=lambda known: not known.lowest)
    last_tick: int | None = None

    @field_serializer("cursors", when_used="json")
    def _cursors_of_one_length(self, cursors: Mapping[str, int]) -> Mapping[str, str]:
        return {key: _wide(total) for key, total in cursors.items()}

    @property
    def replicas(self) -> int:
        """How many replicas there should be."""
        return self.target + self.overprovision


def _wide(number: int) -> str:
    """As many digits as any number here has; it is read as the number all the same."""
    return f"{number:0{DIGITS}d}"


class Autoscaler(Row):
    """`state` is what the pure tick takes and returns."""

    class Meta(TableMeta):
        pass

    service_uid = UnicodeAttribute(hash_key=True)
    state = JsonAttribute(AutoscalerState)


MODELS = (Autoscaler,)
