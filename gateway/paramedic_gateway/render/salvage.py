"""What the configuration in place says, for when nothing else is known."""

import json
from collections.abc import Iterator, Mapping

from paramedic_gateway.render.clusters import endpoints_file, is_cluster_of
from paramedic_gateway.render.frame import Resource
from paramedic_gateway.render.listeners import is_tls, routes_file
from paramedic_gateway.render.tree import CLUSTERS_FILE, LISTENERS_FILE, SHARED, ServiceParts, own_name


def parts_in_place(service: str, files: Mapping[str, str]) -> ServiceParts | None:
    """What `files`, texts by path, have of `service`; None when that is not enough to serve it."""
    own = own_name(service)
    clusters = tuple(each for each in _resources(files, CLUSTERS_FILE) if is_cluster_of(service, str(each.get("name"))))
    host = next(_virtual_hosts(files, own, service), None)
    if host is None or not clusters:
        return None
    listener = next((each for each in _resources(files, LISTENERS_FILE) if each.get("name") == own), None)
    shared = next(_virtual_hosts(files, SHARED, service), {})
    names = [routes_file(own), *(endpoints_file(str(each["name"])) for each in clusters)]
    return ServiceParts(
        service=service,
        # The last of a service's routes is the one that takes whatever no other does, under its uid like the others.
        uid=str(host["routes"][-1]["name"]),
        files={name: files[name] for name in names if name in files},
        clusters=clusters,
        listener=listener,
        wants_tls=listener is not None and is_tls(listener),
        names=tuple(shared.get("domains", ())),
        host=host,
    )


def listeners_in_place(files: Mapping[str, str]) -> frozenset[str]:
    """The names of the listeners that `files`, texts by path, tell Envoy to have."""
    return frozenset(str(each.get("name")) for each in _resources(files, LISTENERS_FILE))


def _virtual_hosts(files: Mapping[str, str], routes: str, service: str) -> Iterator[Resource]:
    for config in _resources(files, routes_file(routes)):
        yield from (each for each in config.get("virtual_hosts", ()) if each.get("name") == service)


def _resources(files: Mapping[str, str], name: str) -> list[Resource]:
    try:
        document = json.loads(files.get(name, ""))
    except ValueError:
        # Not there, or cut short by the host's end.
        return []
    return list(document.get("resources", []))
