"""The kept certificate: served without asking anybody, whole or not at all, and there as long as Envoy refers to it."""

from pathlib import Path

import pytest

from paramedic_gateway.certificates.keeper import CertificateKeeper
from paramedic_gateway.certificates.source import CertificateError, Pair
from tests.fakes.certificates import self_signed
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog

EVERY = 60.0


class FakeSource:
    """Has the pair that a test sets; `asked` counts."""

    def __init__(self, *, is_at_hand: bool) -> None:
        self.is_at_hand = is_at_hand
        self.now: Pair | None = None
        self.asked = 0

    def renew(self, serial: int) -> str:
        pems = self_signed(serial)
        self.now = Pair(pems.certificate.encode(), pems.key.encode())
        return self.now.name

    def pair(self) -> Pair:
        self.asked += 1
        if self.now is None:
            raise CertificateError("nobody answers")
        return self.now


class World:
    def __init__(self, folder: Path, *, is_at_hand: bool = False) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.source = FakeSource(is_at_hand=is_at_hand)
        self.log = ListLog()
        self.keeper = self.restarted()

    def restarted(self) -> CertificateKeeper:
        self.keeper = CertificateKeeper(self.source, self.folder, EVERY, self.clock, self.log)
        self.keeper.restore()
        return self.keeper

    def look(self, in_use: str | None) -> str | None:
        self.clock.advance(EVERY)
        self.keeper.look(in_use)
        return self.keeper.current

    def problem(self) -> str:
        return self.keeper.problem or ""

    def kept(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*.key")} & {path.stem for path in self.folder.glob("*.crt")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "certificates")


def test_what_was_kept_is_served_after_a_restart_before_anybody_is_asked(world: World) -> None:
    name = world.source.renew(1)
    assert world.look(None) == name
    world.source.now = None
    asked = world.source.asked
    world.restarted()
    assert world.keeper.current == name
    assert world.source.asked == asked
    assert world.look(name) == name
    assert world.problem() == "the certificate is not renewed: nobody answers"
    world.source.now = Pair((world.folder / f"{name}.crt").read_bytes(), (world.folder / f"{name}.key").read_bytes())
    world.look(name)
    assert world.problem() == ""


def test_a_source_at_hand_is_looked_at_before_envoy_starts(tmp_path: Path) -> None:
    world = World(tmp_path / "certificates", is_at_hand=True)
    name = world.source.renew(1)
    assert world.restarted().current == name


def test_secrets_manager_is_asked_once_in_its_time(world: World) -> None:
    world.source.renew(1)
    for _ in range(5):
        world.keeper.look(None)
    assert world.source.asked == 1
    world.clock.advance(EVERY)
    world.keeper.look(None)
    assert world.source.asked == 2


def test_a_pair_stays_on_disk_for_as_long_as_envoy_is_configured_with_it(world: World) -> None:
    first = world.source.renew(1)
    world.look(None)
    names = []
    for serial in (2, 3, 4):
        names.append(world.source.renew(serial))
        world.look(first)
        assert first in world.kept()
    world.look(names[-1])
    assert world.kept() == set(names[-2:])


@pytest.mark.parametrize(
    ("files", "text"),
    [("current", ""), ("current", "\0\0\0\0"), ("current", "nobody"), ("*.crt", ""), ("*.key", "-----BEGIN PRIV")],
)
def test_what_an_unclean_end_of_the_host_cut_short_is_not_served_and_is_had_anew(
    world: World, files: str, text: str
) -> None:
    name = world.source.renew(1)
    world.look(None)
    for path in world.folder.glob(files):
        path.write_text(text)
    assert world.restarted().current is None
    assert world.problem() != ""
    assert world.look(None) == name
    assert world.problem() == ""
    assert world.restarted().current == name


def test_on_a_full_disk_the_former_pair_stays(world: World) -> None:
    first = world.source.renew(1)
    world.look(None)
    second = world.source.renew(2)
    full = world.folder / f"{second}.key.tmp"
    full.symlink_to("/dev/full")
    assert world.look(first) == first
    assert "No space left" in world.problem()
    assert world.restarted().current == first
    assert world.look(first) == second


def test_a_key_that_does_not_fit_changes_nothing(world: World) -> None:
    first = world.source.renew(1)
    world.look(None)
    certificate, key = self_signed(2).certificate, self_signed(3).key
    world.source.now = Pair(certificate.encode(), key.encode())
    assert world.look(first) == first
    assert "do not fit" in world.problem()
    assert world.kept() == {first}


def test_a_key_that_a_killed_agent_had_begun_to_write_does_not_stay(world: World) -> None:
    name = world.source.renew(1)
    world.look(None)
    (world.folder / "0123456789abcdef.key.tmp").write_text("-----BEGIN PRIV")
    world.restarted()
    world.look(name)
    assert {path.name for path in world.folder.iterdir()} == {"current", f"{name}.crt", f"{name}.key"}
