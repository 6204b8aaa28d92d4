"""Private keys in files of one directory of the host that reconciles. Rows name keys and no paths."""

from collections.abc import Callable
from pathlib import Path

from paramedic.errors import ParamedicError
from paramedic.gateways.dstack.desired import OWN_PROJECT, DesiredGateway


class UnreadableKeyError(ParamedicError):
    """A project's private key cannot be read; the message names the file."""


type SshKeys = Callable[[DesiredGateway, str], str]
"""The text of the private key of a project of a gateway; raises UnreadableKeyError."""


def keys_in(directory: Path) -> SshKeys:
    """Keys as their files in `directory` are when they are asked for."""

    def key_of(desired: DesiredGateway, project: str) -> str:
        # Paramedic's own service has no replicas, and so no need for a key.
        return "" if project == OWN_PROJECT else _read(directory / desired.projects[project].ssh_key, project)

    return key_of


def _read(path: Path, project: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableKeyError(f"the key of project {project}, {path}, cannot be read: {error}") from error
