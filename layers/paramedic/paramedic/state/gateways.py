"""Table `gateways`: the replicas a gateway has, in their own words."""

from enum import StrEnum

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.tables import Row, TableMeta

TABLE = "gateways"


class ReplicaStatus(StrEnum):
    """What a replica says of itself. One that was killed says nothing: whether it answers is its target's business."""

    SERVING = "serving"
    LEFT = "left"


class GatewayReplica(Row):
    """One front-door replica. `name` is what it calls itself over all its lives, and what its traffic is kept under.

    It is reached at `port` of `hostname`, which is a name or an address. `epoch` is that of its launch, where it was
    launched for the gateway and not by hand.
    """

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    replica_num = NumberAttribute(range_key=True)
    name = UnicodeAttribute()
    status = UnicodeAttribute()
    hostname = UnicodeAttribute(null=True)
    port = NumberAttribute(null=True)
    epoch = NumberAttribute(null=True)


MODELS = (GatewayReplica,)
