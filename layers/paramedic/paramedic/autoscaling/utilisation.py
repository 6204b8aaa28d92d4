"""One step of the utilisation autoscaler: a pure function of its state, what replicas use and the tick's time.

The algorithm is that of Kubernetes' HorizontalPodAutoscaler, with one difference: missing figures never scale down.
Where Kubernetes takes replicas without figures to use as much as the target, or leaves out those that are not ready
yet, a tick here that needs them to decide is as one that was not made.
"""

import math
from dataclasses import dataclass

from paramedic.autoscaling.recommendations import after_tick, before_tick, stabilised
from paramedic.autoscaling.tick import Decision, ScalingPolicy, is_gap, is_made
from paramedic.services.replica_policy import MAX_REPLICAS
from paramedic.services.utilization import TargetUtilization
from paramedic.state.autoscalers import AutoscalerState

DIGITS = 9
"""Behind the point. Three times 0.1 is three replicas for a target of 0.1, whatever binary fractions say."""


@dataclass(frozen=True)
class Usages:
    """What each replica that serves uses, as far as it is known; `missing` is how many others should serve."""

    known: tuple[float, ...] = ()
    missing: int = 0


def recommendation(current: int, usages: Usages, wanted: TargetUtilization) -> int | None:
    """How many replicas would use the target each, where there are `current`; None when that cannot be told.

    That is `ceil(current * average / target)`: as many as the sum of all usages needs. More are recommended even
    when replicas without figures use nothing at all.
    """
    needed = min(round(sum(usages.known) / wanted.target, DIGITS), MAX_REPLICAS)
    ratio = round(needed / current, DIGITS)
    if ratio > 1 + wanted.tolerance:
        return math.ceil(needed)
    if usages.missing or not usages.known:
        return None
    return current if ratio >= 1 - wanted.tolerance else math.ceil(needed)


def tick(
    policy: ScalingPolicy, wanted: TargetUtilization, state: AutoscalerState, usages: Usages, now_second: int
) -> tuple[AutoscalerState, Decision]:
    """The next state and what to do. Times in whole seconds since 1970.

    After a gap of more than two ticks the downscale window begins anew. A time not after the last tick changes
    nothing, unless it is so far before it that the last tick's clock must have been ahead.
    """
    if is_made(policy, state, now_second):
        return state, _decision(state.target, state.target, complete=False, reason="this tick was already made")
    current = policy.clamp(state.target)
    counts = {"upscale_count": 0, "downscale_count": 0, "idle_count": 0}
    bounded = state.model_copy(update={**counts, "target": current, "overprovision": policy.overprovision})
    found = recommendation(max(current, 1), usages, wanted)
    if found is None:
        reason = f"{wanted.metric} of {usages.missing} replicas is missing: nothing is scaled down"
        return bounded, _decision(current, current, complete=False, reason=reason)
    recommended = policy.clamp(found)
    gap = is_gap(policy, state, now_second)
    known = before_tick(bounded, current, is_gap=gap, interval=policy.interval, now_second=now_second)
    target = stabilised(current, recommended, known, wanted, now_second)
    update = {"target": target, "recommendations": after_tick(known, recommended, now_second), "last_tick": now_second}
    decision = _decision(
        target, recommended, complete=not usages.missing, reason=_reason(recommended, target, usages, wanted)
    )
    return bounded.model_copy(update=update), decision


def _decision(target: int, recommended: int, *, complete: bool, reason: str) -> Decision:
    return Decision(target, recommended, None, complete, reason)


def _reason(recommended: int, target: int, usages: Usages, wanted: TargetUtilization) -> str:
    average = sum(usages.known) / len(usages.known)
    measured = f"{wanted.metric} {average:.4g} on average of {len(usages.known)} replicas, target {wanted.target:.4g}"
    if recommended == target:
        return measured
    return f"{measured}: {recommended} recommended, which the stabilization window does not agree on yet"
