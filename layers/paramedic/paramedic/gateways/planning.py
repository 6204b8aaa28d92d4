"""What is to be done next for a gateway's replicas. Pure: the same sight gives the same plan.

Replicas are planned for one by one, so that none waits for another; only how many there are, and who leaves, is decided
over all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from paramedic.state.wanted_gateways import Phase

MOST_LEFT_BEHIND = 3
"""So many replicas that cannot be seen to end are replaced by others; then people must look."""

ATTEMPT_DELAYS = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5))
"""How long each attempt in a row waits; whatever comes after these is `BLOCKED_FOR`."""

BLOCKED_FOR = timedelta(hours=1)

GIVEN_UP_AFTER = timedelta(minutes=1)
"""A number whose workload cannot be seen to end for so long is left, and another taken."""

ROUTES_PATIENCE = 3
"""One that is connected gets so many times as long to reach every route as it got to connect."""

UNFINISHED = frozenset({Phase.WAITING, Phase.LAUNCHING, Phase.LAUNCHED, Phase.ENDING})


@dataclass(frozen=True)
class Wanted:
    """What people want: `replicas` of `version`, spread over `profiles`. Leaving ones are stopped `leave_after`."""

    replicas: int
    version: int
    profiles: Sequence[str]
    leave_after: timedelta = timedelta(0)


@dataclass(frozen=True)
class ReplicaSeen:
    """One placed replica. `connected`: its agent speaks for the epoch it was launched under. `serves`: each route was
    reached through it. `healthy` is what checks say. `recovering`: a recovery works on it. `recovered`: one has
    relaunched it.
    """

    number: int
    version: int
    profile: str
    phase: Phase
    since: datetime
    attempts: int = 0
    not_before: datetime | None = None
    deadline: timedelta = timedelta(minutes=1)
    connected: bool = False
    serves: bool = False
    healthy: bool = True
    recovering: bool = False
    recovered: bool = False
    trouble: str = ""

    def is_of(self, wanted: Wanted) -> bool:
        """Whether it is what people want now."""
        return self.version == wanted.version and self.profile in wanted.profiles

    @property
    def is_well(self) -> bool:
        """Whether users are served through it."""
        return self.phase is Phase.SERVING and self.healthy and not self.recovering


@dataclass(frozen=True)
class Place:
    """Have replica `number` run by `profile`: a number that nobody has."""

    number: int
    profile: str


@dataclass(frozen=True)
class Launch:
    """Begin another attempt, under an epoch of its own."""

    number: int


@dataclass(frozen=True)
class Resume:
    """Go on with the attempt that was begun, under the key it has."""

    number: int


@dataclass(frozen=True)
class Promote:
    """It serves: nothing is done for it any more unless it fails."""

    number: int


@dataclass(frozen=True)
class End:
    """The attempt came to nothing: stop it, and try again later."""

    number: int
    reason: str


@dataclass(frozen=True)
class Leave:
    """It is not wanted any more: stop it for good."""

    number: int
    reason: str


@dataclass(frozen=True)
class Stop:
    """What is to end is stopped, or seen to have ended."""

    number: int


@dataclass(frozen=True)
class Adopt:
    """A recovery relaunched it: what that launched is what is there."""

    number: int


type Action = Place | Launch | Resume | Promote | End | Leave | Stop | Adopt


def delay_after(attempts: int) -> timedelta:
    """How long is waited after `attempts` in a row that came to nothing."""
    return ATTEMPT_DELAYS[attempts] if attempts < len(ATTEMPT_DELAYS) else BLOCKED_FOR


def plan(wanted: Wanted, seen: Sequence[ReplicaSeen], taken: frozenset[int], now: datetime) -> tuple[Action, ...]:
    """The next step of each replica that has one; numbers in `taken` are others'."""
    active = [each for each in seen if each.phase is not Phase.LEAVING]
    leaving = {each.number: each for each in _leaving(wanted, active)}
    steps = [step for each in seen if each.number not in leaving if (step := _next_step(each, wanted, now)) is not None]
    kept = [each for each in active if each.number not in leaving]
    return (
        *(Leave(each.number, _why(each, wanted)) for each in leaving.values()),
        *steps,
        *_places(wanted, kept, seen, taken),
    )


