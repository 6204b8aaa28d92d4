"""Which profile of the stack restarts what a person names, and what to add where none does."""

import json

import pytest

from paramedic.errors import InvalidInputError
from paramedic.launchers.profiles import parse_profiles
from paramedic.recovery.restarts import NoSuchRestartError, profile_for

SECRET = {"arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"}
PROFILES = parse_profiles(
    json.dumps(
        {
            "here": {"launcher": "process", "host_dir": "/h", "command": ["true"], "pid_file": "/run/a.pid"},
            "unit": {"launcher": "ssm", "instance": "i-01234567", "unit": "dask.service", "host_dir": "/h"},
            "command": {"launcher": "ssm", "instance": "i-01234567", "command": ["true"], "host_dir": "/h"},
            "service": {
                "launcher": "ecs",
                "cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/models",
                "container": "c",
                "service": {"name": "dask", "task_definition": "dask:1"},
            },
            "task": {
                "launcher": "ecs",
                "cluster": "models",
                "container": "c",
                "task": {"task_definition": "dask:1"},
            },
            "machine": {"launcher": "ec2", "instance": "i-01234567", "shares_with": []},
            "pod": {
                "launcher": "kubernetes",
                "server": "https://k.example",
                "token": SECRET,
                "namespace": "models",
                "container": "c",
                "deployment": "dask",
            },
            "elsewhere": {"launcher": "webhook", "url": "https://w.example/", "secret": SECRET},
        }
    )
)


@pytest.mark.parametrize(
    ("restart", "name"),
    [
        ("here", "here"),
        ("unit", "unit"),
        ("ssm:i-01234567:dask.service", "unit"),
        ("ssm:i-01234567:dask", "unit"),
        ("ecs:models/dask", "service"),
        ("ec2:i-01234567", "machine"),
        ("kubernetes:models/dask", "pod"),
        ("webhook:elsewhere", "elsewhere"),
    ],
)
def test_what_is_to_be_restarted_names_the_one_profile_that_restarts_exactly_that(restart: str, name: str) -> None:
    assert profile_for(restart, PROFILES) == name


@pytest.mark.parametrize(
    "restart",
    [
        "",
        ":",
        "ssm",
        "ssm:",
        "ssm:i-01234567",
        "ssm:host:dask.service",
        "ssm:i-01234567:a b",
        "ssm:i-01234567:x;rm",
        "ecs:models",
        "ecs:models/dask/2",
        "ec2:",
        "ec2:i-x",
        "kubernetes:models",
        "kubernetes:Models/dask",
        "webhook:",
        "docker:dask",
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_the_option_and_with_its_form(restart: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        profile_for(restart, PROFILES)
    assert (refused.value.field, refused.value.value) == ("restart", restart)
    assert "ssm:INSTANCE:UNIT" in refused.value.problem or "is no profile" in refused.value.problem


@pytest.mark.parametrize(
    ("restart", "profile", "parameters"),
    [
        (
            "ssm:i-07654321:dask.service",
            {"launcher": "ssm", "instance": "i-07654321", "unit": "dask.service", "host_dir": "/var/lib/paramedic"},
            ["SsmLauncherInstanceArns=arn:aws:ec2:REGION:ACCOUNT:instance/i-07654321"],
        ),
        (
            "ecs:models/other",
            {
                "launcher": "ecs",
                "cluster": "models",
                "container": "CONTAINER",
                "service": {"name": "other", "task_definition": "FAMILY:1"},
            },
            ["EcsClusterArns=", "EcsServiceArns=arn:aws:ecs:REGION:ACCOUNT:service/models/other"],
        ),
        ("ec2:i-07654321", {"launcher": "ec2", "instance": "i-07654321", "shares_with": []}, ["Ec2InstanceArns="]),
    ],
)
def test_where_no_profile_restarts_that_the_lines_to_add_are_told_and_can_be_read_back(
    restart: str, profile: dict[str, object], parameters: list[str]
) -> None:
    with pytest.raises(NoSuchRestartError) as refused:
        profile_for(restart, PROFILES)
    lines = refused.value.add
    assert lines[0].startswith("LauncherProfiles: add ")
    added = json.loads("{" + lines[0].removeprefix("LauncherProfiles: add ") + "}")
    assert list(added.values()) == [profile]
    if "FAMILY" not in lines[0]:
        (name,) = parse_profiles(json.dumps(added))
        assert profile_for(restart, parse_profiles(json.dumps(added))) == name
    for parameter in parameters:
        assert any(parameter in line for line in lines)
    assert "sam deploy" in lines[-1]


def test_two_profiles_for_one_thing_are_named() -> None:
    text = {"launcher": "ec2", "instance": "i-01234567", "shares_with": []}
    twice = parse_profiles(json.dumps({"a": text, "b": text}))
    with pytest.raises(InvalidInputError, match="a or b"):
        profile_for("ec2:i-01234567", twice)
    assert profile_for("b", twice) == "b"


def test_a_profile_that_restarts_a_unit_of_a_user_is_not_taken_for_the_system_s() -> None:
    unit = {"launcher": "ssm", "instance": "i-01234567", "unit": "dask.service", "host_dir": "/h"}
    both = {"of-user": {**unit, "manager": "user", "user": "dask"}, "of-system": unit}
    assert profile_for("ssm:i-01234567:dask.service", parse_profiles(json.dumps(both))) == "of-system"
