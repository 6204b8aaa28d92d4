"""A controller's world over real DynamoDB semantics, fresh for every test."""

from pathlib import Path

import pytest

from tests.fakes.controller_world import ControllerWorld


@pytest.fixture
def world(table_prefix: str, tmp_path: Path) -> ControllerWorld:
    return ControllerWorld(table_prefix, tmp_path / "logs")
