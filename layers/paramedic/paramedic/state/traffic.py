"""Table `traffic`: what gateway replicas counted, written only when it changed.

A fresh report without a service means zero requests; no fresh report means the figures are missing.
"""

from pynamodb.attributes import BinaryAttribute, ListAttribute, NumberAttribute, UnicodeAttribute

from paramedic.state.tables import Row, TableMeta

TABLE = "traffic"


def counter_item(replica: str, incarnation: str, service_uid: str) -> str:
    """Range key of one service's counter in one life of one gateway replica."""
    return f"{replica}#{incarnation}#{service_uid}"


def report_item(replica: str) -> str:
    """Range key of a gateway replica's report."""
    return f"{replica}#report"


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


class TrafficReport(Row):
    """`covers_until` (seconds since 1970): everything counted before it is in the counters."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    replica = UnicodeAttribute()
    incarnation = UnicodeAttribute()
    sequence = NumberAttribute()
    covers_until = NumberAttribute()
    unfinished_count = NumberAttribute()
    unfinished_examples: ListAttribute[str] = ListAttribute()
    expires_at = NumberAttribute(null=True)


MODELS = (TrafficCounter, TrafficReport)
