"""A spec says where secrets are, and whatever holds one itself is refused without showing it."""

import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.secrets import SecretSource
from paramedic.services.spec import ServiceSpec, dump_spec, load_spec, parse_spec

VALUE = "hf_s3cret"


def spec_with(secrets: object, **changes: Any) -> ServiceSpec:
    section = {"readiness_probe": "/health", "replicas": 1}
    return parse_spec({"name": "echo", "run": "serve", "service": section, "secrets": secrets, **changes})


def test_each_place_is_understood_and_stored() -> None:
    spec = spec_with(
        {
            "A": None,
            "B": {"env": "HF_TOKEN"},
            "C": {"file": "/run/secrets/hf"},
            "D": {"secretsmanager": "prod/hf"},
            "E": {"secretsmanager": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/hf-AbCdEf", "key": "t"},
        }
    )
    assert spec.secrets["A"] == SecretSource(env="A")
    assert load_spec(dump_spec(spec)) == spec


@pytest.mark.parametrize(
    ("secrets", "field", "words"),
    [
        ({"TOKEN": VALUE}, "secrets.TOKEN", "{secretsmanager: ID}"),
        ({"TOKEN": 12345678}, "secrets.TOKEN", "is a value itself"),
        ({"TOKEN": [VALUE]}, "secrets.TOKEN", "is a value itself"),
        ({"TOKEN": {"value": VALUE}}, "secrets.TOKEN.value", "known fields are env, file, key, secretsmanager"),
        ({"TOKEN": {"file": VALUE}}, "secrets.TOKEN.file", "match pattern"),
        ({"TOKEN": {"secretsmanager": f"{VALUE} "}}, "secrets.TOKEN.secretsmanager", "match pattern"),
        ({"TOKEN": {}}, "secrets.TOKEN", "must name one place"),
        ({"TOKEN": {"env": "A", "file": "/b"}}, "secrets.TOKEN", "must name one place"),
        ({"TOKEN": {"env": "A", "key": "b"}}, "secrets.TOKEN", "secretsmanager only"),
        ({"A TOKEN": None}, "secrets.A TOKEN.[key]", "match pattern"),
        ([VALUE], "secrets", "must be a mapping of names"),
        (VALUE, "secrets", "mapping"),
        ({"PARAMEDIC_EPOCH": None}, "secrets.PARAMEDIC_EPOCH", "set by Paramedic"),
    ],
)
def test_what_is_no_place_is_refused_and_not_shown(secrets: object, field: str, words: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        spec_with(secrets)
    assert refused.value.field == field
    assert words in str(refused.value)
    assert VALUE not in "".join(traceback.format_exception(refused.value))
    assert "12345678" not in str(refused.value)


@given(
    st.recursive(
        st.just(VALUE),
        lambda below: (
            st.lists(below, max_size=2)
            | st.dictionaries(
                st.sampled_from(["TOKEN", "env", "file", "secretsmanager", "key", "x"]), below, max_size=3
            )
        ),
    )
)
def test_no_refusal_ever_shows_a_value_wherever_it_stands(secrets: object) -> None:
    try:
        spec_with(secrets)
    except InvalidSpecError as error:
        refused = "".join(traceback.format_exception(error))
    else:
        refused = ""
    assert VALUE not in refused


def test_replicas_with_a_secret_from_elsewhere_are_others() -> None:
    one, other = spec_with({"TOKEN": None}), spec_with({"TOKEN": {"env": "OTHER"}})
    assert one.runs_like(spec_with({"TOKEN": {"env": "TOKEN"}}))
    assert not one.runs_like(other)


def test_a_variable_that_is_both_plain_and_secret_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match="is in `envs` too"):
        spec_with({"TOKEN": None}, envs={"TOKEN": "x"})


def test_a_probe_that_would_need_a_secret_is_refused() -> None:
    probe = {"path": "/", "headers": {"Authorization": "Bearer $TOKEN"}}
    with pytest.raises(InvalidSpecError, match=r"headers\.Authorization: \$TOKEN is one of `secrets`"):
        spec_with({"TOKEN": None}, service={"readiness_probe": probe, "replicas": 1})
