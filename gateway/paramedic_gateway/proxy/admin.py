"""Envoy's admin surface, on a unix socket that only this user may open."""

import http.client
import json
import re
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

from paramedic.errors import ParamedicError

PATIENCE_SECONDS = 5.0

_CREDENTIALS = struct.Struct("3i")
"""Process, user, group."""

_TEXT = re.compile(r'^(\S+): "(.*)"$', re.MULTILINE)


class AdminUnreachableError(ParamedicError):
    """Envoy did not answer on its admin socket: it is starting, ending, or stuck."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("envoy", timeout=PATIENCE_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_SECONDS)
        self.sock.connect(str(self._path))


def listener_of(path: Path) -> int | None:
    """The process that answers on the unix socket `path`; None when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        try:
            connection.connect(str(path))
        except OSError:
            return None
        pid, _, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(pid)


class EnvoyAdmin:
    """Questions to one Envoy. Every method raises AdminUnreachableError when it does not answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def versions(self) -> Mapping[str, str]:
        """The version of everything it follows, by the name of its statistic, as last taken over."""
        text = self._ask("GET", "/stats?type=TextReadouts&filter=version_text").decode()
        return dict(_TEXT.findall(text))

    def draining_hosts(self) -> Mapping[tuple[str, str], int]:
        """The requests of hosts that get no new ones, by service and ADDRESS:PORT."""
        answer = json.loads(self._ask("GET", "/clusters?format=json"))
        requests: dict[tuple[str, str], int] = {}
        for cluster in answer.get("cluster_statuses", []):
            service = cluster["name"].partition("@")[0]
            for host in cluster.get("host_statuses", []):
                if host.get("health_status", {}).get("eds_health_status") == "DRAINING":
                    where = service, _address(host)
                    requests[where] = requests.get(where, 0) + _gauge(host, "rq_active")
        return requests

    def active_requests(self) -> int:
        """Requests under way on all of its listeners."""
        text = self._ask("GET", "/stats?filter=^http%5C..*downstream_rq_active$").decode()
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if not line.startswith("http.admin."))

    def failed_log_writes(self) -> int:
        """How often it could not write to a log file, since it started."""
        text = self._ask("GET", "/stats?filter=^filesystem%5C.write_failed$").decode()
        return int(text.rpartition(": ")[2] or 0)

    def serves(self) -> bool:
        """Whether it listens and takes connections."""
        return self._ask("GET", "/ready").startswith(b"LIVE")

    def listeners(self) -> frozenset[str]:
        """The names of those that take connections, and of those it was told to shut."""
        answer = json.loads(self._ask("GET", "/listeners?format=json"))
        return frozenset(each["name"] for each in answer.get("listener_statuses", []))

    def is_leaving(self) -> bool:
        """Whether it was told to take no more connections."""
        return self._ask("GET", "/ready").startswith(b"DRAINING")

    def leave(self) -> None:
        """Take no more connections, and have clients give up the ones they have after the request they are at."""
        self._ask("POST", "/healthcheck/fail")
        self._ask("POST", "/drain_listeners")

    def reopen_logs(self) -> None:
        """Have it go on in new files where its log files were moved away."""
        self._ask("POST", "/reopen_logs")

    def _ask(self, method: str, path: str) -> bytes:
        connection = _UnixConnection(self._path)
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise AdminUnreachableError(f"Envoy does not answer {path} on {self._path}: {error!r}") from error
        finally:
            connection.close()


def _address(host: Mapping[str, Mapping[str, Mapping[str, object]]]) -> str:
    address = host["address"].get("socket_address", {})
    return f"{address.get('address')}:{address.get('port_value')}"


def _gauge(host: Mapping[str, list[Mapping[str, str]]], name: str) -> int:
    return next((int(each.get("value", 0)) for each in host.get("stats", []) if each["name"] == name), 0)
