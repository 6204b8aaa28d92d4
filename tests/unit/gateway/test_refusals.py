"""Files that Envoy refuses: offered again, ever more rarely, until it takes them."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from paramedic_gateway.layout import Layout
from paramedic_gateway.proxy.admin import EnvoyAdmin
from paramedic_gateway.render.apply import LONGEST_OFFER_SECONDS, Applier, version_statistic
from paramedic_gateway.render.files import RenderedFiles
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.routes.model import ServiceRoutes
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog
from tests.unit.gateway.routes import FRAME, routes, upstream

LISTENERS = "lds.json"
LONG_SECONDS = 8 * LONGEST_OFFER_SECONDS
"""Until offers come as rarely as they ever do."""

ECHO = routes("echo", upstream(1))
OTHER = routes("other", upstream(2), port=9002)


class PickyEnvoy(EnvoyAdmin):
    """Takes over every file in place but those it `refuses`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "admin.sock")
        self.folder = folder
        self.refuses: set[str] = set()

    def versions(self) -> Mapping[str, str]:
        taken = {str(path.relative_to(self.folder)): path.read_text() for path in self.folder.rglob("*.json")}
        return {
            version_statistic(name) or "": json.loads(text)["version_info"]
            for name, text in taken.items()
            if name not in self.refuses
        }


class Replica:
    def __init__(self, root: Path) -> None:
        self.frame = Frame(Layout(root), FRAME.host, FRAME.port, None, FRAME.domain, answers_health=True)
        self.folder = self.frame.layout.rendered
        self.folder.mkdir()
        self.clock = FakeClock()
        self.log = ListLog()
        self.envoy = PickyEnvoy(self.folder)
        self.applier = Applier(RenderedFiles(self.folder), self.envoy, self.clock, self.log.warning)

    def apply(self, *services: ServiceRoutes) -> None:
        self.applier.apply({each.service: each for each in services}, {}, self.frame)
        self.applier.confirm()

    def offers(self, seconds: int, *services: ServiceRoutes) -> list[int]:
        """After how many seconds of passes the listeners' file was put in place once more."""
        offers, start = [], self.clock.monotonic()
        while self.clock.monotonic() < start + seconds:
            file = self._file()
            self.clock.advance(1)
            self.apply(*services)
            if self._file() != file:
                offers.append(round(self.clock.monotonic() - start))
        return offers

    def problems(self) -> tuple[str, ...]:
        return self.applier.refused

    def _file(self) -> int:
        return (self.folder / LISTENERS).stat().st_ctime_ns


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    return Replica(tmp_path)


def test_a_refused_file_is_offered_again_ever_more_rarely_and_said_once(replica: Replica) -> None:
    replica.envoy.refuses = {LISTENERS}
    replica.apply(ECHO)
    offers = replica.offers(LONG_SECONDS, ECHO)
    waits = [after - before for before, after in pairwise(offers)]
    assert offers[0] <= 10
    assert waits == sorted(waits)
    assert waits[0] <= 10
    assert waits[-1] == LONGEST_OFFER_SECONDS
    assert replica.problems() == ("Envoy refuses lds.json and keeps what it had in its place",)
    assert len(replica.log.warnings) == 1


def test_changes_elsewhere_do_not_make_a_refused_file_come_sooner(replica: Replica) -> None:
    replica.envoy.refuses = {LISTENERS}
    replica.apply(ECHO)
    replica.offers(LONG_SECONDS, ECHO)
    moved = ECHO.model_copy(update={"upstreams": (upstream(7),)})
    assert len(replica.offers(LONGEST_OFFER_SECONDS, moved)) == 1
    assert replica.problems() == ("Envoy refuses lds.json and keeps what it had in its place",)


def test_a_refused_file_that_says_something_new_is_offered_at_once(replica: Replica) -> None:
    replica.envoy.refuses = {LISTENERS}
    replica.apply(ECHO)
    replica.offers(LONG_SECONDS, ECHO)
    first, second, *_ = replica.offers(20, ECHO, OTHER)
    assert first == 1
    assert second <= 10


def test_a_file_that_is_taken_at_last_is_no_problem_any_more(replica: Replica) -> None:
    replica.envoy.refuses = {LISTENERS, "rds/shared.json"}
    replica.apply(ECHO)
    replica.offers(20, ECHO)
    assert len(replica.problems()) == 2
    replica.envoy.refuses = {LISTENERS}
    replica.offers(1, ECHO)
    assert replica.problems() == ("Envoy refuses lds.json and keeps what it had in its place",)
    replica.envoy.refuses = set()
    replica.offers(1, ECHO)
    assert replica.problems() == ()
    assert replica.offers(LONG_SECONDS, ECHO) == []
