"""Secrets of a real replica: it has them, and nothing else that a person or a program could read shows one."""

import hashlib
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from paramedic.launchers.process import procfs
from paramedic.services.spec import parse_spec
from paramedic.services.verbs import up
from tests.fakes.controller_stage import CLOCK, HTTP, Stage
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

TOKEN = uuid.uuid4().hex
PASSWORD = uuid.uuid4().hex
MANAGED = uuid.uuid4().hex
NAMES = ("TOKEN", "PASSWORD", "MANAGED")

SERVER = f"""
import hashlib, http.server, json, os
print("started with", sorted(os.environ), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen = {{name: hashlib.sha256(os.environ[name].encode()).hexdigest() for name in {NAMES}}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(seen).encode())
address = (os.environ["PARAMEDIC_REPLICA_HOST"], int(os.environ["PARAMEDIC_REPLICA_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def seen_by(url: str) -> dict[str, str]:
    return dict(HTTP.get(url).json())


def everything_readable(stage: Stage) -> Iterator[tuple[str, str]]:
    """Rows, files of the host, command lines, and what the controller answers: all but the environments themselves."""
    yield "rows", json.dumps(stage.rows(), default=str)
    for path in stage.host_dir.rglob("*"):
        if path.is_file():
            yield str(path), path.read_text(errors="replace")
    for stat in procfs.all_processes():
        try:
            yield f"command line of {stat.pid}", (procfs.PROC / str(stat.pid) / "cmdline").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
    for page in ("/health", "/status"):
        yield page, json.dumps(stage.get(page))


def shown_in(stage: Stage, value: str) -> list[str]:
    return [where for where, text in everything_readable(stage) if value in text]


def test_a_replica_has_its_secrets_and_nobody_else_does(stage: Stage, tmp_path: Path) -> None:
    folder, secret_id = tmp_path / "secrets", f"prod/{uuid.uuid4().hex}"
    folder.mkdir()
    (folder / "password").write_text(f"{PASSWORD}\n")
    content = json.dumps({"key": MANAGED})
    boto3.client("secretsmanager").create_secret(Name=secret_id, SecretString=content)
    (tmp_path / "server.py").write_text(SERVER)
    stage.start(PARAMEDIC_SECRET_TOKEN=TOKEN, PARAMEDIC_SECRETS_DIR=str(folder))
    stage.healthy(1)
    secrets: dict[str, Any] = {
        "TOKEN": None,
        "PASSWORD": {"file": str(folder / "password")},
        "MANAGED": {"secretsmanager": secret_id, "key": "key"},
    }
    section = {"readiness_probe": "/", "replicas": 1}
    run = f"exec {sys.executable} {tmp_path / 'server.py'}"
    spec = parse_spec({"name": "echo", "run": run, "service": section, "secrets": secrets})
    up("main", spec, "ada", clock=CLOCK, new_id=lambda: uuid.uuid4().hex)
    service = stage.serving(1)
    values = {"TOKEN": TOKEN, "PASSWORD": PASSWORD, "MANAGED": MANAGED}
    assert seen_by(service["routes"][0]) == {name: digest(value) for name, value in values.items()}
    assert shown_in(stage, "TOKEN")
    for value in values.values():
        assert shown_in(stage, value) == []


def test_a_secret_that_is_missing_is_said_and_its_service_starts_once_it_is_there(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    stage.start(PARAMEDIC_SECRETS_DIR=str(folder))
    stage.healthy(1)
    section = {"readiness_probe": "/", "replicas": 1}
    source = {"TOKEN": {"file": str(folder / "token")}}
    run = f'test "$TOKEN" = {digest(TOKEN)} && exec {sys.executable} -m http.server --bind '
    run += '"$PARAMEDIC_REPLICA_HOST" "$PARAMEDIC_REPLICA_PORT"'
    spec = parse_spec({"name": "echo", "run": run, "service": section, "secrets": source})
    up("main", spec, "ada", clock=CLOCK, new_id=lambda: uuid.uuid4().hex)

    def told() -> str | None:
        status = stage.get("/status")
        message = str(status["services"][0]["message"]) if status and status["services"] else ""
        return message or None

    problem = f"secret TOKEN cannot be had from file {folder / 'token'}: there is no such file"
    assert problem in eventually(told, "the service's message")
    folder.mkdir()
    (folder / "token").write_text(digest(TOKEN))
    service = stage.serving(1)
    assert HTTP.get(service["routes"][0]).status_code == httpx.codes.OK
    assert service["message"] == ""
