"""Every launcher with a stage of its own."""

from pathlib import Path

import pytest

from tests.fakes.launchers.stages import Stage, make_stage


@pytest.fixture
def stage(request: pytest.FixtureRequest, host_dir: Path, tmp_path: Path) -> Stage:
    """The stage that the test is parametrized with."""
    return make_stage(request.param, host_dir, tmp_path / "secret")
