"""Names of a gateway in Route 53: one multivalue record for each replica that serves.

What is to be changed is decided by a pure function, and changed in one batch: each record is removed exactly as it was
read, so that a batch that was decided on something older is refused as a whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from paramedic.gateways.spec import Names
from paramedic.gateways.unpublished import UnpublishedError

MARK = "paramedic/"
"""What the identifiers of a gateway's own records begin with; others of the same name are left alone."""


class DnsError(UnpublishedError):
    """Route 53 refused something or did not answer; the records stay as they are."""


@dataclass(frozen=True)
class Record:
    """One record, exactly as it is or is to be."""

    name: str
    kind: str
    identifier: str
    ttl: int
    value: str


@dataclass(frozen=True)
class Change:
    """What is done to one record: DELETE or CREATE."""

    action: str
    record: Record


def wanted_records(gateway: str, names: Names, domain: str, serving: Mapping[str, str]) -> list[Record]:
    """A record for each replica in `serving`, by its name and address; one that only has a name gets none."""
    return [
        Record(f"*.{domain}.", kind, f"{MARK}{gateway}/{replica}", names.ttl, address)
        for replica, address in sorted(serving.items())
        if (kind := _kind_of(address)) is not None
    ]


def changes_to(wanted: Sequence[Record], present: Sequence[Record]) -> tuple[Change, ...]:
    """What makes `present` as `wanted`, removals first; nothing where nobody serves: a last answer beats none."""
    if not wanted:
        return ()
    gone = [Change("DELETE", each) for each in present if each not in wanted]
    return (*gone, *(Change("CREATE", each) for each in wanted if each not in present))


def removals(present: Sequence[Record]) -> tuple[Change, ...]:
    """What removes all of `present`: nobody wants the gateway any more."""
    return tuple(Change("DELETE", each) for each in present)


def _kind_of(address: str) -> str | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    match parsed:
        case IPv4Address():
            return "A"
        case IPv6Address():
            return "AAAA"


class Route53:
    """Reads and changes the records of one gateway; `client` is botocore's."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def present(self, gateway: str, names: Names, domain: str) -> list[Record]:
        """The gateway's own records.

        Raises:
            DnsError: they could not be read; that is no empty list.
        """
        name = f"*.{domain}."
        try:
            found = list(self._listed(names.zone, name))
        except (ClientError, BotoCoreError) as error:
            raise DnsError(f"records of {name} in zone {names.zone} could not be read: {error}") from error
        return [each for each in found if each.identifier.startswith(f"{MARK}{gateway}/")]

    def _listed(self, zone: str, name: str) -> Iterator[Record]:
        pages = self._client.get_paginator("list_resource_record_sets").paginate(
            HostedZoneId=zone, StartRecordName=name, StartRecordType="A"
        )
        for page in pages:
            for found in page["ResourceRecordSets"]:
                # Route 53 writes a star as an escape. What comes after the name is of no interest.
                if found["Name"].replace("\\052", "*") != name:
                    return
                if "SetIdentifier" in found and len(found.get("ResourceRecords", ())) == 1:
                    value = found["ResourceRecords"][0]["Value"]
                    yield Record(name, found["Type"], found["SetIdentifier"], int(found["TTL"]), value)

    def change(self, names: Names, changes: Sequence[Change]) -> None:
        """Make all of them, or none.

        Raises:
            DnsError: none was made, because a record is not as it was read, or Route 53 refused or did not answer.
        """
        batch = {"Comment": "replicas that serve", "Changes": [_as_sent(each) for each in changes]}
        try:
            self._client.change_resource_record_sets(HostedZoneId=names.zone, ChangeBatch=batch)
        except (ClientError, BotoCoreError) as error:
            raise DnsError(f"records in zone {names.zone} could not be changed: {error}") from error


def _as_sent(change: Change) -> Mapping[str, Any]:
    record = change.record
    return {
        "Action": change.action,
        "ResourceRecordSet": {
            "Name": record.name,
            "Type": record.kind,
            "SetIdentifier": record.identifier,
            "MultiValueAnswer": True,
            "TTL": record.ttl,
            "ResourceRecords": [{"Value": record.value}],
        },
    }
