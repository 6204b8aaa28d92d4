"""One step of the request-rate autoscaler: a pure function of its state, the traffic and the tick's time.

A controller that restarts between two ticks decides as if it had not. After an outage it decides as if it had been
suspended: missed ticks are not replayed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paramedic.autoscaling.capacity import carried_over, replicas_for
from paramedic.autoscaling.floors import floor_at
from paramedic.autoscaling.hysteresis import Patience, Progress, Wish
from paramedic.autoscaling.recommendations import substance
from paramedic.autoscaling.window import Figures, advance, is_complete, known_requests
from paramedic.services.instance_types import rate_of
from paramedic.services.replica_policy import ReplicaPolicy
from paramedic.state.autoscalers import AutoscalerState, Recommendations, Window

WINDOW_SECONDS = 60
"""The rate is the mean over this span: long enough to smooth bursts, shorter than the agents' rings."""

MAX_REPORT_LAG_SECONDS = 15
"""Reports come every few seconds; older ones no longer speak for the present."""

MAX_GAP_TICKS = 2
"""Two ticks further apart than this are not consecutive; where the later one comes first, a clock was wrong."""


_WITHIN_BOUNDS = "the spec or a schedule has other bounds now"


@dataclass(frozen=True)
class Kinds:
    """Instance types: of the replicas to come, and of each one that runs and was ready."""

    to_come: str | None
    running: Sequence[str | None] = ()


ONE_KIND = Kinds(None)
"""Where nobody said what replicas run on."""


@dataclass(frozen=True)
class ScalingPolicy:
    """A replica policy at one time, in ticks; `interval` is the seconds between two ticks.

    `target_qps` is what each replica to come is to serve, `running` what each of those that run is.
    """

    minimum: int
    maximum: int
    target_qps: float | None
    upscale_ticks: int
    downscale_ticks: int
    interval: int
    overprovision: int = 0
    running: tuple[float, ...] = ()

    @classmethod
    def of(cls, policy: ReplicaPolicy, interval: int, now_second: int, kinds: Kinds = ONE_KIND) -> "ScalingPolicy":
        """The policy at `now_second`: delays in ticks, rounded up, at least one; the least number by its schedules."""
        rates = policy.target_qps_per_replica
        return cls(
            minimum=max(policy.min_replicas, floor_at(policy.schedules, now_second)),
            maximum=policy.maximum,
            target_qps=None if rates is None else rate_of(rates, kinds.to_come),
            upscale_ticks=max(1, math.ceil(policy.upscale_delay_seconds / interval)),
            downscale_ticks=max(1, math.ceil(policy.downscale_delay_seconds / interval)),
            interval=interval,
            overprovision=policy.num_overprovision,
            running=tuple(rate_of(rates, kind) for kind in kinds.running) if isinstance(rates, Mapping) else (),
        )

    @property
    def patience(self) -> Patience:
        """Its delays."""
        return Patience(up=self.upscale_ticks, down=self.downscale_ticks)

    def clamp(self, replicas: int) -> int:
        """`replicas` within the policy's bounds."""
        return max(self.minimum, min(self.maximum, replicas))


@dataclass(frozen=True)
class Decision:
    """How many replicas there should be, what the figures alone ask for, and why.

    `rate` is in requests a second, where those decide.
    """

    target: int
    wanted: int
    rate: float | None
    complete: bool
    reason: str


def initial_state(policy: ScalingPolicy, version: int, now_second: int) -> AutoscalerState:
    """A service's first state: the least replicas there may be, nothing known of its traffic."""
    window = Window(start=now_second)
    return AutoscalerState(version=version, target=policy.minimum, overprovision=policy.overprovision, window=window)


def window_at(now_second: int) -> range:
    """The seconds that a tick at `now_second` goes by."""
    return range(now_second - WINDOW_SECONDS, now_second)


def with_policy(policy: ScalingPolicy, state: AutoscalerState | None, version: int, now_second: int) -> AutoscalerState:
    """`state` under the policy of `version`, all of which counts at once; a first one where there is none.

    Ticks that were counted stay: the next tick compares them with the new delays. Where less capable replicas are to
    come, there are at once enough of them for what the present ones can serve.
    """
    if state is None:
        return initial_state(policy, version, now_second)
    if state.version == version:
        return state
    target = policy.clamp(_carried_over(policy, state.target))
    return state.model_copy(update={"version": version, "target": target, "overprovision": policy.overprovision})


