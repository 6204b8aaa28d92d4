"""A spec may say what its replicas run on, and give each kind a rate of its own; the two must agree."""

from typing import Any

import pytest

from paramedic.services.instance_types import weight_of
from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.spec import ServiceSpec, dump_spec, load_spec, parse_spec

RATES = {"L4": 2.5, "A100:1": 8}


def document(instance_type: str | None = "L4", rates: Any = RATES, **changes: Any) -> dict[str, Any]:
    policy = {"min_replicas": 1, "max_replicas": 9, "target_qps_per_replica": rates}
    whole = {"name": "echo", "run": "serve", "service": {"readiness_probe": "/", "replica_policy": policy}}
    named = {} if instance_type is None else {"resources": {"instance_type": instance_type}}
    return {**whole, **named, **changes}


def spec(**arguments: Any) -> ServiceSpec:
    return parse_spec(document(**arguments))


def test_what_was_asked_for_is_stored_and_read_again() -> None:
    written = spec()
    assert load_spec(dump_spec(written)) == written
    assert written.instance_type == "L4"
    assert written.service.replica_policy.target_qps_per_replica == RATES


def test_a_spec_that_names_no_type_is_written_as_the_release_before_reads_it() -> None:
    assert "resources" not in dump_spec(spec(instance_type=None, rates=2))


def test_another_type_runs_differently_and_other_rates_do_not() -> None:
    assert not spec().runs_like(spec(instance_type="A100:1"))
    assert not spec().runs_like(spec(instance_type=None, rates=2.5))
    assert spec().runs_like(spec(rates={"L4": 3, "H100": 20}))


def test_a_type_without_rates_is_a_mere_name() -> None:
    assert spec(rates=2.5).instance_type == "L4"


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({"instance_type": "T4"}, "resources.instance_type", "which knows L4, A100:1"),
        ({"instance_type": None}, "service.replica_policy.target_qps_per_replica", "say in resources.instance_type"),
        ({"rates": {"L4": 0}}, "service.replica_policy.target_qps_per_replica.L4", "greater than or equal to 0.001"),
        ({"rates": {"L4": "many"}}, "service.replica_policy.target_qps_per_replica.L4", "valid number"),
        ({"rates": {}}, "service.replica_policy.target_qps_per_replica", "at least 1 item"),
        ({"rates": "2 per second"}, "service.replica_policy.target_qps_per_replica", "valid number"),
        ({"instance_type": "L 4"}, "resources.instance_type", "should match pattern"),
        ({"resources": {"accelerators": "L4:1"}}, "resources.accelerators", "write what replicas run on"),
        ({"resources": {"cpus": 4}}, "resources.cpus", "start the controller on a host that has it"),
        ({"resources": "L4"}, "resources", "must be a mapping"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(arguments: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        spec(**arguments)
    assert refused.value.field == field
    assert words in str(refused.value)


def test_weights_are_small_whole_numbers_in_proportion_to_the_rates() -> None:
    assert [weight_of(RATES, each) for each in ("L4", "A100:1")] == [31, 100]
    assert weight_of({"small": 0.01, "large": 50}, "small") == 1
    assert weight_of(RATES, None) == weight_of(RATES, "unheard of") == 31
    assert weight_of(2.5, "L4") == weight_of(None, None) == 1