def _why(replica: ReplicaSeen, wanted: Wanted) -> str:
    if wanted.replicas == 0:
        return "the gateway is taken down"
    return "fewer replicas are wanted" if replica.is_of(wanted) else "it is replaced by what is wanted now"


def _next_step(replica: ReplicaSeen, wanted: Wanted, now: datetime) -> Action | None:
    waited = now - replica.since
    match replica.phase:
        case Phase.LEAVING:
            return Stop(replica.number) if waited >= wanted.leave_after else None
        case Phase.ENDING:
            why = f"its end cannot be seen: {replica.trouble}"
            return Leave(replica.number, why) if waited >= GIVEN_UP_AFTER else Stop(replica.number)
        case Phase.WAITING:
            return Launch(replica.number) if replica.not_before is None or now >= replica.not_before else None
        case Phase.LAUNCHING:
            # What nobody has tried in vain yet was left by a run that died.
            if waited >= replica.deadline and replica.trouble:
                return End(replica.number, f"could not be launched in {_seconds(replica.deadline)}: {replica.trouble}")
            return Resume(replica.number)
        case Phase.LAUNCHED:
            return _once_launched(replica, waited)
        case Phase.SERVING:
            return Adopt(replica.number) if replica.recovered else None


def _once_launched(replica: ReplicaSeen, waited: timedelta) -> Action | None:
    if replica.serves:
        return Promote(replica.number)
    if not replica.connected:
        why = f"was launched and did not connect in {_seconds(replica.deadline)}"
        return End(replica.number, why) if waited >= replica.deadline else None
    patience = ROUTES_PATIENCE * replica.deadline
    why = f"is connected and did not serve every route in {_seconds(patience)}: {replica.trouble}"
    return End(replica.number, why) if waited >= patience else None


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f} s"


def _leaving(wanted: Wanted, active: Sequence[ReplicaSeen]) -> list[ReplicaSeen]:
    """Who leaves now. What serves and is well leaves only while enough others do."""
    if wanted.replicas == 0:
        return list(active)
    useless = [each for each in active if each.phase in UNFINISHED and not each.is_of(wanted)]
    left = [each for each in active if each not in useless]
    old = [each for each in left if not each.is_of(wanted)]
    surge = 1 if old else 0
    excess = sorted(left, key=_first_out)[: max(0, len(left) - wanted.replicas - surge)]
    out = [*useless, *excess]
    for each in sorted((each for each in old if each not in excess), key=_first_out):
        staying = [other for other in left if other not in out]
        well = sum(other.is_well for other in staying)
        # One that serves nobody makes room as soon as there is another in its place.
        if (each.is_well and well > wanted.replicas) or (not each.is_well and len(staying) > wanted.replicas):
            out.append(each)
    return out


def _first_out(replica: ReplicaSeen) -> tuple[bool, bool, datetime, int]:
    """Unfinished before what failed, that before the oldest."""
    return (replica.phase not in UNFINISHED, replica.is_well, replica.since, replica.number)


def _places(
    wanted: Wanted, kept: Sequence[ReplicaSeen], seen: Sequence[ReplicaSeen], taken: frozenset[int]
) -> Iterator[Place]:
    """New replicas where some are missing, the lowest free numbers first; one more than wanted while others leave."""
    current = [each for each in kept if each.is_of(wanted)]
    surge = 1 if len(current) < len(kept) else 0
    missing = min(wanted.replicas - len(current), wanted.replicas + surge - len(kept))
    room = wanted.replicas + surge + MOST_LEFT_BEHIND - len(seen)
    numbers = (number for number in count(1) if number not in taken and all(number != each.number for each in seen))
    load = {profile: sum(each.profile == profile for each in kept) for profile in wanted.profiles}
    for _ in range(min(missing, room)):
        profile = min(wanted.profiles, key=load.__getitem__)
        load[profile] += 1
        yield Place(next(numbers), profile)
