"""What a row says, field by field checked."""

import ipaddress
import re
from urllib.parse import urlsplit

from paramedic.services.spec import NAME_PATTERN, LoadBalancingPolicy
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.request_handling import Route
from paramedic.state.tables import InvalidRowError
from paramedic_gateway.routes.model import ServiceRoutes, Upstream

UID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A uid is a word of the access log's lines."""

HIGHEST_PORT = 65535


def from_row(row: LoadBalancer) -> ServiceRoutes:
    """What `row` says.

    Raises:
        InvalidRowError: a field cannot be served; the error names it.
    """
    if not re.fullmatch(NAME_PATTERN, row.service):
        raise _invalid(row, "service", row.service, "is no service name")
    if not UID_PATTERN.fullmatch(row.uid):
        raise _invalid(row, "uid", row.uid, "must be 1 to 64 letters, digits, - or _")
    if not 1 <= row.port <= HIGHEST_PORT or row.port != int(row.port):
        raise _invalid(row, "port", row.port, "is no port")
    return ServiceRoutes(
        service=row.service,
        uid=row.uid,
        revision=int(row.revision),
        host=_address(row, "host", row.host),
        port=int(row.port),
        policy=_policy(row),
        requests=row.request_handling(),
        upstreams=_upstreams(row),
    )


def _policy(row: LoadBalancer) -> LoadBalancingPolicy:
    try:
        return LoadBalancingPolicy(row.policy)
    except ValueError:
        known = ", ".join(LoadBalancingPolicy)
        raise _invalid(row, "policy", row.policy, f"is none of {known}") from None


def _upstreams(row: LoadBalancer) -> tuple[Upstream, ...]:
    ready = [_upstream(row, f"routes.replicas.{i}", each, False) for i, each in enumerate(row.routes.replicas)]
    draining = [_upstream(row, f"routes.draining.{i}", each, True) for i, each in enumerate(row.routes.draining)]
    upstreams = sorted([*ready, *draining], key=lambda each: each.replica_id)
    ids = [each.replica_id for each in upstreams]
    if len(set(ids)) < len(ids):
        raise _invalid(row, "routes", ids, "names a replica twice")
    return tuple(upstreams)


def _upstream(row: LoadBalancer, field: str, route: Route, draining: bool) -> Upstream:
    address, port = _address_and_port(row, f"{field}.url", route.url)
    return Upstream(
        replica_id=route.replica_id,
        address=address,
        port=port,
        weight=route.weight,
        version=route.version,
        draining=draining,
    )


def _address_and_port(row: LoadBalancer, field: str, url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as error:
        raise _invalid(row, field, url, f"is no URL: {error}") from None
    if parts.scheme != "http" or parts.path not in ("", "/") or parts.query or parts.username:
        raise _invalid(row, field, url, "must be http://ADDRESS:PORT")
    return _address(row, field, parts.hostname or ""), port


def _address(row: LoadBalancer, field: str, text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise _invalid(row, field, text, "must name an IP address; gateways look no names up") from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise _invalid(row, field, text, "must be an address without a zone, which Envoy does not take")
    return str(address)


def _invalid(row: LoadBalancer, field: str, value: object, problem: str) -> InvalidRowError:
    return InvalidRowError(type(row).Meta.table_name, row.key_text(), field, value, problem)
