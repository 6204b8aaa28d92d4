"""Private keys in files of the host that reconciles."""

from pathlib import Path
from typing import Protocol

from paramedic.errors import ParamedicError
from paramedic.gateways.dstack.desired import OWN_PROJECT, DesiredGateway


class UnreadableKeyError(ParamedicError):
    """A project's private key cannot be read; the message names the file."""


class SshKeys(Protocol):
    """Finds the private key of a project's replicas."""

    def __call__(self, desired: DesiredGateway, project: str) -> str:
        """The key's text.

        Raises:
            UnreadableKeyError: it cannot be read.
        """


def key_from_file(desired: DesiredGateway, project: str) -> str:
    """The text of the project's file as it is now; Paramedic's own service has no replicas and needs none."""
    if project == OWN_PROJECT:
        return ""
    path = desired.projects[project].ssh_key_file
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableKeyError(f"projects.{project}.ssh_key_file {path!r} cannot be read: {error}") from error
