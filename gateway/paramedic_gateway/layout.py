"""Where things are in a gateway replica's directory."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths below `root`, which is absolute: Envoy has another working directory."""

    root: Path

    @property
    def rendered(self) -> Path:
        """What Envoy reads; written by the agent alone."""
        return self.root / "envoy"

    @property
    def bootstrap(self) -> Path:
        """What Envoy starts from."""
        return self.root / "bootstrap.json"

    @property
    def routes(self) -> Path:
        """The last good row of every service."""
        return self.root / "routes"

    @property
    def certificates(self) -> Path:
        """Certificates as handed to Envoy, each pair under a name of its own."""
        return self.root / "certificates"

    @property
    def ledger(self) -> Path:
        """What was counted so far."""
        return self.root / "ledger.json"

    @property
    def access_log(self) -> Path:
        """A line per start and per end of a request."""
        return self.root / "access.log"

    @property
    def envoy_log(self) -> Path:
        """What Envoy says about itself."""
        return self.root / "envoy.log"

    @property
    def former_envoy_log(self) -> Path:
        """The end of what it said before its log grew too long."""
        return self.root / "envoy.former.log"

    @property
    def envoy_identity(self) -> Path:
        """Which process is this replica's Envoy."""
        return self.root / "envoy.json"

    @property
    def admin_socket(self) -> Path:
        """Envoy's admin surface."""
        return self.root / "admin.sock"

    def moved_admin_socket(self, pid: int) -> Path:
        """Where the admin surface of an Envoy was moved to, so that its successor can have the usual place."""
        # No longer than the usual name, whatever the number: sockets' paths are short.
        return self.root / f"old.{pid:x}"

    def moved_admin_sockets(self) -> list[Path]:
        """All that are there."""
        return list(self.root.glob("old.*"))

    @property
    def agent_socket(self) -> Path:
        """The agent's own surface."""
        return self.root / "agent.sock"

    @property
    def lock(self) -> Path:
        """Held by the one agent of this directory."""
        return self.root / "agent.lock"
