"""Table `replicas`: one row per running copy of a service."""

from enum import StrEnum

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.receipt import Receipt
from paramedic.state.tables import OptionalJsonAttribute, Row, TableMeta

TABLE = "replicas"


class ReplicaStatus(StrEnum):
    """Where a replica is in its life. Only `READY` ones are routed to."""

    LAUNCHING = "launching"
    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not_ready"
    STOPPING = "stopping"


class Replica(Row):
    """`launched_at` is the wall time the initial delay counts from; `operation` the journal entry that launched it.

    `generation` is that of its version; absent, it is the version itself. `ready_at` is when it last became ready.
    `instance_type` is what its spec said it runs on.
    """

    class Meta(TableMeta):
        pass

    service_uid = UnicodeAttribute(hash_key=True)
    replica_id = NumberAttribute(range_key=True)
    version = NumberAttribute()
    generation = NumberAttribute(null=True)
    url = UnicodeAttribute()
    status = UnicodeAttribute()
    operation = UnicodeAttribute()
    launched_at = UnicodeAttribute()
    ready_at = UnicodeAttribute(null=True)
    receipt = OptionalJsonAttribute(Receipt)
    instance_type = UnicodeAttribute(null=True)


MODELS = (Replica,)
