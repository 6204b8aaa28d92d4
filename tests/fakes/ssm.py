"""SSM Run Command whose hosts are this machine: the stack's own documents, under the real bash."""

import os
import re
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from paramedic_cli.local.project import project_root
from paramedic_cli.local.template_tables import read_template

HOST_CHECK = "HostCheckDocument"
LAUNCH = "LaunchDocument"


@cache
def document(logical_id: str = HOST_CHECK) -> Mapping[str, Any]:
    """The content of a document in the template."""
    resources = read_template(project_root() / "template.yaml")["Resources"]
    content: Mapping[str, Any] = resources[logical_id]["Properties"]["Content"]
    return content


def script_of(parameters: Mapping[str, Sequence[str]], logical_id: str = HOST_CHECK) -> str:
    """The script with its parameters put in, after SSM's own look at them."""
    (step,) = document(logical_id)["mainSteps"]
    script = "\n".join(step["inputs"]["runCommand"])
    defined = document(logical_id)["parameters"]
    if unknown := set(parameters) - set(defined):
        raise refusal("InvalidParameters", f"not defined: {unknown}")
    for name, definition in defined.items():
        given = parameters.get(name) or [definition[key] for key in ("default",) if key in definition]
        if len(given) != 1:
            raise refusal("InvalidParameters", f"{name}: {given} where there must be one")
        fits = given[0] in definition.get("allowedValues", given)
        if not fits or not re.fullmatch(definition.get("allowedPattern", ".*"), given[0]):
            raise refusal("InvalidParameters", f"{name}: {given[0]!r} is not allowed")
        script = script.replace(f"{{{{ {name} }}}}", given[0])
    return script


def refusal(code: str, message: str = "") -> ClientError:
    """SSM's answer to a call that it does not accept."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "SendCommand")


class BashHosts:
    """Every instance is this machine, unless it is `offline`; `path` is where its commands are found.

    What is sent while `losing` replies is done, and nobody hears of it; agents that are `silent` do nothing.
    """

    def __init__(
        self,
        folder: Path,
        path: str = os.defpath,
        logical_id: str = HOST_CHECK,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.offline: set[str] = set()
        self.losing = 0
        self.silent = False
        self.sent: list[Mapping[str, Any]] = []
        self._folder = folder
        self._path = path
        self._logical_id = logical_id
        self._environment = environment or {}
        self._ended: dict[str, subprocess.CompletedProcess[str]] = {}

    def send_command(self, **arguments: Any) -> Mapping[str, Any]:
        (instance,) = arguments["InstanceIds"]
        if instance in self.offline:
            raise refusal("InvalidInstanceId")
        script = script_of(arguments["Parameters"], self._logical_id)
        self.sent.append(arguments)
        command_id = str(uuid.uuid4())
        if not self.silent:
            self._run(command_id, script)
        if self.losing:
            self.losing -= 1
            raise ReadTimeoutError(endpoint_url="https://ssm")
        return {"Command": {"CommandId": command_id}}

    def _run(self, command_id: str, script: str) -> None:
        file = self._folder / f"{command_id}.sh"
        file.write_text(script)
        # The agent runs the file itself, so that its first line says which shell.
        file.chmod(0o700)
        self._ended[command_id] = subprocess.run(
            [file],
            env={"PATH": self._path, **self._environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def get_command_invocation(self, **arguments: Any) -> Mapping[str, Any]:
        if self.silent:
            return {"Status": "InProgress", "ResponseCode": -1}
        ended = self._ended[arguments["CommandId"]]
        return {
            "Status": "Failed" if ended.returncode else "Success",
            "ResponseCode": ended.returncode,
            "StandardOutputContent": ended.stdout,
        }
