"""gateway.yaml, as users write it."""

from pathlib import Path
from typing import Any

import pytest

from paramedic.errors import InvalidInputError
from paramedic.gateways.spec import GatewaySpec
from paramedic.gateways.spec_files import parse_gateway, read_gateway


def gateway(**fields: Any) -> GatewaySpec:
    return parse_gateway({"type": "gateway", "name": "web", "backend": "hosts", **fields})


@pytest.mark.parametrize(
    ("fields", "names_field", "says"),
    [
        ({"type": "service"}, "type", "'gateway'"),
        ({"name": "My Gateway"}, "name", "pattern"),
        ({"name": "x" * 60}, "name", "pattern"),
        ({"replicas": 0}, "replicas", "greater than or equal to 1"),
        ({"replicas": 21}, "replicas", "less than or equal to 20"),
        ({"replicas": True}, "replicas", "integer"),
        ({"backend": None}, "backend", "is required"),
        ({"backend": "two words"}, "backend", "pattern"),
        ({"region": "EU"}, "region", "pattern"),
        ({"placement": [{"backend": "b"}]}, "backend", "besides placement"),
        ({"backend": None, "placement": [{"backend": "b", "regio": "eu"}]}, "placement.0.regio", "did you mean"),
        ({"domain": "Example.com"}, "domain", "pattern"),
        ({"port": 0}, "port", "greater than or equal to 1"),
        ({"port": 8443}, "tls_port", "a port of its own"),
        ({"probe_from": "moon"}, "probe_from", "'public' or 'vpc'"),
        ({"replica": 2}, "replica", "did you mean 'replicas'"),
        ({"instance_type": "t3.micro"}, "instance_type", "launcher profile"),
        ({"tags": {"a": "b"}}, "tags", "launcher profile"),
        ({"certificate": {"type": "lets-encrypt"}, "replicas": 2}, "certificate", "load balancer"),
        ({"certificate": {"type": "acm", "arn": "arn:x"}, "replicas": 2}, "certificate", "target_group"),
        ({"certificate": {"type": "acm", "target_group": "arn:x"}}, "certificate.acm.target_group", "pattern"),
        ({"certificate": {"type": "files", "certificate": "a.pem", "key": "/k"}}, "certificate", "absolute path"),
        ({"dns": {"zone": "Z1"}}, "domain", "is required where dns is given"),
        ({"dns": {"zone": "models.test"}, "domain": "models.test"}, "dns.zone", "pattern"),
        ({"dns": {"zone": "Z1", "ttl": 5}, "domain": "models.test"}, "dns.ttl", "greater than or equal to 10"),
        ({"certificate": {"type": "file"}}, "certificate", "secrets-manager"),
        ({"certificate": {"type": "secrets-manager"}}, "certificate.secrets-manager.secret", "required"),
    ],
)
def test_what_cannot_be_a_gateway_is_refused_by_the_name_of_its_field(
    fields: dict[str, Any], names_field: str, says: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        gateway(**fields)
    assert refused.value.field.startswith(names_field)
    assert says in str(refused.value)


def test_a_backend_with_a_region_names_one_launcher_profile_and_without_another() -> None:
    assert gateway(backend="aws", region="eu-west-1").profiles == ("aws/eu-west-1",)
    assert gateway(backend="aws").profiles == ("aws",)


def test_replicas_may_be_placed_one_by_one() -> None:
    places = [{"backend": "host-a"}, {"backend": "aws", "region": "eu-west-1"}]
    assert gateway(backend=None, placement=places, replicas=2).profiles == ("host-a", "aws/eu-west-1")


@pytest.mark.parametrize(
    ("certificate", "told"),
    [
        (None, {}),
        (
            {"type": "files", "certificate": "/tls/c.pem", "key": "/tls/k.pem"},
            {
                "PARAMEDIC_GATEWAY_CERTIFICATE_FILE": "/tls/c.pem",
                "PARAMEDIC_GATEWAY_KEY_FILE": "/tls/k.pem",
            },
        ),
        (
            {"type": "secrets-manager", "secret": "gateways/web"},
            {"PARAMEDIC_GATEWAY_CERTIFICATE_SECRET": "gateways/web"},
        ),
    ],
)
def test_replicas_are_told_where_their_certificate_is(certificate: Any, told: dict[str, str]) -> None:
    environment = gateway(certificate=certificate).environment()
    assert {name: value for name, value in environment.items() if "CERTIFICATE" in name or "KEY" in name} == told


def test_with_acm_the_load_balancer_has_the_certificate_and_replicas_are_told_of_none() -> None:
    group = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/web/0123456789abcdef"
    environment = gateway(certificate={"type": "acm", "target_group": group}, replicas=3).environment()
    assert not [name for name in environment if "CERTIFICATE" in name]


def test_another_number_of_replicas_replaces_none_and_another_domain_all() -> None:
    assert gateway().runs_like(gateway(replicas=5))
    assert not gateway().runs_like(gateway(domain="example.com"))


def test_a_file_that_says_a_thing_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("type: gateway\nname: web\nbackend: a\nbackend: b\n")
    with pytest.raises(InvalidInputError, match="backend is there twice"):
        read_gateway(file)


def test_a_file_that_is_no_text_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_bytes(b"name: \xff")
    with pytest.raises(InvalidInputError, match=r"gateway\.yaml.*not UTF-8"):
        read_gateway(file)
