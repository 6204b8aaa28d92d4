"""Puts a recovery's real surroundings together: system clock, prober, the stack's launcher profiles."""

import random
import uuid
from collections.abc import Callable, Mapping
from functools import cache

from paramedic.clock import SystemClock
from paramedic.health.addresses import AddressGuard
from paramedic.health.outcomes import ProbeBatch, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import FENCING_ON_HOST, Launch
from paramedic.launchers.profiles import LauncherProfile, launch_request, make_launcher, profile_named
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.setting_types import MOST_OPEN_RECOVERIES
from paramedic.state.targets import controller_id_of


def make_surroundings(
    *,
    guard: AddressGuard,
    profiles: Mapping[str, LauncherProfile],
    page: Callable[[str, str], bool],
    stale_seconds: float,
    approval_minutes: float,
    most_open_recoveries: int = MOST_OPEN_RECOVERIES,
) -> Surroundings:
    """Surroundings for one invocation, which owns the steps it works on under a fresh name."""
    return Surroundings(
        clock=SystemClock(),
        new_id=lambda: uuid.uuid4().hex,
        invocation=uuid.uuid4().hex,
        probe=prober(guard),
        profile=planner(profiles),
        page=page,
        stale_seconds=stale_seconds,
        approval_minutes=approval_minutes,
        most_open_recoveries=most_open_recoveries,
        profiles=profiles,
    )


def prober(guard: AddressGuard) -> Callable[[ProbeRequest], ProbeOutcome]:
    """One probe at a time, by the same engine and address guard as the fleet's."""

    def probe(request: ProbeRequest) -> ProbeOutcome:
        # A controller whose epoch was given to it never probes, and is well the sooner for not loading the engine.
        import asyncio

        from paramedic.health.engine import probe_all

        report = asyncio.run(probe_all(ProbeBatch(targets=(request,)), guard=guard, rng=random.Random()))
        return report.outcomes[0]

    return probe


def planner(profiles: Mapping[str, LauncherProfile]) -> Callable[[str], LaunchPlan]:
    """Looks a profile up by name and makes its launcher, once."""

    @cache
    def plan(name: str) -> LaunchPlan:
        profile = profile_named(profiles, name)
        fences = profile.launcher in FENCING_ON_HOST
        return LaunchPlan(make_launcher(profile), _requester(profile), profile.verify_seconds, fences)

    return plan


def _requester(profile: LauncherProfile) -> Callable[[str, str, int, str], Launch]:
    def request(workload: str, scope: str, epoch: int, key: str) -> Launch:
        launch = launch_request(profile, workload=workload, scope=scope, epoch=epoch, key=key)
        controller_id = controller_id_of(workload)
        named = {} if controller_id is None else {"PARAMEDIC_CONTROLLER_ID": controller_id}
        return launch.model_copy(update={"environment": {**launch.environment, **named}})

    return request
