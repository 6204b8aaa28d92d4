"""Table `load_balancers`: what a gateway serves for each service, and one index item per gateway."""

from pydantic import BaseModel, ConfigDict
from pynamodb.attributes import MapAttribute, NumberAttribute, UnicodeAttribute

from paramedic.state.tables import JsonAttribute, Row, TableMeta

TABLE = "load_balancers"

INDEX = "#index"


class Route(BaseModel):
    """One replica behind the load balancer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    replica_id: int
    url: str
    weight: int = 1


class Routes(BaseModel):
    """The replicas in order of id."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    replicas: tuple[Route, ...] = ()


class LoadBalancer(Row):
    """`revision` grows by one with every change; a gateway replica never applies a lower one."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    service = UnicodeAttribute(range_key=True)
    uid = UnicodeAttribute()
    host = UnicodeAttribute()
    port = NumberAttribute()
    policy = UnicodeAttribute()
    routes = JsonAttribute(Routes)
    revision = NumberAttribute()


class LoadBalancerIndex(Row):
    """Service → revision for a whole gateway: the only item a gateway replica polls."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    service = UnicodeAttribute(range_key=True, default=INDEX)
    revisions: MapAttribute[str, int] = MapAttribute()  # type: ignore[no-untyped-call]


MODELS = (LoadBalancer, LoadBalancerIndex)
