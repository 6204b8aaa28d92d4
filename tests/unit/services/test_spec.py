"""A service's YAML either means exactly one thing or is refused with the field, the value and what to do."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.spec import MAX_SPEC_BYTES, LoadBalancingPolicy, dump_spec, load_spec, parse_spec, read_spec

NIGHT = {"stop": "0 20 * * *", "start": "0 7 * * *", "timezone": "Europe/Berlin"}
BY_CPU = {"min_replicas": 1, "max_replicas": 3, "target_utilization": {"metric": "cpu", "target": 0.7}}
SCALED = {"min_replicas": 1, "max_replicas": 3, "target_qps_per_replica": 2.5}


def document(**changes: Any) -> dict[str, Any]:
    service = {"readiness_probe": "/health", "replicas": 2}
    return {"name": "echo", "service": service, "run": "exec server", **changes}


def service(**changes: Any) -> dict[str, Any]:
    return document(service={"readiness_probe": "/health", "replica_policy": SCALED, **changes})


def by_utilization(policy: dict[str, Any] | None = None, **target: Any) -> dict[str, Any]:
    merged = {**BY_CPU, **(policy or {})}
    merged["target_utilization"] = {"metric": "cpu", "target": 0.7, **target}
    return service(replica_policy=merged)


def test_a_short_spec_gets_the_defaults_that_skyserve_users_expect() -> None:
    spec = parse_spec(document())
    assert spec.service.readiness_probe.path == "/health"
    assert spec.service.readiness_probe.initial_delay_seconds == 1200
    assert (spec.service.replica_policy.min_replicas, spec.service.replica_policy.maximum) == (2, 2)
    assert spec.service.load_balancing_policy is LoadBalancingPolicy.LEAST_LOAD
    assert (spec.service.ports, spec.service.gateway, spec.launcher) == (None, "default", "process")


def test_a_readiness_probe_may_be_a_mapping() -> None:
    spec = parse_spec(service(readiness_probe={"path": "/ready", "timeout_seconds": 3}))
    assert (spec.service.readiness_probe.path, spec.service.readiness_probe.timeout_seconds) == ("/ready", 3)


@pytest.mark.parametrize(
    ("bad", "field", "words"),
    [
        (document(nam="x"), "nam", "did you mean 'name'"),
        (service(readines_probe="/h"), "service.readines_probe", "did you mean 'readiness_probe'"),
        (
            service(replica_policy={**SCALED, "max_replica": 3}),
            "service.replica_policy.max_replica",
            "did you mean 'max_replicas'",
        ),
        (service(readiness_probe={"pth": "/h"}), "service.readiness_probe.pth", "did you mean 'path'"),
        (document(zzz=1), "zzz", "known fields are"),
        (document(name="Echo Model"), "name", "match pattern"),
        (document(service=["/"]), "service", "must be a mapping (got a list)"),
        (document(envs="A=b"), "envs", "must be a mapping (got 'A=b')"),
        (document(service={"readiness_probe": "/h", "replicas": 1001}), "service.replicas", "from 1 to 1000"),
        (document(launcher="ecs"), "launcher", "should be 'process'"),
        (document(run=""), "run", "at least 1 character"),
        (document(service={"readiness_probe": "/h"}), "service.replica_policy", "is required, or `replicas`"),
        (service(replicas=2), "service", "replicas and replica_policy are both given"),
        (document(service={"readiness_probe": "/h", "replicas": "2"}), "service.replicas", "whole number"),
        (service(ports=70000), "service.ports", "less than or equal to 65535"),
        (service(load_balancing_policy="random"), "service.load_balancing_policy", "round_robin"),
        (service(readiness_probe="health"), "service.readiness_probe.path", "match pattern"),
        (
            service(replica_policy={"min_replicas": 3, "max_replicas": 2, "target_qps_per_replica": 1}),
            "service.replica_policy",
            "max_replicas 2 is below min_replicas 3",
        ),
        (
            service(replica_policy={"min_replicas": 1, "max_replicas": 2}),
            "service.replica_policy",
            "needs target_qps_per_replica",
        ),
        (
            service(replica_policy={"min_replicas": 1, "target_qps_per_replica": 2}),
            "service.replica_policy",
            "needs max_replicas",
        ),
        (document(envs={"PARAMEDIC_SERVICE": "x"}), "envs.PARAMEDIC_SERVICE", "PARAMEDIC_"),
        (document(envs={"A B": "x"}), "envs.A B.[key]", "match pattern"),
        (document(workdir="models"), "workdir", "match pattern"),
        (document(workdir="/models/$NAME"), "workdir", "match pattern"),
        (document(envs={"A": [1]}), "envs.A", "valid string (got a list)"),
        (service(requests={"sticky": {"cooky": "s"}}), "service.requests.sticky.cooky", "did you mean 'cookie'"),
        (
            service(requests={"versions": [{"version": 1, "header": {"nme": "x", "value": "y"}}]}),
            "service.requests.versions.0.header.nme",
            "did you mean 'name'",
        ),
        (
            service(replica_policy={**SCALED, "num_overprovision": -1}),
            "service.replica_policy.num_overprovision",
            "greater than or equal to 0",
        ),
        (service(replcas=2), "service.replcas", "did you mean 'replicas'"),
        (service(downtime=[NIGHT | {"stop": "0 25 * * *"}]), "service.downtime.0.stop", "bad hour"),
        (service(downtime=[NIGHT, NIGHT | {"timezone": "Berlin"}]), "service.downtime.1.timezone", "Europe/Berlin"),
        (service(downtime=[NIGHT | {"start": NIGHT["stop"]}]), "service.downtime.0.stop", "always comes together"),
        (service(downtime=[NIGHT, NIGHT]), "service", "there twice"),
        (service(downtime=[{"stop": "0 1 * * *"}]), "service.downtime.0.start", "is required"),
        (service(downtime=[NIGHT | {"strat": "x"}]), "service.downtime.0.strat", "did you mean 'start'"),
        (service(**{"7": 1}), "service.7", "known fields are"),
        (service(readiness_probe={"path": "/#x"}), "service.readiness_probe.path", "without blanks and #"),
        (service(readiness_probe={"path": "/ü"}), "service.readiness_probe.path", "ASCII"),
        (
            service(readiness_probe={"path": "/$MODEL"}),
            "service.readiness_probe.path",
            "$MODEL is none of `envs`",
        ),
        (
            service(readiness_probe={"path": "/", "post_data": {"a": [{"b": "${MODEL}"}]}}),
            "service.readiness_probe.post_data.a.b",
            "${MODEL} is none of `envs`",
        ),
        (
            service(readiness_probe={"path": "/", "post_data": "{model: 7"}),
            "service.readiness_probe.post_data",
            "not JSON",
        ),
        (
            service(readiness_probe={"path": "/", "post_data": {"a": float("nan")}}),
            "service.readiness_probe.post_data",
            "is not JSON",
        ),
        (
            service(readiness_probe={"path": "/", "headers": {"X Y": "z"}}),
            "service.readiness_probe.headers.X Y.[key]",
            "match pattern",
        ),
        (
            service(readiness_probe={"path": "/", "headers": {"X": "a\r\nEvil: b"}}),
            "service.readiness_probe.headers.X",
            "printable ASCII",
        ),
        (
            service(readiness_probe={"path": "/", "headers": {"Content-Length": "7"}}),
            "service.readiness_probe.headers",
            "content-length",
        ),
        (
            service(readiness_probe={"path": "/", "headers": {"X-A": "1", "x-a": "2"}}),
            "service.readiness_probe.headers",
            "twice",
        ),
        (["name"], "(document)", "must be a mapping"),
    ],
)
def test_what_is_wrong_is_named_with_its_path_and_a_remedy(bad: object, field: str, words: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        parse_spec(bad)
    assert refused.value.field == field
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("bad", "field", "words"),
    [
        (
            by_utilization(source="ecs"),
            "target_utilization.source",
            "nothing of replicas of launcher process; write process or",
        ),
        (by_utilization(metric="queue"), "target_utilization", "prometheus knows gauges"),
        (by_utilization(path="/m"), "target_utilization", "path /m is asked with source prometheus only"),
        (by_utilization(source="prometheus", metric="a-b"), "target_utilization.metric", "match pattern"),
        (by_utilization(source="prometheus", path="m"), "target_utilization.path", "match pattern"),
        (by_utilization(target="6GB"), "target_utilization.target", "such as 700m or 6Gi"),
        (by_utilization(target=0), "target_utilization.target", "greater than 0"),
        (by_utilization(tolerance=1), "target_utilization.tolerance", "less than 1"),
        (by_utilization(downscale_stabilization_seconds=3601), "downscale_stabilization_seconds", "3600"),
        (by_utilization(stabilisation=3), "target_utilization.stabilisation", "not a known field"),
        (by_utilization({"target_qps_per_replica": 1}), "replica_policy", "both given; keep one"),
        (by_utilization({"min_replicas": 0}), "replica_policy", "needs target_qps_per_replica"),
        (by_utilization({"max_replicas": None}), "replica_policy", "target_utilization needs max_replicas"),
        (
            by_utilization({"downscale_delay_seconds": 60}),
            "replica_policy",
            "downscale_delay_seconds goes with target_qps_per_replica; give target_utilization.downscale_stabilization",
        ),
    ],
)
def test_a_target_for_utilization_means_one_thing_or_is_refused(bad: object, field: str, words: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        parse_spec(bad)
    assert refused.value.field.endswith(field)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("target", "amount"),
    [("700m", 0.7), ("2", 2), (2.5, 2.5), ("512Mi", 512 * 2**20), ("6Gi", 6 * 2**30), ("1.5G", 1.5e9), ("2k", 2000)],
)
def test_amounts_are_written_as_in_kubernetes(target: object, amount: float) -> None:
    policy = parse_spec(by_utilization(target=target)).service.replica_policy
    assert policy.target_utilization is not None
    assert policy.target_utilization.target == pytest.approx(amount)


def test_a_spec_without_a_target_for_utilization_is_stored_as_the_release_before_reads_it() -> None:
    assert "target_utilization" not in dump_spec(parse_spec(document()))


def test_a_stored_spec_with_a_target_for_utilization_reads_back_and_takes_other_bounds() -> None:
    spec = parse_spec(by_utilization(source="prometheus", metric="kv_cache_usage", path="/m", target="800m"))
    assert load_spec(dump_spec(spec)) == spec
    assert spec.service.replica_policy.with_bounds(2, 9).maximum == 9


def test_numbers_and_booleans_among_the_variables_become_text() -> None:
    spec = parse_spec(document(envs={"LAYERS": 12, "DEBUG": True, "RATE": 0.5, "NAME": "x"}))
    assert spec.envs == {"LAYERS": "12", "DEBUG": "true", "RATE": "0.5", "NAME": "x"}


def test_a_stored_spec_reads_back_as_the_same_spec() -> None:
    spec = parse_spec(service(ports=8080, gateway="edge"))
    assert load_spec(dump_spec(spec)) == spec


def test_a_relative_working_directory_is_taken_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("name: echo\nworkdir: model\nrun: serve\nservice: {readiness_probe: /h, replicas: 1}\n")
    assert read_spec(file).workdir == str(tmp_path / "model")


def test_a_home_directory_is_nobodys(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("name: echo\nworkdir: ~/model\nrun: serve\nservice: {readiness_probe: /h, replicas: 1}\n")
    with pytest.raises(InvalidSpecError, match=r"^workdir: .*~/model"):
        read_spec(file)


def test_a_file_that_is_not_yaml_is_refused_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("name: [echo\n")
    with pytest.raises(InvalidSpecError, match=r"(?s)is not YAML.*line"):
        read_spec(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: echo\nname: other\n", "name is there twice, line 2, column 1"),
        ("service: {replicas: 1, replicas: 2}\n", "replicas is there twice"),
        ("name: 2026-13-45\n", "cannot be read"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_yaml_that_says_two_things_or_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(text)
    with pytest.raises(InvalidSpecError, match=words):
        read_spec(file)


@pytest.mark.parametrize("value", [{"TOKEN": "s3cret"}, "s3cret", ["s3cret"]])
@pytest.mark.parametrize("name", ["secret", "Secrets", "secerts"])
def test_a_misspelt_place_for_secrets_shows_none(name: str, value: object) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        parse_spec(document(**{name: value}))
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["{TOKEN: 's3cret", "{TOKEN: *s3cret}", "{TOKEN: !s3cret x}", "{TOKEN: !it's's3cret x}", "{TOKEN: &s3cret"]
)
def test_yaml_that_cannot_be_read_shows_nothing_of_its_text(tmp_path: Path, text: str) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(f"secrets: {text}\n")
    with pytest.raises(InvalidSpecError) as refused:
        read_spec(file)
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_a_stored_probe_reads_back_as_the_same_probe() -> None:
    probe = {"path": "/", "post_data": '{"a": [1, null, {"b": "$X"}]}', "headers": {"X-A": "${X}"}}
    spec = parse_spec({**service(readiness_probe=probe), "envs": {"X": "x"}})
    assert load_spec(dump_spec(spec)) == spec
    assert spec.probe_request().body == b'{"a": [1, null, {"b": "x"}]}'
    assert spec.probe_request().headers[0] == ("X-A", "x")


def test_a_plain_dollar_can_be_said() -> None:
    probe = {"path": "/", "post_data": {"text": "${DOLLAR}HOME costs 5$"}}
    spec = parse_spec({**service(readiness_probe=probe), "envs": {"DOLLAR": "$"}})
    assert spec.probe_request().body == b'{"text": "$HOME costs 5$"}'


def test_a_spec_too_large_for_its_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpecError, match="larger than"):
        dump_spec(parse_spec(document(run="x" * MAX_SPEC_BYTES)))


def test_the_example_service_is_valid() -> None:
    example = Path(__file__).parents[3] / "examples/echo-model/service.yaml"
    spec = read_spec(example)
    assert spec.service.replica_policy.min_replicas == 2
    assert spec.workdir == str(example.parent)


@pytest.mark.parametrize("rate", [0, -1, 1e-310, 0.0009, float("inf"), float("nan")])
def test_a_rate_nothing_can_be_scaled_by_is_refused(rate: float) -> None:
    with pytest.raises(InvalidSpecError, match=r"replica_policy\.target_qps_per_replica"):
        parse_spec(service(replica_policy={**SCALED, "target_qps_per_replica": rate}))


@pytest.mark.parametrize("field", ["timeout_seconds", "idle_timeout_seconds", "drain_seconds"])
@pytest.mark.parametrize("seconds", [-1, 1e300, float("inf"), float("nan")])
def test_a_time_nobody_can_wait_for_is_refused(field: str, seconds: float) -> None:
    with pytest.raises(InvalidSpecError, match=rf"requests\.{field}"):
        parse_spec(service(requests={field: seconds}))
