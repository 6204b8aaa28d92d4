"""A service with planned downtimes over real DynamoDB semantics, a fake clock, and people who are told things."""

from datetime import datetime, timedelta
from itertools import count

from paramedic.clock import from_iso
from paramedic.downtime import windows
from paramedic.downtime.passes import keep_downtimes
from paramedic.downtime.stored import Subject
from paramedic.downtime.surroundings import Surroundings
from paramedic.services import pausing, verbs
from paramedic.services.spec import parse_spec
from paramedic.state import tables
from paramedic.state.claims import register
from paramedic.state.controllers import HINT, ControllerHint
from paramedic.state.downtime_windows import OneOff, Recurring
from paramedic.state.downtimes import PARTITION, PlannedDowntime
from paramedic.state.services import DesiredService, ObservedService, desired_item, observed_item
from paramedic.state.targets import Target
from tests.fakes.clock import FakeClock
from tests.fakes.targets import stored_target

CONTROLLER, SERVICE, TARGET = "main", "chat", "controller:main"
CHAT = Subject(CONTROLLER, SERVICE)
CONTROLLER_ITSELF = Subject(CONTROLLER)
NIGHTS = Recurring(stop="0 20 * * *", start="0 7 * * *", timezone="UTC")
SPEC = {"name": SERVICE, "service": {"readiness_probe": "/", "replicas": 1}, "run": "true"}


class DowntimeWorld:
    """Controller `main` with service `chat`; it is 2026-01-05, 03:00 UTC."""

    def __init__(self, table_prefix: str) -> None:
        tables.bind(table_prefix)
        self.clock = FakeClock()
        self.pages: list[tuple[str, str]] = []
        self.pages_fail = False
        self._ids = count(1)
        register(CONTROLLER, "127.0.0.1", 18080, "local", self.clock)
        self.up()

    def up(self) -> None:
        """Ask for a new service `chat`."""
        verbs.up(CONTROLLER, parse_spec(SPEC), "ada", clock=self.clock, new_id=lambda: f"uid-{next(self._ids)}")

    def plan(self, plan: Recurring | OneOff = NIGHTS, subject: Subject = CHAT) -> int:
        """Plan a downtime; its number."""
        return windows.add_window(subject, plan, "ada", "nights are quiet", self.clock).number

    def at(self, text: str) -> None:
        """Let it be that time of the day."""
        until = from_iso(f"{text}Z" if "T" in text else f"{self.clock.now():%Y-%m-%d}T{text}Z")
        self.clock.advance((until - self.clock.now()).total_seconds())

    def tick(self) -> int:
        """One pass of the function."""
        return keep_downtimes(Surroundings(clock=self.clock, page=self._page))

    def tick_at(self, text: str) -> str:
        """One pass at a time of the day, and the state that is desired then."""
        self.at(text)
        self.tick()
        return self.desired().state

    def pause(self, actor: str = "bob") -> None:
        """A person pauses the service."""
        pausing.pause(CONTROLLER, SERVICE, actor, "on purpose", clock=self.clock)

    def resume(self, actor: str = "bob") -> bool:
        """A person resumes the service."""
        return pausing.resume(CONTROLLER, SERVICE, actor, clock=self.clock)

    def desired(self) -> DesiredService:
        """The service's desired state."""
        row = DesiredService.read(CONTROLLER, desired_item(SERVICE))
        assert row is not None
        return row

    def observe(self, status: str) -> None:
        """The controller has taken up the desired state, and this is what it sees."""
        desired = self.desired()
        ObservedService(
            CONTROLLER,
            observed_item(SERVICE),
            uid=desired.uid,
            revision=desired.revision,
            version=1,
            status=status,
            next_replica_id=2,
        ).save()

    def row(self, subject: Subject = CHAT) -> PlannedDowntime | None:
        """What is stored of the planned downtimes."""
        return PlannedDowntime.read(PARTITION, subject.item)

    def target(self) -> Target:
        """The controller's target."""
        return stored_target(TARGET)

    def hint(self) -> int:
        """What the controller polls."""
        row = ControllerHint.read(CONTROLLER, HINT)
        assert row is not None
        return int(row.revision)

    def _page(self, subject: str, text: str) -> bool:
        if not self.pages_fail:
            self.pages.append((subject, text))
        return not self.pages_fail


def one_off(begin: datetime, hours: float) -> OneOff:
    """A window of that length."""
    return OneOff(begin=begin, end=begin + timedelta(hours=hours))
