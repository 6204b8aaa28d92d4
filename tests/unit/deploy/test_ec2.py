"""The shipped script that tells a command on an instance what it was launched as, against a metadata service."""

import subprocess
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "deploy/ec2/as-launched"
TOKEN = "t0ken"
TAGS = "/latest/meta-data/tags/instance/"


class Metadata(ThreadingHTTPServer):
    """Gives tags to whoever has fetched a token."""

    tags: dict[str, str]
    failing: set[str]


class _Handler(BaseHTTPRequestHandler):
    server: Metadata

    def do_PUT(self) -> None:
        self._answer(HTTPStatus.OK, TOKEN)

    def do_GET(self) -> None:
        name = self.path.removeprefix(TAGS)
        if self.headers["X-aws-ec2-metadata-token"] != TOKEN:
            self._answer(HTTPStatus.UNAUTHORIZED, "")
        elif name in self.server.failing:
            self._answer(HTTPStatus.FORBIDDEN, "")
        elif name in self.server.tags:
            self._answer(HTTPStatus.OK, self.server.tags[name])
        else:
            self._answer(HTTPStatus.NOT_FOUND, "<html>")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    with Metadata(("127.0.0.1", 0), _Handler) as server:
        server.tags, server.failing = {}, set()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def run(metadata: Metadata) -> subprocess.CompletedProcess[str]:
    url = f"http://127.0.0.1:{metadata.server_port}/latest"
    show = 'echo "${PARAMEDIC_EPOCH-none} ${PARAMEDIC_LAUNCH_KEY-none}"'
    environment = {"PATH": "/usr/bin:/bin", "METADATA_URL": url}
    command = [str(SCRIPT), "sh", "-c", show]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_command_is_told_the_epoch_and_key_that_its_instance_was_started_under(metadata: Metadata) -> None:
    metadata.tags = {"paramedic:epoch": "7", "paramedic:key": "controller:main/7/2f3a"}
    assert run(metadata).stdout == "7 controller:main/7/2f3a\n"


def test_a_command_on_an_instance_that_nobody_launched_is_told_nothing(metadata: Metadata) -> None:
    assert run(metadata).stdout == "none none\n"


@pytest.mark.parametrize("name", ["paramedic:epoch", "paramedic:key"])
def test_nothing_is_run_while_it_cannot_be_told_what_it_was_launched_as(metadata: Metadata, name: str) -> None:
    tags = {"paramedic:epoch": "7", "paramedic:key": "controller:main/7/2f3a"}
    metadata.tags, metadata.failing = tags, {name}
    refused = run(metadata)
    assert (refused.returncode, refused.stdout, f"{name} cannot be read" in refused.stderr) == (1, "", True)
    metadata.tags, metadata.failing = {other: tags[other] for other in tags if other != name}, set()
    assert (run(metadata).returncode, run(metadata).stdout) == (1, "")
