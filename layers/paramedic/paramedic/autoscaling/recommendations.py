"""What was recommended at earlier ticks, as far as it still bounds a decision: the stabilisation window's memory."""

from paramedic.services.utilization import MAX_STABILIZATION_SECONDS, TargetUtilization
from paramedic.state.autoscalers import AutoscalerState, Recommendation, Recommendations


def before_tick(
    state: AutoscalerState, current: int, *, is_gap: bool, interval: int, now_second: int
) -> Recommendations:
    """What is known when a tick at `now_second` begins.

    Ticks that recommended what there was are not stored, so the time since one speaks for the `current` replicas, as
    the time before the first tick does. So does a gap, but only against fewer replicas: nobody knows that as many
    were not needed, while more are wanted as soon as they are known to be.
    """
    known = _of_last(state.recommendations, MAX_STABILIZATION_SECONDS, now_second)
    unseen = Recommendation(now_second - interval, current)
    if not _is_pending(state):
        return _with(known, unseen)
    return Recommendations(highest=_highest(known.highest, unseen), lowest=known.lowest) if is_gap else known


def after_tick(known: Recommendations, recommended: int, now_second: int) -> Recommendations:
    """`known`, and that `recommended` replicas are right at `now_second`."""
    return _with(known, Recommendation(now_second, recommended))


def stabilised(
    current: int, recommended: int, known: Recommendations, wanted: TargetUtilization, now_second: int
) -> int:
    """How many replicas there should be: no more than all recommendations of the upscale window agree on, and no fewer
    than all of the downscale window do.
    """
    up = _of_last(known, wanted.upscale_stabilization_seconds, now_second).lowest
    down = _of_last(known, wanted.downscale_stabilization_seconds, now_second).highest
    at_least = min(recommended, *(each.replicas for each in up)) if up else recommended
    at_most = max(recommended, *(each.replicas for each in down)) if down else recommended
    return min(max(current, at_least), at_most)


def substance(state: AutoscalerState) -> object:
    """What a successor must know to decide the same: while what is recommended is what there is, no more than that."""
    known = state.recommendations
    return known if _is_pending(state) else known.latest


def _is_pending(state: AutoscalerState) -> bool:
    """Whether the last tick recommended another number of replicas than there are."""
    latest = state.recommendations.latest
    return latest is not None and latest != state.target


def _of_last(known: Recommendations, seconds: int, now_second: int) -> Recommendations:
    """Those of the last `seconds`; what is not past yet was told by a clock that was wrong."""
    past = range(now_second - seconds, now_second)
    return Recommendations(
        highest=tuple(each for each in known.highest if each.second in past),
        lowest=tuple(each for each in known.lowest if each.second in past),
    )


def _with(known: Recommendations, latest: Recommendation) -> Recommendations:
    lower = tuple(each for each in known.lowest if each.replicas < latest.replicas)
    return Recommendations(highest=_highest(known.highest, latest), lowest=(*lower, latest))


def _highest(known: tuple[Recommendation, ...], latest: Recommendation) -> tuple[Recommendation, ...]:
    """Whatever was not higher than the `latest` bounds nothing any more."""
    return (*(each for each in known if each.replicas > latest.replicas), latest)
