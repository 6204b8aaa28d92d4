"""`/health` and `/status`, served by threads of their own so that a busy main loop still answers."""

import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from paramedic_controller.board import Board

CLIENT_SECONDS = 5.0
"""A client that sends nothing for this long is hung up on."""


class HttpApi:
    """Answers on a socket that is bound already."""

    def __init__(self, listener: socket.socket, board: Board) -> None:
        host, port = listener.getsockname()[:2]
        self._server = ThreadingHTTPServer((host, port), _handler_for(board), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_for(board: Board) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_SECONDS

        def do_GET(self) -> None:
            code = HTTPStatus.OK if board.is_healthy() else HTTPStatus.SERVICE_UNAVAILABLE
            match self.path:
                case "/health":
                    self._answer(code, board.health().model_dump_json())
                case "/status":
                    self._answer(HTTPStatus.OK, board.status().model_dump_json())
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, '{"error": "there are only /health and /status"}')

        def _answer(self, code: HTTPStatus, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Probes come every few seconds; a line for each would hide what matters."""

    return Handler
