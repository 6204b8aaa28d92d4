"""What a gateway replica says is taken for no more than it is."""

import json
from collections.abc import Callable

import httpx
import pytest

from paramedic.gateways.dstack.client import GatewayApi, NotReachedError, connect
from paramedic.gateways.dstack.desired import DesiredGateway, GatewayReplica, Project, Service, ServiceReplica
from paramedic.gateways.dstack.observed import Reached
from paramedic.gateways.dstack.planning import RegisterReplica, RegisterService, UnregisterService
from paramedic.gateways.dstack.stats import collect
from paramedic.state.dstack_gateways import Problem

JOB = ServiceReplica(id="j1", app_port=8000, ssh_host="root@10.0.0.9")
SERVICE = Service(project="main", name="one", id="1", domain="one.example.org", replicas=(JOB,))
REPLICAS = tuple(
    GatewayReplica(name=name, api=f"http://{name}.test:8000", serves_at=f"http://{name}.test") for name in ("a", "b")
)


def api(answer: Callable[[httpx.Request], httpx.Response]) -> GatewayApi:
    return connect(REPLICAS[0], httpx.MockTransport(answer))


def refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def is_silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("silent", request=request)


@pytest.mark.parametrize(
    ("answer", "reached"),
    [
        (refuses, Reached.REFUSES),
        (is_silent, Reached.SILENT),
        (lambda _: httpx.Response(404), Reached.STRANGE),
        (lambda _: httpx.Response(500, json={"services": []}), Reached.STRANGE),
        (lambda _: httpx.Response(200, text="<html>"), Reached.STRANGE),
        (lambda _: httpx.Response(200, json={}), Reached.STRANGE),
        (lambda _: httpx.Response(200, json={"services": [{"id": "1", "project_name": "main"}]}), Reached.STRANGE),
    ],
)
def test_a_list_that_is_not_whole_is_no_list(
    answer: Callable[[httpx.Request], httpx.Response], reached: Reached
) -> None:
    with pytest.raises(NotReachedError) as raised:
        api(answer).list_services()
    assert raised.value.reached is reached


def test_a_later_release_may_tell_more() -> None:
    listed = {"id": "1", "project_name": "main", "run_name": "one", "replicas": [{"id": "j", "new": 1}], "new": 2}
    found = api(lambda _: httpx.Response(200, json={"services": [listed], "new": 3})).list_services()
    assert [each.id for each in found["main/one"].replicas] == ["j"]


@pytest.mark.parametrize("status", [400, 422, 500, 503])
@pytest.mark.parametrize("text", ["Service main/one is already registered", "anything"])
def test_whatever_a_refusal_says_it_is_a_refusal(status: int, text: str) -> None:
    made = api(lambda _: httpx.Response(status, json={"detail": text})).make(RegisterService(SERVICE), {"main": "key"})
    assert made.problem is Problem.REFUSED
    assert text in made.said


@pytest.mark.parametrize("answer", [refuses, is_silent])
def test_no_answer_is_not_a_refusal(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    assert api(answer).make(UnregisterService("main/one", "1"), {}).problem is Problem.UNANSWERED


def test_a_replica_is_registered_as_dstacks_own_server_does() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"status": "ok"})

    (registered_id,) = SERVICE.replicas_by_id
    assert api(answer).make(RegisterReplica(SERVICE, registered_id, JOB), {}).problem is None
    assert asked[0].url.path == "/api/registry/main/services/one/replicas/register"
    assert json.loads(asked[0].content) == {
        "job_id": registered_id,
        "app_port": 8000,
        "ssh_host": "root@10.0.0.9",
        "ssh_port": 22,
        "ssh_proxy": None,
    }


def test_figures_of_who_does_not_answer_are_missing_and_not_zero() -> None:
    window = {"30": {"requests": 2, "request_time": 0.1}, "60": {"requests": 5, "request_time": 0.1}}
    told = [{"project_name": "main", "run_name": "one", "stats": window}]

    def at(replica: GatewayReplica) -> GatewayApi:
        answer = (lambda _: httpx.Response(200, json=told)) if replica.name == "a" else refuses
        return connect(replica, httpx.MockTransport(answer))

    desired = DesiredGateway(
        name="front", replicas=REPLICAS, projects={"main": Project(ssh_key="main")}, services=(SERVICE,)
    )
    figures = collect(desired, at)
    assert (figures.is_whole, set(figures.missing)) == (False, {"b"})
    assert figures.requests == {"main/one": {30: 2, 60: 5}}
