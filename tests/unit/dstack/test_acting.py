"""Calls are sent one after another, and no further than what is still desired and what came of them allow."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from paramedic.gateways.dstack.acting import Acting
from paramedic.gateways.dstack.client import connect
from paramedic.gateways.dstack.desired import DesiredGateway, GatewayReplica, Project, Service, ServiceReplica
from paramedic.gateways.dstack.keys import UnreadableKeyError
from paramedic.gateways.dstack.planning import (
    Call,
    RegisterReplica,
    RegisterService,
    UnregisterReplica,
    UnregisterService,
    removes,
)
from paramedic.state.dstack_gateways import Problem

REPLICA = GatewayReplica(name="a", api="http://a.test:8000", serves_at="http://a.test")


def service(name: str) -> Service:
    job = ServiceReplica(id="j1", app_port=8000, ssh_host="root@10.0.0.9")
    return Service(project="main", name=name, id="1", domain=f"{name}.example.org", replicas=(job,))


ONE, TWO = service("one"), service("two")
DESIRED = DesiredGateway(
    name="front", replicas=(REPLICA,), projects={"main": Project(ssh_key="main")}, services=(ONE, TWO)
)


def whole(each: Service) -> list[Call]:
    (registered_id,) = each.replicas_by_id
    return [RegisterService(each), RegisterReplica(each, registered_id, each.replicas[0])]


@dataclass
class Gateway:
    """Answers each path with the status that is set for it, or 200."""

    statuses: dict[str, int] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/registry/main/services/")
        self.paths.append(path)
        if b"ssh_private_key" in request.content:
            self.keys.append(json.loads(request.content)["ssh_private_key"])
        status = self.statuses.get(path, 200)
        if status == 0:
            raise httpx.ReadTimeout("silent", request=request)
        return httpx.Response(status)


def make(
    gateway: Gateway, calls: Sequence[Call], may_make: Callable[[Call], bool] = lambda _: True
) -> list[Problem | None]:
    api = connect(REPLICA, httpx.MockTransport(gateway.answer))
    return [each.problem for each in Acting("a", DESIRED, api, lambda *_: "a key", may_make).make(calls)]


def test_nothing_is_removed_once_something_else_is_desired() -> None:
    gateway = Gateway()
    calls = [*whole(ONE), UnregisterReplica(TWO, "old"), RegisterService(TWO)]
    assert make(gateway, calls, lambda call: not removes(call)) == [None, None]
    assert gateway.paths == ["register", "one/replicas/register"]
    assert gateway.keys == ["a key"]


def test_a_service_that_was_refused_gets_no_replicas_and_the_others_go_on() -> None:
    gateway = Gateway(statuses={"one/unregister": 500})
    calls = [UnregisterService("main/one", "x"), *whole(ONE), *whole(TWO)]
    assert make(gateway, calls) == [Problem.REFUSED, None, None]
    assert gateway.paths == ["one/unregister", "register", "two/replicas/register"]


def test_a_replica_that_was_refused_keeps_nothing_else_from_being_registered() -> None:
    gateway = Gateway(statuses={"one/replicas/register": 400})
    assert make(gateway, [*whole(ONE), *whole(TWO)]) == [None, Problem.REFUSED, None, None]


def test_after_a_call_without_an_answer_nothing_more_is_sent() -> None:
    gateway = Gateway(statuses={"one/replicas/register": 0})
    assert make(gateway, [*whole(ONE), *whole(TWO)]) == [None, Problem.UNANSWERED]


def test_a_key_that_cannot_be_read_is_found_out_before_anything_is_removed() -> None:
    def unreadable(desired: DesiredGateway, project: str) -> str:
        raise UnreadableKeyError("no such file")

    gateway = Gateway()
    api = connect(REPLICA, httpx.MockTransport(gateway.answer))
    calls = [UnregisterService("main/one", "x"), *whole(ONE), UnregisterService("main/old", "y")]
    made = Acting("a", DESIRED, api, unreadable, lambda _: True).make(calls)
    assert [each.problem for each in made] == [Problem.REFUSED, None]
    assert gateway.paths == ["old/unregister"]
