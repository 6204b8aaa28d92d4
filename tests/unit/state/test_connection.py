"""One client serves all of a process, whichever of its threads ask first."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from paramedic.state import tables
from paramedic.state.connection import shared_connection

THREADS = 8


def test_threads_that_ask_at_once_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": uuid.uuid4().hex,
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    tables.bind("fresh-")
    start = threading.Barrier(THREADS)

    def ask(_: int) -> object:
        start.wait()
        return shared_connection().client

    with ThreadPoolExecutor(THREADS) as pool:
        clients = list(pool.map(ask, range(THREADS)))
    assert all(client is clients[0] for client in clients)


def test_the_client_is_kept_until_aws_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.2:4566")
    tables.bind("one-")
    first = shared_connection()
    tables.bind("two-")
    assert shared_connection() is first
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.3:4566")
    tables.bind("two-")
    assert shared_connection() is not first
    assert shared_connection().client.meta.endpoint_url == "http://127.0.0.3:4566"
