"""A replica whose every move a test decides: it answers, holds, streams, echoes and remembers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 60.0


class Upstream:
    """Serves at `url` while it is entered. `requests` has (method, path) of everything it was sent, `headers` its
    headers, one that came several times joined. `answer_headers` go with every answer.

    GET /hold answers once `release` is set; GET /stream answers its second half then; POST bodies are counted as they
    come; GET /status/CODE answers that; an upgrade is echoed byte by byte.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, name: str = "replica") -> None:
        self.name = name
        self.release = threading.Event()
        self.holding = threading.Semaphore(0)
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answer_headers: dict[str, str] = {}
        self._server = _Server((host, port), self)
        self.host, self.port = host, int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self.die()

    def die(self) -> None:
        """Refuse connections from now on, and break those there are."""
        self._server.shutdown()
        self._server.server_close()
        self._server.break_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], upstream: Upstream) -> None:
        super().__init__(address, _Handler)
        self.upstream = upstream
        self._connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that a test broke are no news."""

    def break_connections(self) -> None:
        for connection in list(self._connections):
            super().shutdown_request(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # An answer leaves whole or not at all: once its head has left, nobody could try another replica.
    wbufsize = -1

    @property
    def upstream(self) -> Upstream:
        assert isinstance(self.server, _Server)
        return self.server.upstream

    def do_GET(self) -> None:
        self._remember()
        if self.headers.get("Upgrade") == "websocket":
            self._echo()
        elif self.path == "/hold":
            self.upstream.holding.release()
            self.upstream.release.wait(PATIENCE_SECONDS)
            self._answer(200)
        elif self.path == "/stream":
            self._stream()
        elif self.path.startswith("/status/"):
            self._answer(int(self.path.rpartition("/")[2]))
        else:
            self._answer(200)

    def do_POST(self) -> None:
        self._remember()
        received = sum(len(part) for part in self._body())
        self._answer(200, received=received)

    def _remember(self) -> None:
        self.upstream.requests.append((self.command, self.path))
        names = {name.lower() for name in self.headers}
        self.upstream.headers.append({name: ", ".join(self.headers.get_all(name, [])) for name in names})

    def _body(self) -> Any:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            part = self.rfile.read(min(left, 65536))
            left -= len(part)
            yield part

    def _answer(self, status: int, **more: Any) -> None:
        body = json.dumps({"name": self.upstream.name, "path": self.path, **more}).encode()
        self.send_response(status)
        for name, value in self.upstream.answer_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        self.upstream.holding.release()
        self.upstream.release.wait(PATIENCE_SECONDS)
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def _echo(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.wfile.flush()
        while data := self.connection.recv(4096):
            self.connection.sendall(data)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing: tests look at what was remembered."""
