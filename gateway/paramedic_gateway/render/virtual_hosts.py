"""Which requests go where: a service's virtual host, for its own port and for the shared ones."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from paramedic.gateways.replica import HEALTH_PATH, ROUTE_LOST, ROUTE_PATH, TOKEN_HEADER
from paramedic.state.request_handling import Authorization, RequestHandling, StickyCookie, VersionRule
from paramedic_gateway.render.clusters import authorization_cluster, cluster_name
from paramedic_gateway.render.frame import Frame, Resource, seconds, typed
from paramedic_gateway.routes.model import ServiceRoutes

AGENT_CLUSTER = "paramedic!agent"

UNKNOWN_HOST = "no service has this host name\n"
"""What a 404 says where no service is meant; a wrong token gets the same, so that it learns nothing."""

UNCOUNTED = "-"
"""Route name of requests that are no service's; all others are named by their service's uid."""

STICKY_FILTER = "paramedic.sticky"
AUTHORIZATION_FILTER = "paramedic.authorization"
FORWARDED_FILTER = "paramedic.forwarded"
HANDED_ON_FILTER = "paramedic.handed-on"

ANSWER_METADATA = "envoy.filters.http.ext_authz"
"""Where Envoy keeps the headers of an authority's answer, by default."""

# Nothing of these was acted upon by a replica, so any request may be sent again. A GET may be even after it was sent.
_ALWAYS_SAFE = "connect-failure,refused-stream,reset-before-request"
_SAFE_WHEN_IDEMPOTENT = f"{_ALWAYS_SAFE},reset"
_IDEMPOTENT = {
    "name": ":method",
    "string_match": {"safe_regex": {"regex": "GET|HEAD|OPTIONS|TRACE"}},
}
_GET = {"name": ":method", "string_match": {"exact": "GET"}}
_WITH_BODY = {"name": ":method", "string_match": {"safe_regex": {"regex": "POST|PUT|PATCH"}}}


def virtual_host(routes: ServiceRoutes, domains: list[str], frame: Frame) -> Resource:
    """The service under the names `domains`."""
    handling = routes.requests
    return {
        "name": routes.service,
        "domains": domains,
        "routes": [*health_routes(frame), _tried(routes), *_refusals(routes), *_forwarding(routes)],
        "typed_per_filter_config": {
            **_sticky(handling.sticky),
            **_authorized(routes.service, handling.authorization),
        },
    }


def health_routes(frame: Frame) -> Iterator[Resource]:
    """The reserved path, for whoever brings a token: the agent checks it. Without one the path is the service's own."""
    if frame.answers_health:
        yield _health([_GET, {"name": TOKEN_HEADER, "present_match": True}])


def nobody() -> Resource:
    """Who answers where no service is meant: the agent says to anybody whether this replica is well, and no more."""
    refused = {"status": 404, "body": {"inline_string": UNKNOWN_HOST}}
    answers = [
        _health([_GET]),
        {"name": UNCOUNTED, "match": {"path": ROUTE_PATH}, "direct_response": {"status": ROUTE_LOST}},
        {"name": UNCOUNTED, "match": {"prefix": "/"}, "direct_response": refused},
    ]
    return {"name": "nobody", "domains": ["*"], "routes": answers}


def _health(headers: list[Resource]) -> Resource:
    return {
        "name": UNCOUNTED,
        "match": {"path": HEALTH_PATH, "headers": headers},
        "route": {"cluster": AGENT_CLUSTER, "timeout": "5s"},
        "typed_per_filter_config": {
            STICKY_FILTER: _filter_off(),
            AUTHORIZATION_FILTER: _filter_off(),
            FORWARDED_FILTER: _filter_off(),
            HANDED_ON_FILTER: _filter_off(),
        },
    }


def _filter_off() -> Resource:
    return typed("config.route.v3.FilterConfig", disabled=True)


def _tried(routes: ServiceRoutes) -> Resource:
    """A request by which it is seen that the service is reached; it goes where others go and counts for nothing."""
    action = _action(routes.requests, cluster_name(routes.service), _ALWAYS_SAFE)
    return {"name": UNCOUNTED, "match": {"path": ROUTE_PATH, "headers": [_GET]}, "route": action}


def _refusals(routes: ServiceRoutes) -> Iterator[Resource]:
    limit = routes.requests.max_body_bytes
    if limit is None:
        return
    # What is not within the limit, rather than what is above it: some lengths are beyond any range.
    too_long = {"name": "content-length", "range_match": {"start": 0, "end": limit + 1}, "invert_match": True}
    yield _refusal(routes.uid, [too_long], 413, f"the request's body may have {limit} bytes")
    no_length = {"name": "content-length", "present_match": True, "invert_match": True}
    chunked = {"name": "transfer-encoding", "present_match": True}
    untold: list[list[Resource]] = [[_WITH_BODY, no_length], [chunked]]
    for headers in untold:
        yield _refusal(routes.uid, headers, 411, "requests to this service must tell their body's length")


