"""Admin sockets: moved only when the Envoy that is meant answers there."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_gateway.layout import Layout
from paramedic_gateway.proxy.admin import listener_of
from paramedic_gateway.proxy.process import EnvoyIdentity
from paramedic_gateway.proxy.sockets import AdminSockets


def identity(pid: int) -> EnvoyIdentity:
    return EnvoyIdentity(pid=pid, start_time=1, boot_id="b", started_with="s")


ME = identity(os.getpid())
ANOTHER = identity(os.getpid() + 1)


@pytest.fixture
def layout() -> Iterator[Layout]:
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        yield Layout(Path(folder))


@pytest.fixture
def mine(layout: Layout) -> Iterator[socket.socket]:
    """The usual admin socket, on which this process listens."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(layout.admin_socket))
        server.listen()
        yield server


def test_the_name_of_a_moved_socket_is_no_longer_than_the_usual_one(layout: Layout) -> None:
    highest = 2**22 - 1
    assert len(layout.moved_admin_socket(highest).name) <= len(layout.admin_socket.name)


def test_a_socket_is_moved_aside_and_back_and_answers_all_the_time(layout: Layout, mine: socket.socket) -> None:
    sockets = AdminSockets(layout)
    for _ in range(2):
        assert sockets.move_aside(ME) is not None
        assert not layout.admin_socket.exists()
        assert listener_of(layout.moved_admin_socket(ME.pid)) == ME.pid
    for _ in range(2):
        sockets.move_back(ME)
        assert listener_of(layout.admin_socket) == ME.pid


def test_the_socket_of_another_envoy_stays_where_it_is(layout: Layout, mine: socket.socket) -> None:
    sockets = AdminSockets(layout)
    assert sockets.move_aside(ANOTHER) is None
    sockets.move_back(ANOTHER)
    assert listener_of(layout.admin_socket) == ME.pid


def test_what_a_dead_envoy_left_behind_answers_for_nobody(layout: Layout, mine: socket.socket) -> None:
    mine.close()
    assert listener_of(layout.admin_socket) is None
    assert AdminSockets(layout).move_aside(ME) is None
    assert not AdminSockets(layout).is_leaving(ME)


def test_sockets_of_envoys_that_nobody_saw_to_their_end_are_removed(layout: Layout, mine: socket.socket) -> None:
    sockets = AdminSockets(layout)
    sockets.move_aside(ME)
    layout.moved_admin_socket(ANOTHER.pid).touch()
    sockets.sweep([ME])
    assert layout.moved_admin_sockets() == [layout.moved_admin_socket(ME.pid)]
