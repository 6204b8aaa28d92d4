"""What can go wrong with a local stack; each message names the remedy or shows the tool's own words."""

from pathlib import Path


class LocalStackError(Exception):
    """Base of everything this package raises on purpose."""


class ProjectNotFoundError(LocalStackError):
    """The checkout with template.yaml cannot be found."""


class ToolMissingError(LocalStackError):
    """A tool of the embedded stack is not installed."""


class PortTakenError(LocalStackError):
    """Something else listens where the emulator should."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"{host}:{port} is taken by another process: stop it or choose another port")


class EmulatorFailedError(LocalStackError):
    """The emulator ended or did not answer in time; shows the end of its log."""

    def __init__(self, what: str, log: Path) -> None:
        super().__init__(f"{what}; the end of {log}:\n{tail(log.read_text(errors='replace'))}")


class SamFailedError(LocalStackError):
    """A sam command failed; shows the end of its output."""

    def __init__(self, command: str, code: int, output: str) -> None:
        super().__init__(f"`{command}` exited with {code}:\n{tail(output)}")


class NoLocalStackError(LocalStackError):
    """No local stack runs from this state directory."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(f"no local stack runs from {state_dir}: start one with `paramedic local up`")


def tail(output: str, lines: int = 25) -> str:
    """The last lines of a tool's output, which is where tools say why they failed."""
    return "\n".join(output.rstrip().splitlines()[-lines:])