def _refusal(uid: str, headers: list[Resource], status: int, text: str) -> Resource:
    return {
        "name": uid,
        "match": {"prefix": "/", "headers": headers},
        "direct_response": {"status": status, "body": {"inline_string": text + "\n"}},
    }


def _forwarding(routes: ServiceRoutes) -> Iterator[Resource]:
    for rule in routes.requests.versions:
        yield from _both_methods(routes, _match(rule), cluster_name(routes.service, rule.version))
    yield from _both_methods(routes, {"prefix": "/", "headers": []}, cluster_name(routes.service))


def _match(rule: VersionRule) -> dict[str, Any]:
    path = {"prefix": "/"} if rule.path_prefix is None else {"path_separated_prefix": rule.path_prefix}
    header = rule.header
    headers = [] if header is None else [{"name": header.name, "string_match": {"exact": header.value}}]
    return {**path, "headers": headers}


def _both_methods(routes: ServiceRoutes, match: Mapping[str, Any], cluster: str) -> Iterator[Resource]:
    idempotent = {**match, "headers": [*match["headers"], _IDEMPOTENT]}
    for each, retry_on in ((idempotent, _SAFE_WHEN_IDEMPOTENT), (match, _ALWAYS_SAFE)):
        yield {"name": routes.uid, "match": each, "route": _action(routes.requests, cluster, retry_on)}


def _action(handling: RequestHandling, cluster: str, retry_on: str) -> Resource:
    return {
        "cluster": cluster,
        "timeout": seconds(handling.timeout_seconds or 0),
        "idle_timeout": seconds(handling.idle_timeout_seconds),
        "retry_policy": {
            "retry_on": retry_on,
            "num_retries": 5,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": typed("extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
                }
            ],
            "host_selection_retry_max_attempts": 10,
            "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.050s"},
        },
    }


def _sticky(sticky: StickyCookie | None) -> dict[str, Resource]:
    if sticky is None:
        return {}
    state = typed(
        "extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
        cookie={"name": sticky.cookie, "path": "/", "ttl": seconds(sticky.seconds)},
    )
    kind = "extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute"
    session = {"session_state": {"name": "envoy.http.stateful_session.cookie", "typed_config": state}}
    return {STICKY_FILTER: typed(kind, stateful_session=session)}


def _authorized(service: str, authorization: Authorization | None) -> dict[str, Resource]:
    if authorization is None:
        return {}
    told = {"method": "%REQ(:METHOD)%", "host": "%REQ(:AUTHORITY)%", "uri": "%REQ(:PATH)%"}
    ask = typed(
        "extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        check_settings={"http_service": _authorization_service(service, authorization)},
    )
    return {
        FORWARDED_FILTER: _request_headers([_set(f"x-forwarded-{name}", value) for name, value in told.items()]),
        AUTHORIZATION_FILTER: ask,
        **_handed_on(authorization),
    }


def _handed_on(authorization: Authorization) -> dict[str, Resource]:
    # The authority is asked with the client's headers; the replica gets the answer's or none, never the client's.
    names = [name.lower() for name in authorization.response_headers]
    if not names:
        return {}
    answered = [[_remove_alike(name), _set(name, f"%DYNAMIC_METADATA({ANSWER_METADATA}:{name})%")] for name in names]
    return {HANDED_ON_FILTER: _request_headers([mutation for pair in answered for mutation in pair])}


def _remove_alike(name: str) -> Resource:
    # Replicas that hand headers on as variables (WSGI, CGI) cannot tell a dash from an underscore.
    regex = "".join("[-_]" if character in "-_" else re.escape(character) for character in name)
    return {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": regex}}}}


def _request_headers(mutations: list[Resource]) -> Resource:
    return typed(
        "extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        mutations={"request_mutations": mutations},
    )


def _set(name: str, value: str) -> Resource:
    """Adds nothing where `value` comes to nothing."""
    return {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _authorization_service(service: str, authorization: Authorization) -> Resource:
    patterns = [{"exact": name.lower()} for name in authorization.response_headers]
    kept = {"authorization_response": {"dynamic_metadata_from_headers": {"patterns": patterns}}} if patterns else {}
    return {
        "server_uri": {
            "uri": authorization.url,
            "cluster": authorization_cluster(service),
            "timeout": seconds(authorization.timeout_seconds),
        },
        "path_override": authorization.path,
        **kept,
    }
