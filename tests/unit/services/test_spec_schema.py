"""What editors are told about a service's YAML is what `up` does with it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from paramedic.services.spec import read_spec
from paramedic.services.spec_schema import service_schema
from paramedic_cli.local.project import project_root
from paramedic_cli.main import app

SCHEMA_FILE = project_root() / "examples/service.schema.json"
EXAMPLES = sorted(project_root().glob("examples/*/service.yaml"))

MINIMAL: dict[str, Any] = {"name": "echo", "run": "serve", "service": {"readiness_probe": "/", "replicas": 1}}


def complaints(document: object) -> list[str]:
    return [error.message for error in Draft202012Validator(service_schema()).iter_errors(document)]


def with_service(**changes: Any) -> dict[str, Any]:
    return {**MINIMAL, "service": {**MINIMAL["service"], **changes}}


def by_utilization(**target: Any) -> dict[str, Any]:
    policy = {"min_replicas": 1, "max_replicas": 3, "target_utilization": target}
    return {**MINIMAL, "service": {"readiness_probe": "/", "replica_policy": policy}}


def with_rates(rates: object) -> dict[str, Any]:
    policy = {"min_replicas": 1, "max_replicas": 3, "target_qps_per_replica": rates}
    return {**MINIMAL, "service": {"readiness_probe": "/", "replica_policy": policy}}


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(service_schema())


def test_the_committed_schema_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(app, ["schema"])
    assert printed.exit_code == 0
    assert SCHEMA_FILE.read_text() == printed.stdout, "run: paramedic schema > examples/service.schema.json"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_each_example_is_valid_and_tells_editors_where_the_schema_is(example: Path) -> None:
    text = example.read_text()
    assert complaints(yaml.safe_load(text)) == []
    read_spec(example)
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named is not None
    assert (example.parent / named[1]).resolve() == SCHEMA_FILE


@pytest.mark.parametrize(
    "document",
    [
        MINIMAL,
        {**MINIMAL, "envs": {"PORT": 8080, "DEBUG": True, "RATE": 0.5, "NAME": "x"}, "workdir": "."},
        {**MINIMAL, "secrets": {"A": None, "B": {"file": "/run/secrets/b"}, "C": {"secretsmanager": "c", "key": "k"}}},
        with_service(readiness_probe={"path": "/", "post_data": {"a": [{"b": None}]}, "headers": {"X-A": "$A"}}),
        with_service(readiness_probe={"path": "/", "post_data": "{}"}),
        by_utilization(target="6Gi", metric="memory"),
        by_utilization(target=0.8, metric="vllm:kv_cache_usage_perc", source="prometheus", path="/metrics"),
        {**with_rates({"L4": 2.5, "A100:1": 8}), "resources": {"instance_type": "L4"}},
        with_rates(2.5),
        with_service(requests={"sticky": {"cookie": "s"}, "versions": [{"version": 1, "path_prefix": "/a"}]}),
    ],
)
def test_what_is_accepted_is_valid(document: object) -> None:
    assert complaints(document) == []


@pytest.mark.parametrize(
    "document",
    [
        {**MINIMAL, "resources": {}},
        {**MINIMAL, "resources": {"instance_type": "L4", "cpus": 4}},
        with_rates({}),
        with_rates({"L4": 0}),
        with_rates({"L 4": 2.5}),
        {**MINIMAL, "secrets": {"A": "hf_s3cret"}},
        {**MINIMAL, "secrets": {"A": {}}},
        {**MINIMAL, "secrets": {"A": {"env": "A", "file": "/a"}}},
        {**MINIMAL, "secrets": {"A B": None}},
        {**MINIMAL, "workdir": "~/model"},
        with_service(replica_policy={"min_replicas": 1}),
        with_service(replicas=0),
        by_utilization(target="6GB", metric="memory"),
        by_utilization(target=0.8, metrik="cpu"),
        with_service(ports=70000),
        with_service(readiness_probe={"path": "/", "header": {}}),
        with_service(readiness_probe={"path": "/", "headers": {"A B": "x"}}),
        with_service(requests={"stiky": {}}),
        with_service(requests={"sticky": {"cooky": "s"}}),
        with_service(requests={"versions": [{"version": 1, "header": {"name": "x", "val": "y"}}]}),
        {"name": "echo", "run": "serve", "service": {"readiness_probe": "/"}},
    ],
)
def test_what_is_refused_is_underlined(document: object) -> None:
    assert complaints(document)
