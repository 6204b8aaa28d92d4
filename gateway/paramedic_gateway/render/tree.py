"""All files of a gateway replica, from all of its services."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paramedic_gateway.render.clusters import assignments, clusters, endpoints_file
from paramedic_gateway.render.frame import Frame, Resource, discovery, typed
from paramedic_gateway.render.listeners import (
    CERTIFICATE,
    CERTIFICATE_FILE,
    listener,
    own_routes,
    routes_file,
    shared_routes,
    tls_listener,
)
from paramedic_gateway.render.virtual_hosts import nobody, virtual_host
from paramedic_gateway.routes.model import ServiceRoutes

ROUTES = "config.route.v3.RouteConfiguration"
SECRET = "extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a message's name

LISTENERS_FILE = "lds.json"
CLUSTERS_FILE = "cds.json"

SHARED = "shared"
SHARED_TLS = "shared-tls"

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a front door is to be reached; PARAMEDIC_GATEWAY_HOST narrows it


@dataclass(frozen=True)
class ServiceParts:
    """What one service contributes. `names` are the host names it wants on the shared ports, `host` its virtual host
    under whatever names. A `listener` may be missing only where there was none in place.
    """

    service: str
    uid: str
    files: Mapping[str, str]
    clusters: tuple[Resource, ...]
    listener: Resource | None
    wants_tls: bool
    names: tuple[str, ...]
    host: Resource


@dataclass(frozen=True)
class Tree:
    """Every file's text by its path below the rendered folder, and what could not be served and why."""

    files: Mapping[str, str]
    clusters: tuple[Resource, ...]
    problems: tuple[str, ...]


def own_name(service: str) -> str:
    """What the service's own listener and its routes are called."""
    return f"port-{service}"


def service_parts(routes: ServiceRoutes, frame: Frame) -> ServiceParts:
    """Everything of one service that no other service has a say in."""
    name = own_name(routes.service)
    host = virtual_host(routes, ["*"], frame)
    own = _route_config(name, [host])
    files = {routes_file(name): discovery([own])}
    for assignment in assignments(routes):
        files[endpoints_file(assignment["cluster_name"])] = discovery([assignment])
    listen = tls_listener if routes.requests.tls and frame.speaks_tls else listener
    return ServiceParts(
        service=routes.service,
        uid=routes.uid,
        files=files,
        clusters=tuple(clusters(routes, frame)),
        listener=listen(name, frame.host or routes.host, routes.port, own_routes(frame, name), frame),
        wants_tls=routes.requests.tls,
        names=(f"{routes.service}.{frame.domain}", *routes.requests.hosts),
        host=host,
    )


def tree(parts: Sequence[ServiceParts], frame: Frame) -> Tree:
    """The whole configuration. Services come in order of name: of two that want one host name the first has it."""
    problems: list[str] = []
    files = {path: text for part in parts for path, text in part.files.items()}
    listeners = [*_shared_listeners(frame), *_own_listeners(parts, frame, problems)]
    all_clusters = tuple(cluster for part in parts for cluster in part.clusters)
    files[routes_file(SHARED)] = discovery([_shared_routes(parts, problems)])
    files[CLUSTERS_FILE] = discovery(all_clusters)
    files[LISTENERS_FILE] = discovery(listeners)
    if frame.certificate is not None:
        files[CERTIFICATE_FILE] = discovery([_secret(frame.certificate, frame)])
    return Tree(files, all_clusters, tuple(problems))


def _shared_listeners(frame: Frame) -> Iterator[Resource]:
    host = frame.host or ANY_ADDRESS
    yield listener(SHARED, host, frame.port, shared_routes(frame, SHARED), frame)
    if frame.speaks_tls and frame.tls_port is not None:
        yield tls_listener(SHARED_TLS, host, frame.tls_port, shared_routes(frame, SHARED), frame)


def _own_listeners(parts: Sequence[ServiceParts], frame: Frame, problems: list[str]) -> Iterator[Resource]:
    taken = {frame.port: "the gateway itself"}
    if frame.speaks_tls and frame.tls_port is not None:
        taken[frame.tls_port] = "the gateway itself"
    for part in parts:
        if part.listener is None:
            continue
        service, port = part.service, part.listener["address"]["socket_address"]["port_value"]
        if part.wants_tls and not frame.speaks_tls:
            problems.append(
                f"service {service} wants TLS, but this gateway replica has no certificate: port {port} is shut"
            )
        elif port in taken:
            problems.append(f"port {port} of service {service} is taken by {taken[port]}: reach it by its host name")
        else:
            taken[port] = f"service {service}"
            yield part.listener


def _shared_routes(parts: Sequence[ServiceParts], problems: list[str]) -> Resource:
    owners: dict[str, str] = {}
    hosts = []
    for part in parts:
        service = part.service
        for name in part.names:
            owner = owners.setdefault(name, service)
            if owner != service:
                problems.append(f"host name {name} of service {service} belongs to service {owner} already")
        names = [name for name in dict.fromkeys(part.names) if owners[name] == service]
        if names:
            hosts.append({**part.host, "domains": names})
    return _route_config(SHARED, [*hosts, nobody()])


def _route_config(name: str, hosts: list[Resource]) -> Resource:
    # A port in the Host header tells services apart as little as its absence does.
    return typed(ROUTES, name=name, virtual_hosts=hosts, ignore_port_in_host_matching=True)


def _secret(pair: str, frame: Frame) -> Resource:
    folder = frame.layout.certificates
    return typed(
        SECRET,
        name=CERTIFICATE,
        tls_certificate={
            "certificate_chain": {"filename": str(folder / f"{pair}.crt")},
            "private_key": {"filename": str(folder / f"{pair}.key")},
        },
    )
