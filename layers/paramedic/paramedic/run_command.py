"""Documents that SSM Run Command runs on hosts: sending one, and seeing what came of it.

SendCommand takes no token: whoever may send twice says the same key to the host twice, and that knows.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from paramedic.errors import ParamedicError

LOG = logging.getLogger(__name__)

INSTANCE_PATTERN = r"^(i-[0-9a-f]{8}|i-[0-9a-f]{17}|mi-[0-9a-f]{17})$"
"""An EC2 instance, or a machine elsewhere that is managed by SSM."""

POLL_SECONDS = 1.0
"""Between two looks at what came of a command."""

SHORTEST_DELIVERY_SECONDS = 30
"""SSM's own minimum: a host that comes back later does not run old commands."""

_UNDER_WAY = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})

type Parameters = Mapping[str, list[str]]


class RunCommand(Protocol):
    """What is used of boto3's client for SSM."""

    def send_command(self, **arguments: Any) -> Mapping[str, Any]:
        """Have a document run on instances."""

    def get_command_invocation(self, **arguments: Any) -> Mapping[str, Any]:
        """How far that is on one instance."""


class NotSentError(ParamedicError):
    """No command is known to be on its way to a host; where the reply was lost it may be."""


@dataclass(frozen=True)
class Ended:
    """What came of one command: SSM's words for how it ended, the script's exit code and what it said."""

    status: str
    detail: str
    code: int | None
    said: str


def send(client: RunCommand, document: str, instance: str, parameters: Parameters) -> str:
    """Have `document` run on an instance; the command's id.

    Raises:
        NotSentError: SSM does not reach it, refuses, or gave no answer.
    """
    try:
        answer = client.send_command(
            DocumentName=document,
            InstanceIds=[instance],
            Parameters=parameters,
            TimeoutSeconds=SHORTEST_DELIVERY_SECONDS,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidInstanceId":
            raise NotSentError(f"SSM does not reach {instance}: is it running, and its agent online?") from error
        raise NotSentError(f"no command was sent to {instance}: {error}") from error
    except BotoCoreError as error:
        raise NotSentError(f"no command was sent to {instance}: {error}") from error
    return str(answer["Command"]["CommandId"])


def look(client: RunCommand, command_id: str, instance: str) -> Ended | None:
    """What came of a command, None while that is not known."""
    try:
        found = client.get_command_invocation(CommandId=command_id, InstanceId=instance)
    except (ClientError, BotoCoreError) as error:
        # For a moment SSM may not know what it has just taken.
        LOG.info("command %s on %s: %s", command_id, instance, error)
        return None
    status = str(found["Status"])
    if status in _UNDER_WAY:
        return None
    said = str(found.get("StandardOutputContent", "")).strip()
    return Ended(status, str(found.get("StatusDetails") or status), found.get("ResponseCode"), said)
