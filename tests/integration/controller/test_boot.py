"""Whoever may not claim an epoch takes nothing: no port, no row."""

from pathlib import Path
from typing import Any

import pytest

from paramedic.recovery.surroundings import Surroundings
from paramedic.state import tables
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.targets import Target, bucket_of
from paramedic_controller import boot
from paramedic_controller.boot import start
from paramedic_controller.exits import CannotStartError, Exit
from paramedic_controller.self_recovery import make_own_surroundings
from paramedic_controller.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.epochs import claim_next_epoch, grant_next_epoch
from tests.fakes.launcher import FakeLauncher

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(table_prefix: str, tmp_path: Path) -> dict[str, str]:
    tables.bind(table_prefix)
    return {"TABLE_PREFIX": table_prefix, "PARAMEDIC_CONTROLLER_ID": "main", "PARAMEDIC_HOST_DIR": str(tmp_path)}


def nowhere() -> Surroundings:
    """Surroundings that are not needed: a launched process recovers nobody."""
    return make_own_surroundings(FakeLauncher(), 10.0, FakeClock())


def refused(settings: dict[str, str], epoch: int, monkeypatch: pytest.MonkeyPatch) -> CannotStartError:
    bound: list[Any] = []
    monkeypatch.setattr(boot, "bind", lambda *arguments: bound.append(arguments))
    before = ControllerEpoch.read("main", EPOCH)
    launched = {**settings, "PARAMEDIC_EPOCH": str(epoch), "PARAMEDIC_LAUNCH_KEY": "controller:main/2"}
    with pytest.raises(CannotStartError) as error:
        start(Settings.from_env(launched), "late", FakeClock(), print, nowhere())
    after = ControllerEpoch.read("main", EPOCH)
    assert bound == []
    assert before is not None
    assert after is not None
    assert (after.epoch, after.claimed_by) == (before.epoch, before.claimed_by)
    return error.value


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_a_launched_process_whose_epoch_is_not_the_current_one_never_binds_the_port(
    settings: dict[str, str], epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_next_epoch("main", "first", FakeClock())
    grant_next_epoch("main", FakeClock())
    grant_next_epoch("main", FakeClock())
    error = refused(settings, epoch, monkeypatch)
    assert error.code is Exit.CLAIM_REFUSED
    assert f"epoch {epoch} cannot be claimed (epoch 3, claimed by None)" in str(error)


def test_a_launched_process_whose_epoch_is_claimed_never_binds_the_port(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_next_epoch("main", "first", FakeClock())
    claim_next_epoch("main", "second", FakeClock())
    error = refused(settings, 2, monkeypatch)
    assert error.code is Exit.CLAIM_REFUSED
    assert "claimed by second" in str(error)


def test_under_an_advertised_name_a_controller_keeps_name_and_port_wherever_it_runs(settings: dict[str, str]) -> None:
    there = {**settings, "PARAMEDIC_ADVERTISED_HOST": "controller.example"}
    first = start(Settings.from_env({**there, "PARAMEDIC_HOST": "127.0.0.1"}), "first", FakeClock(), print, nowhere())
    port = first.listener.getsockname()[1]
    first.listener.close()
    target = Target.read(bucket_of("controller:main"), "controller:main")
    assert target is not None
    assert target.url == f"http://controller.example:{port}/health"
    moved = {**there, "PARAMEDIC_HOST": "127.0.0.3", "PARAMEDIC_EPOCH": str(grant_next_epoch("main", FakeClock()))}
    second = start(Settings.from_env(moved), "second", FakeClock(), print, nowhere())
    assert second.listener.getsockname() == ("127.0.0.3", port)
    second.listener.close()
