"""Routes and frames for tests of what is rendered."""

from pathlib import Path
from typing import Any

from paramedic.services.spec import LoadBalancingPolicy
from paramedic.state.request_handling import RequestHandling
from paramedic_gateway.layout import Layout
from paramedic_gateway.render.frame import Frame
from paramedic_gateway.routes.model import ServiceRoutes, Upstream

FRAME = Frame(
    layout=Layout(Path("/gw")),
    host="10.0.0.1",
    port=8080,
    tls_port=8443,
    domain="models.test",
    answers_health=True,
)


def upstream(number: int, *, version: int = 1, weight: int = 1, draining: bool = False) -> Upstream:
    return Upstream(
        replica_id=number, address="10.0.0.2", port=4000 + number, weight=weight, version=version, draining=draining
    )


def routes(
    service: str = "echo", *upstreams: Upstream, policy: str = "least_load", port: int = 9001, **requests: Any
) -> ServiceRoutes:
    return ServiceRoutes(
        service=service,
        uid=f"uid-{service}",
        revision=1,
        host="127.0.0.1",
        port=port,
        policy=LoadBalancingPolicy(policy),
        requests=RequestHandling.model_validate(requests),
        upstreams=upstreams,
    )
