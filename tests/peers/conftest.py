"""Tests against other people's programs, as they are: they need what not every machine has."""

import os
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ASKED_FOR = "PARAMEDIC_TEST_PEERS"
PROGRAMS = ("nginx", "ssh")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name what is left out, and what runs it."""
    if os.environ.get(ASKED_FOR):
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs real peers: run `make test-peers`"))


@pytest.fixture(scope="session", autouse=True)
def _programs_are_there() -> None:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    assert not missing, f"{', '.join(missing)} not found. On Debian: apt-get install nginx-light openssh-client"
