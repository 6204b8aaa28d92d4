"""The bootstrap file: never cut short, for Envoy's successor starts from it."""

from pathlib import Path

import pytest

from paramedic.launchers.process.files import HostFileError
from paramedic_gateway.render.bootstrap import keep_bootstrap


def fill_disk(path: Path) -> None:
    """Have whatever is written beside `path`, to take its place, find no room."""
    path.with_name(f"{path.name}.tmp").symlink_to("/dev/full")


def test_the_bootstrap_is_replaced_by_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    assert keep_bootstrap(path, "old") is None
    assert keep_bootstrap(path, "new") is None
    assert path.read_text() == "new"


def test_a_full_disk_keeps_the_former_bootstrap_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    keep_bootstrap(path, "old")
    fill_disk(path)
    problem = keep_bootstrap(path, "new")
    assert problem is not None
    assert "No space left" in problem
    assert "make room on the disk, then restart the agent" in problem
    assert path.read_text() == "old"


def test_a_bootstrap_that_is_in_place_needs_no_room(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    keep_bootstrap(path, "same")
    fill_disk(path)
    assert keep_bootstrap(path, "same") is None


def test_without_a_bootstrap_and_without_room_for_one_nothing_can_start(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    fill_disk(path)
    with pytest.raises(HostFileError, match="nothing to start from"):
        keep_bootstrap(path, "first")
    assert not path.exists()
