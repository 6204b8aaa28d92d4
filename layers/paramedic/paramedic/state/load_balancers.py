"""Table `load_balancers`: what a gateway serves for each service, and one index item per gateway."""

from collections.abc import Mapping

from pynamodb.attributes import MapAttribute, NumberAttribute, UnicodeAttribute

from paramedic.state.request_handling import RequestHandling, Routes
from paramedic.state.tables import JsonAttribute, Row, TableMeta

TABLE = "load_balancers"

INDEX = "#index"


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
    # Text, so that whoever only replaces or removes the row need not understand it.
    requests = UnicodeAttribute(null=True)
    revision = NumberAttribute()

    def request_handling(self) -> RequestHandling:
        """What is kept as JSON in `requests`.

        Raises:
            InvalidRowError: this release understands it no more, or not yet.
        """
        return self.parsed("requests", RequestHandling) if self.requests else RequestHandling()

    @property
    def has_ready_replica(self) -> bool:
        """Whether somebody is there for requests that no rule sends to a version of their own.

        Raises:
            InvalidRowError: the rules cannot be understood.
        """
        apart = {rule.version for rule in self.request_handling().versions}
        return any(route.version not in apart for route in self.routes.replicas)


class LoadBalancerIndex(Row):
    """Service → revision for a whole gateway: the only item a gateway replica polls."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    service = UnicodeAttribute(range_key=True, default=INDEX)
    revisions: MapAttribute[str, int] = MapAttribute()  # type: ignore[no-untyped-call]

    @property
    def by_service(self) -> Mapping[str, int]:
        """The revision of each service."""
        return {name: int(self.revisions[name]) for name in self.revisions}


MODELS = (LoadBalancer, LoadBalancerIndex)
