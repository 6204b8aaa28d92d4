"""A gateway replica is brought to what is desired by few calls, and by none where nothing is known or to be done."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.gateways.dstack.desired import (
    NOBODYS_KEY,
    DesiredGateway,
    GatewayReplica,
    Project,
    Service,
    ServiceReplica,
)
from paramedic.gateways.dstack.noting import Made, noted
from paramedic.gateways.dstack.observed import Look, Reached, Seen
from paramedic.gateways.dstack.planning import (
    Call,
    RegisterReplica,
    RegisterService,
    UnregisterReplica,
    UnregisterService,
    plan,
    slow_ones_last,
)
from paramedic.state.dstack_gateways import Problem, ReplicaNotes, packed_notes
from tests.fakes.dstack_gateway import Fails, FakeGateway, nothing_fails

BEGUN = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
PASS = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=15)
MOST_PASSES = 6
LARGEST_ITEM = 400 * 1024
"""Bytes that DynamoDB takes as one item."""


def service(name: str, *jobs: str, run: str = "run-1", project: str = "main") -> Service:
    replicas = tuple(ServiceReplica(id=job, app_port=8000, ssh_host=f"root@{job}") for job in jobs)
    return Service(project=project, name=name, id=run, domain=f"{name}.{project}.example", replicas=replicas)


def gateway(*services: Service) -> DesiredGateway:
    return DesiredGateway(
        name="front",
        replicas=(GatewayReplica(name="a", api="http://10.0.0.4:8000", serves_at="http://10.0.0.4"),),
        projects={"main": Project(ssh_key="main")},
        services=services,
    )


class KilledError(Exception):
    """Whoever makes the pass is gone, and notes nothing."""


@dataclass
class Keeper:
    """Makes passes, as the shell does, and remembers every call."""

    gateway: FakeGateway
    notes: ReplicaNotes = field(default_factory=ReplicaNotes)
    now: datetime = BEGUN

    def run(self, desired: DesiredGateway, fails: Fails = nothing_fails) -> tuple[Made, ...]:
        self.now += PASS
        calls = plan(desired, self.gateway.look(desired), self.notes, self.now)
        try:
            made = self.gateway.make(calls, fails)
        except KilledError:
            return ()
        self.notes = noted(desired, self.notes, made, self.gateway.look(desired), self.now)
        return made

    def settle(self, desired: DesiredGateway) -> None:
        for _ in range(MOST_PASSES):
            self.run(desired)
            self.now += LONGEST_WAIT


jobs = st.lists(st.sampled_from(["j1", "j2", "j3"]), unique=True, max_size=3)
names = st.sampled_from(["one", "two", "three"])
services = st.builds(
    lambda name, some, run: service(name, *some, run=run), names, jobs, st.sampled_from(["run-1", "run-2"])
)
desired_gateways = st.lists(services, unique_by=lambda each: each.key, max_size=3).map(lambda each: gateway(*each))
keys = st.sampled_from([*(f"{project}/{name}" for project in ("main", "others") for name in ("one", "two", "left"))])


@st.composite
def gateways(draw: st.DrawFn) -> FakeGateway:
    """A replica with anything on it: what somebody wanted once, and what nobody here ever did."""
    made = FakeGateway()
    for each in draw(desired_gateways).services:
        registered = draw(st.lists(st.sampled_from([*each.replicas_by_id, "stray"]), unique=True))
        made.services[each.key] = each.registered_id, set(registered)
    for key in draw(st.lists(keys, unique=True, max_size=4)):
        made.services[key] = draw(st.sampled_from(["", "foreign"])), {"stray"}
    made.broken = draw(st.sets(keys, max_size=2))
    return made


@given(desired_gateways, gateways())
def test_whatever_was_there_becomes_what_is_desired_and_then_no_call_is_made_and_nothing_is_noted(
    desired: DesiredGateway, there: FakeGateway
) -> None:
    others = {key: each for key, each in there.services.items() if key.startswith("others/")}
    keeper = Keeper(there)
    keeper.settle(desired)
    wanted = {key: (each.registered_id, set(each.replicas_by_id)) for key, each in desired.by_key.items()}
    assert there.services == {**others, **wanted}
    assert keeper.notes.registered.keys() == desired.by_key.keys()
    settled = keeper.notes
    assert keeper.run(desired) == ()
    assert keeper.notes == settled


ENDS = ("done", "refused", "lost", "unheard", "killed before", "killed after")
"""What may become of a call."""


@given(desired_gateways, desired_gateways, gateways(), st.lists(st.sampled_from(ENDS), max_size=12))
def test_after_any_trouble_it_becomes_what_is_desired_and_what_serves_as_desired_is_never_taken_away(
    former: DesiredGateway, desired: DesiredGateway, there: FakeGateway, ends: Sequence[str]
) -> None:
    there.broken.clear()
    keeper, left = Keeper(there), list(ends)

    def fails(call: Call) -> Made | None:
        assert not _takes_away(call, now_desired[0])
        match left.pop(0) if left else "done":
            case "refused":
                return Made(call, Problem.REFUSED)
            case "lost":
                there.do(call)
                return Made(call, Problem.UNANSWERED)
            case "unheard":
                return Made(call, Problem.UNANSWERED)
            case "killed before":
                raise KilledError
            case "killed after":
                there.do(call)
                raise KilledError
            case _:
                return None

    now_desired = [former]
    keeper.run(former, fails)
    now_desired = [desired]
    while left:
        before = len(left)
        keeper.run(desired, fails)
        keeper.now += LONGEST_WAIT
        if len(left) == before:
            break
    keeper.settle(desired)
    assert all(there.services[key][0] == each.registered_id for key, each in desired.by_key.items())
    assert keeper.run(desired) == ()


def _takes_away(call: Call, desired: DesiredGateway) -> bool:
    match call:
        case UnregisterService(key, listed_id):
            wanted = desired.by_key.get(key)
            return wanted is not None and wanted.registered_id == listed_id
        case UnregisterReplica(each, registered_id):
            return registered_id in desired.by_key[each.key].replicas_by_id
        case _:
            return False


looks_without_a_list = st.builds(
    lambda api, door, seen: Look(api, "", None, door, seen),
    st.sampled_from([Reached.REFUSES, Reached.SILENT, Reached.STRANGE]),
    st.sampled_from(list(Reached)),
    st.dictionaries(keys, st.sampled_from(list(Seen))),
)


@given(desired_gateways, gateways(), looks_without_a_list)
def test_a_list_that_is_not_known_is_not_an_empty_one(desired: DesiredGateway, there: FakeGateway, blind: Look) -> None:
    keeper = Keeper(there)
    keeper.run(desired)
    assert plan(desired, blind, keeper.notes, keeper.now + LONGEST_WAIT) == ()
    after = noted(desired, keeper.notes, (), blind, keeper.now)
    kept = {key for key in keeper.notes.registered if blind.seen.get(key) not in (Seen.BROKEN, Seen.OTHERWISE)}
    assert (set(after.registered), after.unknown, after.troubles) == (
        kept,
        keeper.notes.unknown,
        keeper.notes.troubles,
    )


def test_a_replica_that_is_no_more_desired_leaves_when_another_is_there() -> None:
    keeper = Keeper(FakeGateway())
    keeper.settle(gateway(service("one", "j1")))
    moved = gateway(service("one", "j2"))
    assert [type(each.call) for each in keeper.run(moved)] == [RegisterReplica]
    assert [type(each.call) for each in keeper.run(moved)] == [UnregisterReplica]


def test_what_is_seen_broken_once_is_not_touched_and_in_the_second_pass_it_is_repaired() -> None:
    desired, there = gateway(service("one", "j1")), FakeGateway()
    keeper = Keeper(there)
    keeper.settle(desired)
    there.broken = {"main/one"}
    assert keeper.run(desired) == ()
    assert "main/one" not in keeper.notes.registered
    assert [type(each.call) for each in keeper.run(desired)] == [UnregisterService, RegisterService, RegisterReplica]
    assert "main/one" in keeper.notes.registered


@pytest.mark.parametrize("kind", ["hopeless", "broken"])
def test_what_stays_broken_or_breaks_again_and_again_is_repaired_ever_more_rarely(kind: str) -> None:
    desired, there = gateway(service("one", "j1")), FakeGateway()
    keeper = Keeper(there)
    keeper.settle(desired)
    repairs = 0
    for _ in range(int(timedelta(hours=1) / PASS)):
        getattr(there, kind).add("main/one")
        repairs += any(isinstance(each.call, UnregisterService) for each in keeper.run(desired))
    assert 3 < repairs < 9


@pytest.mark.parametrize("kind", ["hopeless", "broken"])
def test_a_replica_that_was_wiped_is_filled_at_once_however_often_it_was_repaired_before(kind: str) -> None:
    desired, there = gateway(service("one", "j1")), FakeGateway()
    keeper = Keeper(there)
    keeper.settle(desired)
    for _ in range(60):
        getattr(there, kind).add("main/one")
        keeper.run(desired)
    there.services.clear()
    keeper.run(desired)
    assert there.services.keys() == {"main/one", NOBODYS_KEY}


def test_a_stranger_leaves_in_the_second_pass_that_sees_it_and_not_if_it_became_another() -> None:
    there, desired = FakeGateway(), gateway()
    keeper = Keeper(there)
    keeper.settle(desired)
    there.services["main/left"] = "first", set()
    assert keeper.run(desired) == ()
    there.services["main/left"] = "second", set()
    assert keeper.run(desired) == ()
    assert [each.call for each in keeper.run(desired)] == [UnregisterService("main/left", "second")]


def test_every_service_gets_a_first_replica_before_any_gets_a_second_one() -> None:
    desired = gateway(service("one", "j1", "j2"), service("two", "j3", "j4"))
    made = Keeper(FakeGateway()).run(desired)
    order = [each.call.replica.id for each in made if isinstance(each.call, RegisterReplica)]
    assert [sorted(order[:2]), sorted(order[2:])] == [["j1", "j3"], ["j2", "j4"]]
    assert [type(each.call) for each in made[:3]] == [RegisterService] * 3


def test_replicas_behind_a_host_that_does_not_greet_are_registered_after_all_others() -> None:
    desired = gateway(service("aaa", "tarpit"), service("one", "j1"))
    calls = plan(desired, FakeGateway().look(desired), ReplicaNotes(), BEGUN)
    last = slow_ones_last(calls, {("tarpit", 22)})[-1]
    assert isinstance(last, RegisterReplica)
    assert last.replica.id == "tarpit"


@pytest.mark.parametrize(
    "changed",
    [
        {"domain": "other.example"},
        {"client_max_body_size": 1},
        {"read_timeout": 10},
        {"id": "run-2"},
    ],
)
def test_a_service_with_another_setting_is_registered_anew(changed: dict[str, object]) -> None:
    before = service("one", "j1")
    keeper = Keeper(FakeGateway())
    keeper.settle(gateway(before))
    made = keeper.run(gateway(Service.model_validate({**before.model_dump(), **changed})))
    assert [type(each.call) for each in made] == [UnregisterService, RegisterService, RegisterReplica]


def test_another_check_changes_nothing_on_the_gateway() -> None:
    before = service("one", "j1")
    keeper = Keeper(FakeGateway())
    keeper.settle(gateway(before))
    other = Service.model_validate({**before.model_dump(), "check": {"path": "/health"}})
    assert keeper.run(gateway(other)) == ()


def test_what_was_refused_is_tried_at_once_when_something_leaves() -> None:
    there, desired = FakeGateway(), gateway(service("one", "j1"))
    there.services["main/left"] = "foreign", set()

    def domain_is_taken(call: Call) -> Made | None:
        taken = isinstance(call, RegisterService) and call.service.key == "main/one" and "main/left" in there.services
        return Made(call, Problem.REFUSED, "answered 400") if taken else None

    keeper = Keeper(there)
    keeper.run(desired, domain_is_taken)
    assert keeper.notes.troubles["main/one"].attempts == 1
    keeper.run(desired, domain_is_taken)
    assert there.services.keys() == {"main/one", NOBODYS_KEY}
    assert keeper.notes.troubles == {}


def test_what_was_refused_is_tried_at_once_on_a_replica_that_was_wiped() -> None:
    desired, there = gateway(service("one", "j1"), service("two", "j2")), FakeGateway()

    def refuses_one(call: Call) -> Made | None:
        refused = isinstance(call, RegisterService) and call.service.key == "main/one"
        return Made(call, Problem.REFUSED, "answered 400") if refused else None

    keeper = Keeper(there)
    keeper.run(desired, refuses_one)
    there.services.clear()
    keeper.run(desired)
    assert there.services.keys() == {"main/one", "main/two", NOBODYS_KEY}


def test_a_service_whose_replicas_somebody_else_removed_does_not_count_as_registered_any_more() -> None:
    desired, there = gateway(service("one", "j1")), FakeGateway()
    keeper = Keeper(there)
    keeper.settle(desired)
    there.services["main/one"][1].clear()
    look = there.look(desired)
    assert noted(desired, keeper.notes, (), look, keeper.now).registered.keys() == {NOBODYS_KEY}
    assert [type(each) for each in plan(desired, look, keeper.notes, keeper.now)] == [RegisterReplica]


def test_notes_of_thousands_of_refused_replicas_fit_one_row() -> None:
    desired = gateway(*(service(f"service-{each}", *(f"job-{job}" for job in range(25))) for each in range(100)))
    look = FakeGateway().look(desired)
    made = [
        Made(call, Problem.REFUSED, f"answered 400: Cannot register replica {call.registered_id}: timed out" * 5)
        for call in plan(desired, look, ReplicaNotes(), BEGUN)
        if isinstance(call, RegisterReplica)
    ]
    notes = noted(desired, ReplicaNotes(), made, look, BEGUN)
    assert len(notes.troubles) == 2500
    assert len(packed_notes(notes)) < LARGEST_ITEM / 2


def test_a_call_to_a_replica_that_is_gone_since_is_no_reason_to_wait_when_it_is_back() -> None:
    desired = gateway(service("one", "j1"))
    gone = Look(Reached.REFUSES, "", None, Reached.REFUSES, {})
    unanswered = Made(RegisterService(desired.services[0]), Problem.UNANSWERED)
    assert noted(desired, ReplicaNotes(), [unanswered], gone, BEGUN).troubles == {}
    alive = FakeGateway().look(desired)
    assert noted(desired, ReplicaNotes(), [unanswered], alive, BEGUN).troubles.keys() == {"main/one"}


def test_what_an_unreachable_replica_was_asked_for_is_remembered_and_not_called_registered() -> None:
    desired = gateway(service("one", "j1"))
    down = Look(Reached.REFUSES, "", None, Reached.REFUSES, {})
    assert noted(desired, ReplicaNotes(), (), down, BEGUN) == ReplicaNotes()
    assert replace(down, api=Reached.SILENT).lists(desired.services[0]) is None
