"""What answers through a data plane prove, and what is wrong with a replica as a whole."""

from typing import Any

import pytest

from paramedic.gateways.dstack.desired import NOBODYS_KEY, UNKNOWN_HOST, GatewayReplica, Service, ServiceReplica
from paramedic.gateways.dstack.finding import Finding, finding
from paramedic.gateways.dstack.observed import Look, Reached, Seen
from paramedic.gateways.dstack.seeing import DOOR, answers, door_of, questions
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome

REPLICA = GatewayReplica(name="a", api="http://10.0.0.4:8000", serves_at="http://10.0.0.4")
JOB = ServiceReplica(id="j1", app_port=8000, ssh_host="root@10.0.0.9")


def service(name: str, **check: Any) -> Service:
    parts = {"project": "main", "name": name, "id": "1", "domain": f"{name}.example.org", "replicas": [JOB]}
    return Service.model_validate({**parts, "check": check})


def seen(services: list[Service], told: dict[str, ProbeOutcome]) -> dict[str, Seen]:
    """What is proved when hosts are answered so; all others get nginx's own 404."""
    nothing = ProbeOutcome("", OutcomeKind.STATUS, status=404)
    asked = questions(REPLICA, services, 1)
    return dict(answers(services, {each.target_id: told.get(each.host or "", nothing) for each in asked}))


def answered(kind: OutcomeKind, status: int | None = None) -> ProbeOutcome:
    return ProbeOutcome("", kind, status=status)


OK = answered(OutcomeKind.OK, 200)


@pytest.mark.parametrize(
    ("outcome", "proves"),
    [
        (OK, Seen.SERVES),
        (answered(OutcomeKind.STATUS, 502), Seen.BROKEN),
        (answered(OutcomeKind.STATUS, 503), Seen.BROKEN),
        (answered(OutcomeKind.STATUS, 504), Seen.BROKEN),
        (answered(OutcomeKind.REFUSED), Seen.BROKEN),
        (answered(OutcomeKind.STATUS, 404), Seen.OTHERWISE),
        (answered(OutcomeKind.STATUS, 500), Seen.OTHERWISE),
        (answered(OutcomeKind.CONDITION, 200), Seen.OTHERWISE),
        (answered(OutcomeKind.TIMEOUT), Seen.UNKNOWN),
        (answered(OutcomeKind.RESET), Seen.UNKNOWN),
        (answered(OutcomeKind.NOT_PROBED), Seen.UNKNOWN),
    ],
)
def test_only_the_expected_answer_serves_and_only_nginxs_own_word_is_broken(
    outcome: ProbeOutcome, proves: Seen
) -> None:
    assert seen([service("one")], {"one.example.org": outcome})["main/one"] is proves


def test_an_answer_that_any_host_name_gets_proves_nothing_of_a_service() -> None:
    one = service("one")
    assert seen([one], {"one.example.org": OK, UNKNOWN_HOST: OK}) == {
        "main/one": Seen.OTHERWISE,
        NOBODYS_KEY: Seen.BROKEN,
    }


def test_a_services_own_path_is_told_from_that_of_others() -> None:
    services = [service("one"), service("two", path="/health")]
    asked = questions(REPLICA, services, 1)
    controls = {each.url for each in asked if each.host == UNKNOWN_HOST and each.target_id != DOOR}
    assert controls == {"http://10.0.0.4/", "http://10.0.0.4/health"}
    assert len(questions(REPLICA, [service(f"s{each}") for each in range(50)], 1)) == 52


@pytest.mark.parametrize(
    ("api", "door", "closed_passes", "found"),
    [
        (Reached.ANSWERS, Reached.REFUSES, 0, Finding.WELL),
        (Reached.REFUSES, Reached.ANSWERS, 1, Finding.APPLICATION_CLOSED),
        (Reached.REFUSES, Reached.ANSWERS, 3, Finding.CRASH_LOOP),
        (Reached.REFUSES, Reached.REFUSES, 0, Finding.DOWN),
        (Reached.REFUSES, Reached.SILENT, 0, Finding.DOWN),
        (Reached.SILENT, Reached.ANSWERS, 0, Finding.APPLICATION_HUNG),
        (Reached.SILENT, Reached.SILENT, 0, Finding.UNREACHABLE),
        (Reached.STRANGE, Reached.ANSWERS, 0, Finding.NOT_DSTACK),
    ],
)
def test_what_is_wrong_is_told_by_what_its_api_and_its_nginx_do(
    api: Reached, door: Reached, closed_passes: int, found: Finding
) -> None:
    assert finding(Look(api, "", None, door, {}), closed_passes) is found


def test_nginx_answers_whatever_it_says() -> None:
    assert door_of({DOOR: answered(OutcomeKind.STATUS, 404)}) is Reached.ANSWERS
    assert door_of({DOOR: answered(OutcomeKind.REFUSED)}) is Reached.REFUSES
    assert door_of({DOOR: answered(OutcomeKind.TIMEOUT)}) is Reached.SILENT
