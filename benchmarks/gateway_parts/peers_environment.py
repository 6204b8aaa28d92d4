"""The Python environment of the peers: SkyServe as users get it, and uvloop for load and replicas."""

import hashlib
import subprocess
import sys
from pathlib import Path

from paramedic_cli.local.project import project_root

LOCK = Path(__file__).with_name("peers.txt")


def peers_python() -> Path:
    """The environment's interpreter; it is made anew whenever its lock changed."""
    folder = project_root() / ".tools/gateway-peers"
    stamp, wanted = folder / ".ready", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"setting up {folder.relative_to(project_root())}")
        uv = str(project_root() / ".tools/uv/bin/uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "-r", str(LOCK)]
        subprocess.run([*install, "--python", str(folder)], check=True)
        stamp.write_text(wanted)
    return folder / "bin/python"
