"""Where the checkout and its tools are."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from paramedic_cli.local.errors import ProjectNotFoundError, ToolMissingError

_SET_UP = "set it up with `make build` in the project's folder"


def project_root() -> Path:
    """The checkout this package was installed from: the folder that holds template.yaml."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "template.yaml").is_file() and (folder / "layers").is_dir():
            return folder
    raise ProjectNotFoundError(
        "this needs template.yaml and its sources, and this installation is not part of a checkout of the project: "
        "clone the project, `make build`, and repeat the command there"
    )


def emulator_python() -> Path:
    """The interpreter that has the emulator, and nothing that functions would not also find in Lambda."""
    own = project_root() / ".tools/emulator/bin/python"
    if own.exists():
        return own
    if find_spec("ministack") is not None:
        return Path(sys.executable)
    raise ToolMissingError(f"the emulator (MiniStack) is not installed: {_SET_UP}")


def sam_command() -> Path:
    """The sam executable: the project's own when it is set up, else the one on PATH."""
    own = project_root() / ".tools/sam/bin/sam"
    found = own if own.exists() else shutil.which("sam")
    if found is None:
        raise ToolMissingError(f"the AWS SAM CLI is not installed: {_SET_UP}")
    return Path(found)


def tool_path() -> str:
    """A PATH on which sam finds Python 3.13 and uv."""
    root = project_root()
    first = [Path(sys.executable).parent, root / ".tools/uv/bin", root / ".venv/bin"]
    return os.pathsep.join([*map(str, first), os.environ.get("PATH", os.defpath)])
