"""A YAML written for SkyServe is either honoured or refused field by field, with why and what to do instead."""

from collections.abc import Iterator
from typing import Any

import pytest

from paramedic.services.invalid_spec import InvalidSpecError, known_names
from paramedic.services.skypilot_fields import REFUSED
from paramedic.services.spec import ServiceSpec, parse_spec

SCHEMA = {
    (): """name workdir event_callback num_nodes resources file_mounts service pool setup run envs secrets
        managed_secrets inputs outputs file_mounts_mapping config volumes volume_mounts api_server_access""",
    ("resources",): """cloud region zone infra cpus memory accelerators instance_type use_spot job_recovery volumes
        disk_size ephemeral_storage disk_tier network_tier local_disk max_hourly_cost ports labels accelerator_args
        image_id autostop priority priority_class any_of ordered""",
    ("service",): """readiness_probe load_balancer pool replica_policy ports replicas workers load_balancing_policy
        tls""",
    ("service", "readiness_probe"): """path initial_delay_seconds timeout_seconds endpoint_probe_interval_seconds
        consecutive_failure_threshold_timeout post_data headers""",
    ("service", "replica_policy"): """min_replicas max_replicas num_overprovision target_qps_per_replica
        dynamic_ondemand_fallback base_ondemand_fallback_replicas spot_placer upscale_delay_seconds
        downscale_delay_seconds""",
}
"""Fields by place, from `get_task_schema`, `get_resources_schema` and `get_service_schema` of SkyPilot 0.14.1."""


def paths() -> Iterator[tuple[str, ...]]:
    for place, names in SCHEMA.items():
        yield from ((*place, name) for name in names.split())


def document() -> dict[str, Any]:
    policy = {"min_replicas": 1, "max_replicas": 3, "target_qps_per_replica": 2.5}
    service = {"readiness_probe": {"path": "/"}, "replica_policy": policy}
    return {"name": "echo", "run": "serve", "resources": {"instance_type": "L4"}, "service": service}


def document_with(path: tuple[str, ...], value: object) -> dict[str, Any]:
    whole = place = document()
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return whole


@pytest.mark.parametrize("path", list(paths()), ids=".".join)
def test_every_field_of_skyserves_is_known_or_refused_by_name(path: tuple[str, ...]) -> None:
    honoured = path[-1] in known_names(ServiceSpec.model_json_schema(), path[:-1])
    assert honoured != (path in REFUSED)


@pytest.mark.parametrize("path", REFUSED, ids=".".join)
def test_a_refusal_says_why_and_what_to_do(path: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSpecError, match="is a field of SkyPilot's") as refused:
        parse_spec(document_with(path, 1))
    assert refused.value.field == ".".join(path)
    assert REFUSED[path] in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("service", "load_balancing_policy"), "instance_aware_least_load", "weighted_least_load"),
        (("workdir",), {"url": "https://example.org/x.git"}, "no repository is cloned"),
        (("envs",), {"TOKEN": None}, "name a source in `secrets`"),
    ],
)
def test_a_value_that_only_skyserve_understands_is_refused_with_ours(
    path: tuple[str, ...], value: object, words: str
) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        parse_spec(document_with(path, value))
    assert refused.value.field.startswith(".".join(path))
    assert words in str(refused.value)


def test_all_fields_to_remove_are_named_at_once() -> None:
    whole = {**document(), "resources": {"instance_type": "L4", "cpus": 4}, "setup": "pip install x", "num_nodes": 1}
    with pytest.raises(InvalidSpecError, match="nor can be used: setup, num_nodes") as refused:
        parse_spec(whole)
    assert refused.value.field == "resources.cpus"


def test_what_skyserve_calls_simple_is_accepted_as_it_is() -> None:
    """The first example of SkyServe's own documentation, without its resources."""
    spec = parse_spec(
        {
            "name": "vllm",
            "envs": {"MODEL_NAME": "meta-llama/Llama-2-7b-chat-hf"},
            "service": {
                "readiness_probe": {
                    "path": "/v1/chat/completions",
                    "post_data": {"model": "$MODEL_NAME", "messages": [{"role": "user", "content": "hi"}]},
                    "initial_delay_seconds": 1800,
                },
                "replicas": 2,
            },
            "run": "vllm serve $MODEL_NAME --port $PARAMEDIC_REPLICA_PORT",
        }
    )
    assert isinstance(spec, ServiceSpec)
    assert b'"model": "meta-llama/Llama-2-7b-chat-hf"' in (spec.probe_request().body or b"")
