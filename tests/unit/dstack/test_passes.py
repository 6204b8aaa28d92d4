"""No replica of a gateway waits for another, and no pass goes on with what is not desired any more."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import httpx
import pytest

from paramedic.gateways.dstack.client import GatewayApi, connect
from paramedic.gateways.dstack.desired import DesiredGateway, GatewayReplica, Project, Service
from paramedic.gateways.dstack.passes import GatewayPasses
from paramedic.gateways.dstack.reconciling import Means
from paramedic.gateways.dstack.stored import apply
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.state.dstack_gateways import DstackReplica, replica_item
from tests.fakes.clock import UnhurriedClock
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.fakes.waiting import PATIENCE_SECONDS, eventually

CLOCK = UnhurriedClock()
REPLICAS = tuple(
    GatewayReplica(name=name, api=f"http://{name}.test:8000", serves_at=f"http://{name}.test") for name in ("a", "b")
)

type Answer = Callable[[httpx.Request], httpx.Response]


def gateway(*names: str) -> DesiredGateway:
    return DesiredGateway(
        name="front",
        replicas=REPLICAS,
        projects={"main": Project(ssh_key="main")},
        services=tuple(Service(project="main", name=each, id="1", domain=f"{each}.example") for each in names),
    )


def accepts(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200)


class Replicas:
    """Lists nothing and is told; what a replica answers to a registration may be set by its name."""

    def __init__(self) -> None:
        self.told: dict[str, list[str]] = {"a": [], "b": []}
        self.answers: dict[str, Answer] = {}

    def connect(self, replica: GatewayReplica) -> GatewayApi:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                return httpx.Response(200, json={"services": []})
            self.told[replica.name].append(request.url.path)
            return self.answers.get(replica.name, accepts)(request)

        return connect(replica, httpx.MockTransport(answer))


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


@pytest.fixture
def passes(replicas: Replicas) -> Iterator[GatewayPasses]:
    def ask(requests: Sequence[ProbeRequest]) -> Mapping[str, ProbeOutcome]:
        return {each.target_id: ProbeOutcome(each.target_id, OutcomeKind.STATUS, status=404) for each in requests}

    with MemoryDynamoDB().bound():
        made = GatewayPasses(
            "front", replicas.connect, Means(ask, lambda _: (), lambda *_, **__: "a key", CLOCK.now), CLOCK
        )
        yield made
        made.close()


def test_one_that_takes_its_time_keeps_no_other_waiting_and_is_left_out_of_the_next_pass(
    replicas: Replicas, passes: GatewayPasses
) -> None:
    goes_on = threading.Event()

    def waits(_: httpx.Request) -> httpx.Response:
        goes_on.wait(PATIENCE_SECONDS)
        return httpx.Response(200)

    replicas.answers["a"] = waits
    apply(gateway("one"), "me", CLOCK)
    try:
        for times in (1, 2):
            passes.begin()
            names = eventually(lambda: [each.replica.name for each in passes.finished(0)], "the other's pass to end")
            assert names == ["b"]
            assert (len(replicas.told["a"]), len(replicas.told["b"])) == (1, 2 * times)
    finally:
        goes_on.set()
    assert [each.replica.name for each in passes.finished()] == ["a"]


def test_a_pass_goes_no_further_when_something_else_is_desired_meanwhile(
    replicas: Replicas, passes: GatewayPasses
) -> None:
    def changes_it(_: httpx.Request) -> httpx.Response:
        apply(gateway("other"), "somebody else", CLOCK)
        return httpx.Response(200)

    apply(gateway("one", "two", "three"), "me", CLOCK)
    replicas.answers["b"] = changes_it
    passes.begin()
    passes.finished()
    assert len(replicas.told["b"]) == 1
    assert passes.begin().gateway == gateway("other")


def test_a_replica_whose_notes_cannot_be_understood_is_left_alone_and_the_others_are_not(
    replicas: Replicas, passes: GatewayPasses
) -> None:
    apply(gateway("one"), "me", CLOCK)
    DstackReplica("front", replica_item("a"), packed=b"nonsense", version=1).save()
    passes.begin()
    assert [each.replica.name for each in passes.finished()] == ["b"]
    assert replicas.told["a"] == []


def test_an_error_in_one_replicas_pass_hides_no_others(replicas: Replicas, passes: GatewayPasses) -> None:
    def breaks(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("a mistake of ours")

    replicas.answers["a"] = breaks
    apply(gateway("one"), "me", CLOCK)
    passes.begin()
    assert [each.replica.name for each in passes.finished()] == ["b"]
