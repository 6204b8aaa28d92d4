"""Puts a launcher together from a profile."""

from typing import cast

from paramedic.clock import Clock
from paramedic.launchers.ecs.profile import EcsProfile, EcsService
from paramedic.launchers.ecs.reading import EcsApi
from paramedic.launchers.ecs.services import EcsServiceLauncher
from paramedic.launchers.ecs.tasks import EcsTaskLauncher
from paramedic.launchers.interface import Launcher


def make_ecs_launcher(profile: EcsProfile, api: EcsApi, clock: Clock) -> Launcher:
    """The launcher for the profile's way to run things, of which it has exactly one."""
    if profile.task is not None:
        return EcsTaskLauncher(profile, profile.task, api, clock)
    return EcsServiceLauncher(profile, cast(EcsService, profile.service), api, clock)
