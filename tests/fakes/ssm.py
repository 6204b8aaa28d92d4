"""SSM Run Command whose hosts are this machine: the stack's own document, under the real bash."""

import os
import re
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from paramedic_cli.local.project import project_root
from paramedic_cli.local.template_tables import read_template


@cache
def document() -> Mapping[str, Any]:
    """The content of the document in the template."""
    content: Mapping[str, Any] = read_template(project_root() / "template.yaml")["Resources"]["HostCheckDocument"][
        "Properties"
    ]["Content"]
    return content


def script_of(parameters: Mapping[str, Sequence[str]]) -> str:
    """The script with its parameters put in, after SSM's own look at them."""
    (step,) = document()["mainSteps"]
    script = "\n".join(step["inputs"]["runCommand"])
    defined = document()["parameters"]
    if unknown := set(parameters) - set(defined):
        raise refusal("InvalidParameters", f"not defined: {unknown}")
    for name, definition in defined.items():
        (value,) = parameters.get(name) or [definition["default"]]
        fits = value in definition.get("allowedValues", [value])
        if not fits or not re.fullmatch(definition.get("allowedPattern", ".*"), value):
            raise refusal("InvalidParameters", f"{name}: {value!r} is not allowed")
        script = script.replace(f"{{{{ {name} }}}}", value)
    return script


def refusal(code: str, message: str = "") -> ClientError:
    """SSM's answer to a call that it does not accept."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "SendCommand")


class BashHosts:
    """Every instance is this machine, unless it is `offline`; `path` is where its commands are found."""

    def __init__(self, folder: Path, path: str = os.defpath) -> None:
        self.offline: set[str] = set()
        self.sent: list[Mapping[str, Any]] = []
        self._folder = folder
        self._path = path
        self._ended: dict[str, subprocess.CompletedProcess[str]] = {}

    def send_command(self, **arguments: Any) -> Mapping[str, Any]:
        (instance,) = arguments["InstanceIds"]
        if instance in self.offline:
            raise refusal("InvalidInstanceId")
        script = script_of(arguments["Parameters"])
        self.sent.append(arguments)
        command_id = str(uuid.uuid4())
        file = self._folder / f"{command_id}.sh"
        file.write_text(script)
        # The agent runs the file itself, so that its first line says which shell.
        file.chmod(0o700)
        self._ended[command_id] = subprocess.run(
            [file], env={"PATH": self._path}, capture_output=True, text=True, timeout=20, check=False
        )
        return {"Command": {"CommandId": command_id}}

    def get_command_invocation(self, **arguments: Any) -> Mapping[str, Any]:
        ended = self._ended[arguments["CommandId"]]
        return {
            "Status": "Failed" if ended.returncode else "Success",
            "ResponseCode": ended.returncode,
            "StandardOutputContent": ended.stdout,
        }
