"""Names of replicas: each record is changed exactly as it was read, and the last ones stay."""

from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from paramedic.gateways.dns import Change, DnsError, Record, Route53, changes_to, removals, wanted_records
from paramedic.gateways.spec import Names

NAMES = Names(zone="Z0", ttl=60)


def records(**serving: str) -> list[Record]:
    named = {name.replace("_", "-"): address for name, address in serving.items()}
    return wanted_records("web", NAMES, "models.test", named)


def test_a_replica_with_an_address_of_either_kind_has_a_record_and_one_with_a_name_has_none() -> None:
    found = records(web_1="10.0.0.1", web_2="fd00::1", web_3="host.example.com")
    assert [(each.kind, each.identifier, each.value) for each in found] == [
        ("A", "paramedic/web/web-1", "10.0.0.1"),
        ("AAAA", "paramedic/web/web-2", "fd00::1"),
    ]


def test_nothing_changes_where_all_is_as_it_is_to_be() -> None:
    assert changes_to(records(web_1="10.0.0.1"), records(web_1="10.0.0.1")) == ()


def test_where_nobody_serves_the_last_records_stay() -> None:
    assert changes_to([], records(web_1="10.0.0.1")) == ()
    assert [each.action for each in removals(records(web_1="10.0.0.1"))] == ["DELETE"]


SERVING = st.dictionaries(
    st.sampled_from(["web_1", "web_2", "web_3"]), st.sampled_from(["10.0.0.1", "10.0.0.2", "::1"])
)


@given(SERVING, SERVING)
def test_a_batch_removes_exactly_what_was_read_and_leaves_exactly_what_is_wanted(
    before: dict[str, str], after: dict[str, str]
) -> None:
    present, wanted = records(**before), records(**after)
    batch = changes_to(wanted, present)
    left = [each for each in present if Change("DELETE", each) not in batch]
    left += [each.record for each in batch if each.action == "CREATE"]
    assert all(each.record in present for each in batch if each.action == "DELETE")
    assert sorted(left, key=str) == sorted(wanted or present, key=str)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Names]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.Session(region_name="us-east-1").client("route53")
        made = client.create_hosted_zone(Name="models.test", CallerReference="once")["HostedZone"]["Id"]
        yield client, NAMES.model_copy(update={"zone": made.rpartition("/")[2]})


def values(client: Any, names: Names) -> list[str]:
    found = client.list_resource_record_sets(HostedZoneId=names.zone)["ResourceRecordSets"]
    return sorted(each["ResourceRecords"][0]["Value"] for each in found if each["Type"] == "A")


def as_wanted(dns: Route53, names: Names, wanted: Sequence[Record]) -> None:
    dns.change(names, changes_to(wanted, dns.present("web", names, "models.test")))


def test_records_come_and_go_with_the_replicas_and_those_of_others_stay(zone: tuple[Any, Names]) -> None:
    client, names = zone
    dns = Route53(client)
    others = Record("*.models.test.", "A", "by-hand", 300, "10.9.9.9")
    dns.change(names, [Change("CREATE", others)])
    as_wanted(dns, names, records(web_1="10.0.0.1", web_2="10.0.0.2"))
    assert values(client, names) == ["10.0.0.1", "10.0.0.2", "10.9.9.9"]
    as_wanted(dns, names, records(web_1="10.0.0.7"))
    assert values(client, names) == ["10.0.0.7", "10.9.9.9"]


def test_a_batch_that_was_decided_on_something_older_changes_nothing(zone: tuple[Any, Names]) -> None:
    client, names = zone
    dns = Route53(client)
    as_wanted(dns, names, records(web_1="10.0.0.1"))
    stale = changes_to(records(web_2="10.0.0.2"), records(web_1="10.0.0.5"))
    with pytest.raises(DnsError, match="could not be changed"):
        dns.change(names, stale)
    assert values(client, names) == ["10.0.0.1"]


def test_a_zone_that_is_not_there_is_no_empty_zone(zone: tuple[Any, Names]) -> None:
    client, names = zone
    with pytest.raises(DnsError, match="could not be read"):
        Route53(client).present("web", names.model_copy(update={"zone": "ZNOTTHERE"}), "models.test")
