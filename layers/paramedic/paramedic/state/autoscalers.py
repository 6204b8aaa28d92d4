"""Table `autoscalers`: the autoscaler's whole memory, one row per service, one write per tick that changed it."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict
from pynamodb.attributes import UnicodeAttribute

from paramedic.state.tables import JsonAttribute, Row, TableMeta

TABLE = "autoscalers"


class Window(BaseModel):
    """Requests per second of wall time: `counts[i]` is second `start + i`; None is a second nobody covered.

    `incomplete` are the seconds that only some gateway replicas covered: their counts are lower bounds. The last
    second that had a request, in this window or an earlier one, is before `counted_until`. No report completes a
    second before `unknown_before`: the clock went back, and its requests may have been counted already.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    start: int
    counts: tuple[int | None, ...] = ()
    incomplete: tuple[int, ...] = ()
    counted_until: int = 0
    unknown_before: int = 0


class AutoscalerState(BaseModel):
    """What one tick hands to the next.

    `cursors` maps "<gateway replica>#<incarnation>" to the counter total already merged; `last_tick` is the tick's
    time in whole seconds since 1970. `upscale_count`, `downscale_count` and `idle_count` are the ticks that wanted more
    replicas, fewer, and none, less those that did not. `overprovision` replicas run on top of `target`, which the
    traffic alone decides.
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
    last_tick: int | None = None

    @property
    def replicas(self) -> int:
        """How many replicas there should be."""
        return self.target + self.overprovision


class Autoscaler(Row):
    """`state` is what the pure tick takes and returns."""

    class Meta(TableMeta):
        pass

    service_uid = UnicodeAttribute(hash_key=True)
    state = JsonAttribute(AutoscalerState)


MODELS = (Autoscaler,)
