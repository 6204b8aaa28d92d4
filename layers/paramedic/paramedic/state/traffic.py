"""Table `traffic`: what gateway replicas counted, written only when it changed.

A fresh report without a service means zero requests; no fresh report means the figures are missing.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pynamodb.attributes import BinaryAttribute, ListAttribute, NumberAttribute, UnicodeAttribute

from paramedic.state.tables import OptionalJsonAttribute, Row, TableMeta

TABLE = "traffic"

HIGHEST_REVISION = 2**53
"""Beyond any number of changes; a report that claims more is malformed and not followed."""


def counter_item(service_uid: str, replica: str, incarnation: str) -> str:
    """Range key of one service's counter in one life of one gateway replica; a service's counters lie together."""
    return f"{_counters_of(service_uid)}{replica}#{incarnation}"


def report_item(replica: str) -> str:
    """Range key of a gateway replica's report."""
    return f"{_REPORTS}{replica}"


def draining_key(service_uid: str, replica_id: int) -> str:
    """Names a leaving replica within a report."""
    return f"{service_uid}#{replica_id}"


_REPORTS = "report#"


def _counters_of(service_uid: str) -> str:
    return f"counter#{service_uid}#"


class TrafficCounter(Row):
    """`total` only grows within one `incarnation`; `ring` holds the last seconds, ending before `ring_end`."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    replica = UnicodeAttribute()
    incarnation = UnicodeAttribute()
    service_uid = UnicodeAttribute()
    total = NumberAttribute()
    ring = BinaryAttribute(legacy_encoding=False)
    ring_end = NumberAttribute()
    expires_at = NumberAttribute(null=True)


class Draining(BaseModel):
    """How many requests each leaving replica still has, by `draining_key`; who is not named is not known to leave."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    requests: Mapping[str, int] = {}


class Ahead(BaseModel):
    """Route revisions that were applied, by service uid, where the service's row has a lower one now."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revisions: Mapping[str, Annotated[int, Field(ge=0, le=HIGHEST_REVISION)]] = {}


class Moved(BaseModel):
    """Which counters were written since the report with the sequence `since`, each for which report, by service uid.

    Whoever has read a service's counter since that report, and no earlier, need not read it again.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    since: int
    services: Mapping[str, int] = {}

    def may_differ(self, service_uid: str, read_after: int) -> bool:
        """Whether the counter may have been written since it was read, after the report with that sequence."""
        return read_after < max(self.since, self.services.get(service_uid, 0))


class TrafficReport(Row):
    """Everything counted in the seconds [`covers_from`, `covers_until`) since 1970 is in the counters.

    `covers_from` is the incarnation's first second. `ahead` is absent but after a restore from a backup, `moved` in
    reports of an earlier release.
    """

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    replica = UnicodeAttribute()
    incarnation = UnicodeAttribute()
    sequence = NumberAttribute()
    covers_from = NumberAttribute()
    covers_until = NumberAttribute()
    unfinished_count = NumberAttribute()
    unfinished_examples: ListAttribute[str] = ListAttribute()
    draining = OptionalJsonAttribute(Draining)
    ahead = OptionalJsonAttribute(Ahead)
    moved = OptionalJsonAttribute(Moved)
    expires_at = NumberAttribute()


def read_reports(gateway: str) -> list[TrafficReport]:
    """Every replica's report, expired ones included.

    Raises:
        InvalidRowError: one is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    return TrafficReport.read_all(gateway, TrafficReport.item.startswith(_REPORTS))


def read_counters(gateway: str, service_uid: str) -> list[TrafficCounter]:
    """Every counter of a service, those of past incarnations and expired ones too.

    Raises:
        InvalidRowError: one is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    return TrafficCounter.read_all(gateway, TrafficCounter.item.startswith(_counters_of(service_uid)))


MODELS = (TrafficCounter, TrafficReport)
