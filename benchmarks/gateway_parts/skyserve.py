"""SkyServe's load balancer below a controller that only ever tells it the same replicas."""

import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.gateway_parts.lab import PACKAGE, Lab
from benchmarks.gateway_parts.processes import Address, await_ok, own_address, running

READY_SECONDS = 60.0
"""It imports for seconds, and first asks its controller another 5 s later."""


@dataclass(frozen=True)
class SkyServe:
    """A running one."""

    address: Address
    process: subprocess.Popen[bytes]


@contextmanager
def skyserve(lab: Lab, replicas: Sequence[Address]) -> Iterator[SkyServe]:
    """One that has learnt of `replicas`; its settings are its own defaults."""
    folder, address = lab.new_folder("sky"), own_address()
    with _controller(replicas) as controller:
        words = [address.host, str(address.port), controller.url]
        command: list[str | Path] = [lab.python, "-m", f"{PACKAGE}.skyserve_balancer", *words]
        home = {"HOME": str(folder), "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}
        with running(command, folder / "log", home) as process:
            await_ok(address, READY_SECONDS)
            yield SkyServe(address, process)


@contextmanager
def _controller(replicas: Sequence[Address]) -> Iterator[Address]:
    answer = json.dumps({"replica_info": {each.url: {"gpu_type": "none"} for each in replicas}}).encode()

    class Sync(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            pass

    address = own_address()
    with ThreadingHTTPServer((address.host, address.port), Sync) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()
