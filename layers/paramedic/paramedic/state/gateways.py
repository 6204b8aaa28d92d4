"""Table `gateways`: the replicas a gateway should have and has."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.tables import Row, TableMeta

TABLE = "gateways"


class GatewayReplica(Row):
    """One front-door replica."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    replica_num = NumberAttribute(range_key=True)
    status = UnicodeAttribute()
    hostname = UnicodeAttribute(null=True)


MODELS = (GatewayReplica,)
