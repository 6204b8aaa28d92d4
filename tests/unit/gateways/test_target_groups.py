"""Replicas in the target group of a load balancer."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from paramedic.gateways.target_groups import Door, TargetGroupError, TargetGroups, registrations

ONE, TWO = Door("10.0.0.1", 8080), Door("10.0.0.2", 8080)


def test_where_nobody_serves_the_last_registrations_stay() -> None:
    assert not registrations([], [ONE])


def test_nothing_changes_where_all_is_as_it_is_to_be() -> None:
    assert not registrations([ONE, TWO], [TWO, ONE])


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        vpc = session.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        client = session.client("elbv2")
        made = client.create_target_group(Name="web", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip")
        yield client, made["TargetGroups"][0]["TargetGroupArn"]


def test_replicas_are_registered_while_they_serve(group: tuple[Any, str]) -> None:
    client, arn = group
    groups = TargetGroups(client)
    groups.change(arn, registrations([ONE], groups.present(arn)))
    groups.change(arn, registrations([TWO], groups.present(arn)))
    assert groups.present(arn) == [TWO]
    assert not registrations([TWO], groups.present(arn))


def test_a_group_that_is_not_there_is_no_empty_group(group: tuple[Any, str]) -> None:
    client, arn = group
    with pytest.raises(TargetGroupError, match="could not be read"):
        TargetGroups(client).present(arn.replace("web", "other"))
