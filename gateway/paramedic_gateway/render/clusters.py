"""A service's replicas as Envoy clusters: one for the service, one more for each version that has rules of its own."""

from collections.abc import Iterator
from typing import Any

from paramedic.services.spec import LoadBalancingPolicy
from paramedic.state.request_handling import Authorization
from paramedic_gateway.render.frame import Frame, Resource, extension, polled_file, seconds, socket_address, typed
from paramedic_gateway.routes.model import ServiceRoutes, Upstream

CLUSTER = "config.cluster.v3.Cluster"
ASSIGNMENT = "config.endpoint.v3.ClusterLoadAssignment"

BUFFER_BYTES = 256 * 1024
"""Per connection and direction: what bounds memory while a slow peer reads."""

CONNECT_SECONDS = 1.0

POLL_SECONDS = 0.2
"""How late Envoy may see that a replica came or left; it reads each service's file that often, whatever happens."""

# Envoy's defaults are made for sparing a fragile backend; here they would turn one dead replica into errors.
_NO_LIMIT = 1_000_000
_BREAKERS = {
    "thresholds": [
        {
            "max_connections": _NO_LIMIT,
            "max_pending_requests": _NO_LIMIT,
            "max_requests": _NO_LIMIT,
            "max_retries": 1000,
        }
    ]
}

# Local failures (refused, reset, timed out connects) say that a replica is gone; 502, 503 and 504 that it is in
# trouble; a plain 500 is more often one client's bad request than the replica's fault and ejects nobody.
_OUTLIERS = {
    "split_external_local_origin_errors": True,
    # Fewer than a request has retries: looking for the least load finds the dead replica idle again and again.
    "consecutive_local_origin_failure": 2,
    "enforcing_consecutive_local_origin_failure": 100,
    "enforcing_local_origin_success_rate": 0,
    "consecutive_gateway_failure": 10,
    "enforcing_consecutive_gateway_failure": 100,
    "enforcing_consecutive_5xx": 0,
    "enforcing_success_rate": 0,
    "interval": "1s",
    "base_ejection_time": "2s",
    "max_ejection_time": "30s",
    # All but the last one: a lone replica is better asked than not.
    "max_ejection_percent": 99,
}

# Without panic mode, in which Envoy sends requests to leaving replicas too; changes apply at once.
_COMMON = {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"}


def cluster_name(service: str, version: int | None = None) -> str:
    """The cluster of all replicas without rules of their own, or of one version's."""
    return service if version is None else f"{service}@{version}"


def authorization_cluster(service: str) -> str:
    """The cluster of whom to ask."""
    return f"{service}!authorization"


def is_cluster_of(service: str, cluster: str) -> bool:
    """Whether a cluster is one of the service's, whichever."""
    return cluster in (service, authorization_cluster(service)) or cluster.startswith(f"{service}@")


def endpoints_file(cluster: str) -> str:
    """Where a cluster's endpoints are rendered."""
    return f"eds/{cluster}.json"


def versions_apart(routes: ServiceRoutes) -> list[int]:
    """Versions that requests reach by rules only."""
    return sorted({rule.version for rule in routes.requests.versions})


def clusters(routes: ServiceRoutes, frame: Frame) -> Iterator[Resource]:
    """The service's clusters."""
    yield _cluster(routes, cluster_name(routes.service), frame)
    for version in versions_apart(routes):
        yield _cluster(routes, cluster_name(routes.service, version), frame)
    if routes.requests.authorization is not None:
        yield _authorization(routes.service, routes.requests.authorization)


def assignments(routes: ServiceRoutes) -> Iterator[Resource]:
    """Which replicas each cluster has."""
    apart = versions_apart(routes)
    for version in apart:
        chosen = [each for each in routes.upstreams if each.version == version]
        yield _assignment(routes, cluster_name(routes.service, version), chosen)
    rest = [each for each in routes.upstreams if each.version not in apart]
    yield _assignment(routes, cluster_name(routes.service), rest)


def _assignment(routes: ServiceRoutes, name: str, upstreams: list[Upstream]) -> Resource:
    weighted = routes.policy is LoadBalancingPolicy.WEIGHTED_LEAST_LOAD
    endpoints = [
        {
            "endpoint": {"address": socket_address(each.address, each.port)},
            "health_status": "DRAINING" if each.draining else "HEALTHY",
            "load_balancing_weight": each.weight if weighted else 1,
        }
        for each in upstreams
    ]
    return typed(ASSIGNMENT, cluster_name=name, endpoints=[{"lb_endpoints": endpoints}])


def _cluster(routes: ServiceRoutes, name: str, frame: Frame) -> Resource:
    return typed(
        CLUSTER,
        name=name,
        type="EDS",
        eds_cluster_config={"eds_config": polled_file(frame, endpoints_file(name), POLL_SECONDS)},
        connect_timeout=seconds(CONNECT_SECONDS),
        per_connection_buffer_limit_bytes=BUFFER_BYTES,
        circuit_breakers=_BREAKERS,
        outlier_detection=_OUTLIERS,
        common_lb_config=_COMMON,
        typed_extension_protocol_options=_protocol(routes),
        **_policy(routes.policy),
    )


def _policy(policy: LoadBalancingPolicy) -> dict[str, Any]:
    if policy is LoadBalancingPolicy.ROUND_ROBIN:
        return {"lb_policy": "ROUND_ROBIN"}
    # All replicas are looked at: two at random find the idle one of three only two times in three.
    kind = "extensions.load_balancing_policies.least_request.v3.LeastRequest"
    name = "envoy.load_balancing_policies.least_request"
    chosen = extension(name, kind, selection_method="FULL_SCAN")
    return {"load_balancing_policy": {"policies": [{"typed_extension_config": chosen}]}}


def _protocol(routes: ServiceRoutes) -> dict[str, Any]:
    key = {"http1": "http_protocol_options", "http2": "http2_protocol_options"}[routes.requests.replica_protocol]
    kind = "extensions.upstreams.http.v3.HttpProtocolOptions"
    return {f"envoy.{kind}": typed(kind, explicit_http_config={key: {}})}


def _authorization(service: str, authorization: Authorization) -> Resource:
    name = authorization_cluster(service)
    endpoint = {"endpoint": {"address": socket_address(authorization.host, authorization.port)}}
    return typed(
        CLUSTER,
        name=name,
        type="STRICT_DNS",
        connect_timeout=seconds(CONNECT_SECONDS),
        circuit_breakers=_BREAKERS,
        load_assignment={"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    )
