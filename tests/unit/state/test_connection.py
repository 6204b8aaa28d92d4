"""One client serves all of a process, whichever of its threads ask first."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from paramedic.state import tables

THREADS = 8


def test_threads_that_ask_at_once_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    tables.bind("fresh-")
    start = threading.Barrier(THREADS)

    def ask(_: int) -> object:
        start.wait()
        return tables.shared_connection().client

    with ThreadPoolExecutor(THREADS) as pool:
        clients = list(pool.map(ask, range(THREADS)))
    assert all(client is clients[0] for client in clients)
