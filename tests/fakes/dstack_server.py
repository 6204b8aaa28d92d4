"""A gateway replica of dstack over HTTP: its API, and a data plane that knows host names."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from paramedic.gateways.dstack.desired import GatewayReplica
from tests.fakes.gateway_replica import own_address

API_PORT, FRONT_PORT = 8000, 8080


class DstackServer:
    """Registers what it is told; `changes` are the paths of all changing calls it had."""

    def __init__(self, name: str, host: str) -> None:
        self.replica = GatewayReplica(
            name=name, api=f"http://{host}:{API_PORT}", serves_at=f"http://{host}:{FRONT_PORT}"
        )
        self.services: dict[str, dict[str, Any]] = {}
        self.changes: list[str] = []
        self.figures: list[dict[str, Any]] = []

    def told(self, path: str, body: dict[str, Any] | None) -> int:
        """Do what a changing call asks, and the status that it is answered with."""
        self.changes.append(path)
        project, _, *rest = path.removeprefix("/api/registry/").split("/")
        if rest == ["register"] and body is not None:
            key = f"{project}/{body['run_name']}"
            if key in self.services:
                return 400
            self.services[key] = {**body, "project_name": project, "replicas": []}
            return 200
        service = self.services.get(f"{project}/{rest[0]}")
        if service is None:
            return 400
        match rest[1:]:
            case ["unregister"]:
                del self.services[f"{project}/{rest[0]}"]
            case ["replicas", "register"] if body is not None:
                service["replicas"].append({"id": body["job_id"]})
            case ["replicas", replica, "unregister"]:
                service["replicas"].remove({"id": replica})
        return 200

    def serves(self, host: str) -> bool:
        """Whether a request for this host name has somewhere to go."""
        return any(each["domain"] == host and each["replicas"] for each in self.services.values())


@contextmanager
def dstack_server(name: str) -> Iterator[DstackServer]:
    """One that listens on an address of its own while inside."""
    host = own_address()
    made = DstackServer(name, host)
    api = ThreadingHTTPServer((host, API_PORT), _api_of(made))
    front = ThreadingHTTPServer((host, FRONT_PORT), _front_of(made))
    threads = [threading.Thread(target=each.serve_forever, args=(0.02,)) for each in (api, front)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        for each in (api, front):
            each.shutdown()
            each.server_close()
        for thread in threads:
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _api_of(server: DstackServer) -> type[_Handler]:
    class Api(_Handler):
        def do_GET(self) -> None:
            stats = self.path == "/api/stats/collect"
            self.answer(200, server.figures if stats else {"services": list(server.services.values())})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer(server.told(self.path, json.loads(text) if text else None), {})

    return Api


def _front_of(server: DstackServer) -> type[_Handler]:
    class Front(_Handler):
        def do_GET(self) -> None:
            self.answer(200 if server.serves(self.headers["Host"]) else 503, {})

    return Front
