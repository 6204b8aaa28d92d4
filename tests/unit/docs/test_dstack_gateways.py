"""The page on gateways of dstack and its example say what is accepted."""

import re

from paramedic.gateways.dstack.desired import Check, DesiredGateway, GatewayReplica, Project, Service, ServiceReplica
from paramedic_cli.dstack.files import read_gateway
from paramedic_cli.local.project import project_root

PAGE = project_root() / "docs/dstack-gateways.md"


def test_the_example_is_accepted() -> None:
    assert read_gateway(project_root() / "examples/dstack-gateway.yaml").name == "front"


def test_every_field_is_named() -> None:
    table = PAGE.read_text().partition("## The file")[2].partition("\n## ")[0]
    named = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", table))))
    models = (DesiredGateway, GatewayReplica, Project, Service, Check, ServiceReplica)
    fields = {field for model in models for field in model.model_fields}
    assert fields <= named
