"""Puts a launcher together from a profile."""

import uuid

import httpx

from paramedic.clock import Clock
from paramedic.launchers.interface import Launcher
from paramedic.launchers.webhook.launcher import WebhookLauncher
from paramedic.launchers.webhook.profile import WebhookProfile
from paramedic.launchers.webhook.signed import TIMEOUT_SECONDS, SignedRequests


def make_webhook_launcher(
    profile: WebhookProfile, clock: Clock, transport: httpx.BaseTransport | None = None
) -> Launcher:
    """The launcher, with the profile's secret, which is read now.

    Raises:
        SecretUnreadableError: it cannot be had.
    """
    client = httpx.Client(transport=transport, timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
    return WebhookLauncher(
        profile, SignedRequests(client, profile.secret.read(), clock, lambda: uuid.uuid4().hex), clock
    )