def _carried_over(policy: ScalingPolicy, target: int) -> int:
    if policy.target_qps is None:
        return target
    return carried_over(target, policy.target_qps, policy.running, policy.maximum)


def tick(
    policy: ScalingPolicy, state: AutoscalerState, figures: Figures, now_second: int
) -> tuple[AutoscalerState, Decision]:
    """The next state and what to do. Times in whole seconds since 1970.

    Missing figures may scale up, on what is known alone, and never down. A time not after the last tick changes
    nothing, unless it is so far before it that the last tick's clock must have been ahead.
    """
    if is_made(policy, state, now_second):
        return state, Decision(state.target, state.target, 0.0, False, "this tick was already made")
    window = advance(state.window, figures, window_at(now_second))
    known = {"window": window, "cursors": dict(figures.cursors), "last_tick": now_second}
    other = {"overprovision": policy.overprovision, "recommendations": Recommendations()}
    merged = state.model_copy(update={**known, **other})
    rate, complete = _rate(window, figures.complete_until, now_second)
    target = policy.clamp(state.target)
    wish = _wish(policy, target, rate, complete)
    progress = _progress(policy, state, now_second).after(wish)
    waiting = target + policy.overprovision == 0
    decided = policy.patience.target(wish, progress, waiting=waiting)
    reason = _reason(policy, wish, progress, waiting) if target == state.target else _WITHIN_BOUNDS
    decision = Decision(decided, wish.wanted, rate, complete, reason)
    return _moved(merged, decided, progress.after_step(target, decided)), decision


def differs_in_substance(before: AutoscalerState, after: AutoscalerState) -> bool:
    """Whether `after` must be written: all else is refilled from reports and decides the same without."""
    return _substance(before) != _substance(after)


def _substance(state: AutoscalerState) -> object:
    return (
        state.version,
        state.target,
        state.overprovision,
        state.upscale_count,
        state.downscale_count,
        state.idle_count,
        dict(state.cursors),
        substance(state),
    )


def _rate(window: Window, complete_until: int, now_second: int) -> tuple[float, bool]:
    """Known requests per second, and whether that is all there were.

    The newest seconds are not reported yet while reports are fresh: they count neither as zero nor as missing.
    """
    fresh = complete_until >= now_second - MAX_REPORT_LAG_SECONDS
    until = min(complete_until, now_second) if fresh else now_second
    return known_requests(window) / (until - window.start), fresh and is_complete(window, until)


def _wish(policy: ScalingPolicy, target: int, rate: float, complete: bool) -> Wish:
    """Where nothing but schedules makes a difference, no figures are needed."""
    if policy.target_qps is None:
        return Wish(target, policy.minimum, complete=True)
    wanted = replicas_for(rate, policy.target_qps, policy.running, policy.maximum)
    return Wish(target, policy.clamp(wanted), complete)


def _progress(policy: ScalingPolicy, state: AutoscalerState, now_second: int) -> Progress:
    counted = Progress(state.upscale_count, state.downscale_count, state.idle_count)
    return counted.after_a_gap() if is_gap(policy, state, now_second) else counted


def _moved(state: AutoscalerState, target: int, progress: Progress) -> AutoscalerState:
    counts = {"upscale_count": progress.up, "downscale_count": progress.down, "idle_count": progress.idle}
    return state.model_copy(update={**counts, "target": target})


def is_made(policy: ScalingPolicy, state: AutoscalerState, now_second: int) -> bool:
    """Whether a tick at `now_second` comes late or again, and not from a clock that was set right."""
    return state.last_tick is not None and now_second <= state.last_tick and not is_gap(policy, state, now_second)


def is_gap(policy: ScalingPolicy, state: AutoscalerState, now_second: int) -> bool:
    """Whether so much time went by since the last tick that nobody knows what was wanted meanwhile."""
    return state.last_tick is not None and abs(now_second - state.last_tick) > MAX_GAP_TICKS * policy.interval


def _reason(policy: ScalingPolicy, wish: Wish, progress: Progress, waiting: bool) -> str:
    if wish.is_more and waiting:
        return "requests came while there was no replica"
    if wish.is_more:
        return f"more replicas wanted for {progress.up} of {policy.upscale_ticks} ticks"
    if not wish.complete:
        return "traffic figures are missing: nothing is scaled down"
    if wish.is_fewer:
        return f"fewer replicas wanted for {progress.down} of {policy.downscale_ticks} ticks"
    return "as many replicas as the traffic needs"
