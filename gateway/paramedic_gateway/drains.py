"""How many requests each leaving replica still has: what lets a controller end it without breaking one."""

from collections.abc import Iterable, Sequence

from paramedic.state.traffic import draining_key
from paramedic_gateway.proxy.admin import AdminUnreachableError, EnvoyAdmin
from paramedic_gateway.routes.model import ServiceRoutes


def draining_requests(services: Iterable[ServiceRoutes], admins: Sequence[EnvoyAdmin]) -> dict[str, int]:
    """Requests by `draining_key`, of those replicas only that every Envoy is seen to give no new ones."""
    leaving = {
        draining_key(routes.uid, each.replica_id): (routes.service, f"{each.address}:{each.port}")
        for routes in services
        for each in routes.upstreams
        if each.draining
    }
    if not leaving:
        return {}
    try:
        seen = [admin.draining_hosts() for admin in admins]
    except AdminUnreachableError:
        return {}
    return {
        key: sum(each[where] for each in seen) for key, where in leaving.items() if all(where in each for each in seen)
    }
