"""What a gateway serves for one service: a row in which every field was checked."""

from pydantic import BaseModel, ConfigDict

from paramedic.services.spec import LoadBalancingPolicy
from paramedic.state.request_handling import RequestHandling


class Upstream(BaseModel):
    """One replica; a `draining` one gets no new request."""

    model_config = ConfigDict(frozen=True)

    replica_id: int
    address: str
    port: int
    weight: int
    version: int
    draining: bool


class ServiceRoutes(BaseModel):
    """One service as its row at `revision` says; the upstreams in order of id."""

    model_config = ConfigDict(frozen=True)

    service: str
    uid: str
    revision: int
    host: str
    port: int
    policy: LoadBalancingPolicy
    requests: RequestHandling
    upstreams: tuple[Upstream, ...]

    @property
    def has_ready_replica(self) -> bool:
        """Whether somebody is there for requests that no rule sends to a version of their own."""
        apart = {rule.version for rule in self.requests.versions}
        return any(not each.draining and each.version not in apart for each in self.upstreams)
