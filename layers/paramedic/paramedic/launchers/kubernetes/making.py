"""Puts a launcher together from a profile."""

from typing import cast

import httpx

from paramedic.clock import Clock
from paramedic.launchers.interface import Launcher
from paramedic.launchers.kubernetes.api import KubernetesApi
from paramedic.launchers.kubernetes.launcher import KubernetesLauncher
from paramedic.launchers.kubernetes.owners import DeploymentOwner, JobOwner
from paramedic.launchers.kubernetes.profile import KubernetesProfile


def make_kubernetes_launcher(profile: KubernetesProfile, client: httpx.Client, clock: Clock) -> Launcher:
    """The launcher for the profile's way to run things, of which it has exactly one."""
    api = KubernetesApi(client, profile.namespace, clock)
    if profile.deployment is not None:
        return KubernetesLauncher(profile, api, DeploymentOwner(api, profile.deployment), clock)
    return KubernetesLauncher(profile, api, JobOwner(api, cast(str, profile.job_from)), clock)
