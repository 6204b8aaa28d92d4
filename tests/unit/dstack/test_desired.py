"""Bad input is refused by the field that is wrong."""

from typing import Any

import pytest

from paramedic.errors import InvalidInputError
from paramedic.gateways.dstack.desired import DesiredGateway
from paramedic.validation import validated


def written(**changes: Any) -> dict[str, Any]:
    return {
        "type": "dstack-gateway",
        "name": "front",
        "replicas": [{"name": "a", "api": "http://10.0.0.4:8000", "serves_at": "http://10.0.0.4"}],
        "projects": {"main": {"ssh_key": "main"}},
        "services": [service("one"), service("two")],
        **changes,
    }


def service(name: str, **changes: Any) -> dict[str, Any]:
    job = {"id": "j1", "app_port": 8000, "ssh_host": "root@10.0.0.9"}
    domain = f"{name}.example.org"
    return {"project": "main", "name": name, "id": "run-1", "domain": domain, "replicas": [job], **changes}


def replicas(number: int) -> list[dict[str, str]]:
    return [
        {"name": f"r{each}", "api": f"http://10.0.0.{each}:8000", "serves_at": f"http://10.0.0.{each}"}
        for each in range(1, number + 1)
    ]


HOP = "front.yaml.services.0.replicas.0.ssh_proxy."


def hop(username: str, hostname: str) -> dict[str, Any]:
    proxy = {"username": username, "hostname": hostname}
    return {"id": "j1", "app_port": 8000, "ssh_host": "root@10.0.0.9", "ssh_proxy": proxy}


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"replicas": []}, "front.yaml.replicas", "at least 1"),
        ({"replicas": replicas(21)}, "front.yaml.replicas", "at most 20"),
        ({"replicas": replicas(1) * 2}, "front.yaml", "replicas that are there twice: r1"),
        ({"services": [service("one"), service("one", domain="x.org")]}, "front.yaml", "services that are there twice"),
        ({"services": [service("one", domain="a.b"), service("two", domain="a.b")]}, "front.yaml", "domains that are"),
        (
            {"services": [service("one", project="other")]},
            "front.yaml",
            "other/one: its project is not in projects",
        ),
        ({"services": [service("one", domain="x;y")]}, "front.yaml.services.0.domain", "pattern"),
        ({"services": [service("one", domain="UPPER.org")]}, "front.yaml.services.0.domain", "pattern"),
        ({"services": [service("one", domain="0-a.org")]}, "front.yaml", "must sort after"),
        ({"services": [service("one", https=True)]}, "front.yaml.services.0.https", "not permitted"),
        ({"services": [service("one", check={"path": "health"})]}, "front.yaml.services.0.check.path", "pattern"),
        ({"projects": {"paramedic": {"ssh_key": "k"}}, "services": []}, "front.yaml", "kept for Paramedic"),
        ({"projects": {"main": {"ssh_key": "../shadow"}}}, "front.yaml.projects.main.ssh_key", "pattern"),
        ({"projects": {"main": {"ssh_key": ".."}}}, "front.yaml.projects.main.ssh_key", "pattern"),
        ({"services": [service("one", replicas=[hop("-oX", "h")])]}, HOP + "username", "pattern"),
        ({"services": [service("one", replicas=[hop("u", "-oX")])]}, HOP + "hostname", "pattern"),
        ({"certificate": {"type": "acm"}}, "front.yaml.certificate", "not permitted"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(changes: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        validated(DesiredGateway, written(**changes), root="front.yaml")
    assert raised.value.field == field
    assert says in str(raised.value)


def test_what_is_written_is_kept_as_it_is_by_json() -> None:
    gateway = validated(DesiredGateway, written(), root="front.yaml")
    again = DesiredGateway.model_validate_json(gateway.model_dump_json())
    assert again == gateway
    assert [each.registered_id for each in again.services] == [each.registered_id for each in gateway.services]


def test_no_two_services_share_a_replica_id_for_a_gateway_keeps_tunnels_by_it() -> None:
    gateway = validated(DesiredGateway, written(), root="front.yaml")
    one, two = gateway.services
    assert one.replicas == two.replicas
    assert not one.replicas_by_id.keys() & two.replicas_by_id.keys()
