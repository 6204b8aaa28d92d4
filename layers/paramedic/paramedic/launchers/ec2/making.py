"""Puts a launcher together from a profile."""

from typing import cast

from paramedic.clock import Clock
from paramedic.launchers.ec2.profile import Ec2Profile, LaunchTemplate
from paramedic.launchers.ec2.reading import Ec2Api
from paramedic.launchers.ec2.replacing import Ec2ReplaceLauncher
from paramedic.launchers.ec2.starting import Ec2StartLauncher
from paramedic.launchers.interface import Launcher


def make_ec2_launcher(profile: Ec2Profile, api: Ec2Api, clock: Clock) -> Launcher:
    """The launcher for the profile's way to run things, of which it has exactly one."""
    if profile.instance is not None:
        return Ec2StartLauncher(profile, api, clock, profile.instance)
    return Ec2ReplaceLauncher(profile, api, clock, cast(LaunchTemplate, profile.replace))
