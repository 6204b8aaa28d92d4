"""The replica's health, answered through Envoy, on a unix socket: whether it is well to anybody, more for the token."""

import hmac
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from paramedic.gateways.replica import TOKEN_HEADER
from paramedic_gateway.render.virtual_hosts import UNKNOWN_HOST

CLIENT_SECONDS = 5.0

STALLED_SECONDS = 15.0
"""A pass takes as long as DynamoDB may take not to answer; one that takes this long will not end."""


class Health(BaseModel):
    """`status` is ok, leaving (it takes no more connections) or stalled; only stalled wants to be relaunched.

    `state_age_seconds` is how long ago DynamoDB last answered; None when it never did in this agent's life. `target` is
    what it is checked as, None while it is not.
    """

    status: str
    gateway: str
    replica: str
    agent_pid: int
    envoy_pid: int | None
    envoy_starts: int
    services: int
    unfinished_requests: int
    state_age_seconds: float | None
    target: str | None = None
    problems: list[str]

    @property
    def code(self) -> HTTPStatus:
        """What probes look at. A DynamoDB that does not answer is no reason to relaunch a gateway that serves."""
        return HTTPStatus.OK if self.status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE


class _UnixServer(ThreadingHTTPServer):
    address_family = socket.AF_UNIX
    daemon_threads = True

    def server_bind(self) -> None:
        # The inherited one looks up the name of a TCP address.
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "agent", 0


class HealthApi:
    """Answers in threads of its own, so that a slow DynamoDB does not make it look dead.

    Who brings no token gets the status alone: health checks keep no secret. A wrong one gets what an unknown host gets.
    """

    def __init__(self, path: Path, health: Callable[[], Health], token: str | None) -> None:
        # Left behind by an agent that was killed; the directory's lock says that it is nobody's.
        path.unlink(missing_ok=True)
        self._server = _UnixServer(str(path), _handler_for(health, token))  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


def _handler_for(health: Callable[[], Health], token: str | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = CLIENT_SECONDS

        def do_GET(self) -> None:
            given = self.headers.get(TOKEN_HEADER)
            if given is None:
                self._answer(health().code, "text/plain", "")
            elif _is_token(given, token):
                now = health()
                self._answer(now.code, "application/json", now.model_dump_json())
            else:
                self._refuse()

        def send_error(self, *_: Any, **__: Any) -> None:
            # The inherited one tells which software this is.
            self._refuse()

        def _refuse(self) -> None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", UNKNOWN_HOST)

        def _answer(self, code: HTTPStatus, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response_only(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            # A body that came along is not read: what follows on this connection is no request.
            self.send_header("Connection", "close")
            self.end_headers()
            # Whoever has all of an empty answer may be gone already.
            if body:
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Probes come every few seconds; a line for each would hide what matters."""

    return Handler


def _is_token(given: str, token: str | None) -> bool:
    # Header values are bytes, which the standard library reads as Latin-1.
    return token is not None and hmac.compare_digest(given.encode("latin-1"), token.encode())
