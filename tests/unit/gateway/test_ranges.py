"""Whatever options are accepted, no number of what Envoy is given is one it refuses: it would refuse all services."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from paramedic.services.spec import LoadBalancingPolicy
from paramedic.state.request_handling import (
    MAX_BODY_BYTES,
    MAX_COOKIE_SECONDS,
    MAX_SECONDS,
    MAX_VERSION,
    MAX_WEIGHT,
    RequestHandling,
)
from paramedic_gateway.render.tree import service_parts, tree
from tests.unit.gateway.routes import FRAME, routes, upstream

UINT32 = 2**32 - 1
INT64 = 2**63 - 1

# From Envoy's API: the fields' types, and the rules they are annotated with.
NUMBERS: dict[str, tuple[int, int]] = {
    "port_value": (1, 65535),  # core.v3.SocketAddress; 0 means another thing
    "load_balancing_weight": (1, UINT32),  # endpoint.v3.LbEndpoint
    "per_connection_buffer_limit_bytes": (1, UINT32),  # cluster.v3.Cluster, listener.v3.Listener
    "max_connections": (0, UINT32),  # cluster.v3.CircuitBreakers.Thresholds, as the next three
    "max_pending_requests": (0, UINT32),
    "max_requests": (0, UINT32),
    "max_retries": (0, UINT32),
    "consecutive_local_origin_failure": (0, UINT32),  # cluster.v3.OutlierDetection, as the next six
    "consecutive_gateway_failure": (0, UINT32),
    "enforcing_consecutive_local_origin_failure": (0, 100),
    "enforcing_local_origin_success_rate": (0, 100),
    "enforcing_consecutive_gateway_failure": (0, 100),
    "enforcing_consecutive_5xx": (0, 100),
    "enforcing_success_rate": (0, 100),
    "max_ejection_percent": (0, 100),
    "value": (0, 100),  # type.v3.Percent
    "code": (200, 599),  # type.v3.HttpStatus
    "status": (200, 599),  # route.v3.DirectResponseAction
    "status_code": (200, 599),  # http_connection_manager.v3.ResponseMapper
    "num_retries": (0, UINT32),  # route.v3.RetryPolicy
    "host_selection_retry_max_attempts": (0, INT64),
    "start": (0, INT64),  # type.v3.Int64Range
    "end": (1, INT64),
}

MAY_BE_ZERO = {"timeout", "idle_timeout", "ttl", "update_merge_window", "stream_idle_timeout"}

DURATION = re.compile(r"(\d+(?:\.\d{1,9})?)s")

LONGEST_DURATION = 2**32 - 1
"""Seconds: core.v3.HttpUri.timeout, the narrowest of all that a duration is rendered for."""

LONGEST_FILE_NAME = 255

LIMITS = [0, MAX_WEIGHT, MAX_VERSION, MAX_SECONDS, MAX_COOKIE_SECONDS, MAX_BODY_BYTES, UINT32, INT64]
NUMBER = st.one_of(
    st.sampled_from(LIMITS),
    st.sampled_from(LIMITS).flatmap(lambda limit: st.sampled_from([limit - 1, limit + 1])),
    st.integers(),
    st.floats(),
)
WRITTEN = {
    "max_body_bytes": NUMBER,
    "timeout_seconds": NUMBER,
    "idle_timeout_seconds": NUMBER,
    "drain_seconds": NUMBER,
    "sticky": st.fixed_dictionaries({"cookie": st.just("c"), "seconds": NUMBER}),
    "authorization": st.fixed_dictionaries(
        {"url": NUMBER.map(lambda port: f"http://auth:{port}/v"), "timeout_seconds": NUMBER}
    ),
    "versions": st.lists(st.fixed_dictionaries({"version": NUMBER, "path_prefix": st.just("/v")}), max_size=3),
}


@st.composite
def accepted(draw: st.DrawFn) -> RequestHandling:
    """Whatever users may write, without what is refused."""
    written = {name: draw(values) for name, values in WRITTEN.items()}
    return RequestHandling.model_validate({name: each for name, each in written.items() if is_accepted({name: each})})


def is_accepted(written: dict[str, Any]) -> bool:
    try:
        RequestHandling.model_validate(written)
    except ValidationError:
        return False
    return True


@given(accepted(), st.sampled_from(LoadBalancingPolicy), st.integers(1, MAX_WEIGHT))
def test_every_number_that_is_accepted_is_within_what_envoy_takes(
    requests: RequestHandling, policy: LoadBalancingPolicy, weight: int
) -> None:
    service = routes("echo", upstream(1, weight=weight), policy=policy).model_copy(update={"requests": requests})
    frame = replace(FRAME, certificate="abc")
    for path, text in tree([service_parts(service, frame)], frame).files.items():
        assert len(PurePath(path).name.encode()) <= LONGEST_FILE_NAME
        for name, value in leaves(json.loads(text)["resources"]):
            assert_within_range(name, value)


def leaves(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value, name)
    else:
        yield name, node


def assert_within_range(name: str, value: Any) -> None:
    if isinstance(value, str):
        if (duration := DURATION.fullmatch(value)) is not None:
            shortest = 0 if name in MAY_BE_ZERO else 0.001
            assert shortest <= float(duration[1]) <= LONGEST_DURATION, (name, value)
    elif not isinstance(value, bool):
        assert isinstance(value, int), (name, value)
        lowest, highest = NUMBERS[name]
        assert lowest <= value <= highest, (name, value)
