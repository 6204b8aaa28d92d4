"""Profiles of launcher `webhook`."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from paramedic.launchers.profile import CloudProfile
from paramedic.launchers.secret_places import SecretPlace


class WebhookProfile(CloudProfile):
    """Have the endpoint at `url` do it, asked in requests signed with `secret`; `environment` is sent along."""

    launcher: Literal["webhook"]
    url: str = Field(pattern=r"^https://[^\s/?#@]+(/[^\s?#]*)?$")
    secret: SecretPlace
    environment: Mapping[str, str] = {}
