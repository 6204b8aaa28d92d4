"""Where Envoy listens, and what every listener does alike."""

from typing import Any

from paramedic.gateways.replica import ROUTE_LOST, ROUTE_PATH
from paramedic_gateway.render.clusters import BUFFER_BYTES
from paramedic_gateway.render.frame import (
    Frame,
    Resource,
    extension,
    polled_file,
    socket_address,
    typed,
    watched_file,
)
from paramedic_gateway.render.virtual_hosts import (
    AGENT_CLUSTER,
    AUTHORIZATION_FILTER,
    FORWARDED_FILTER,
    HANDED_ON_FILTER,
    STICKY_FILTER,
)

LISTENER = "config.listener.v3.Listener"
CERTIFICATE = "certificate"
CERTIFICATE_FILE = "sds/certificate.json"

RETRY_AFTER_SECONDS = 5

ROUTES_POLL_SECONDS = 1.0
"""How late Envoy may see a changed option. Longer than for replicas: nothing fails while it waits."""

_MANAGER = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

# One line when a request's headers have come and one when all is over; the path goes without its query, which may
# hold secrets. The reader in `counting.records` depends on every character.
_START = "S %START_TIME(%s)% %ROUTE_NAME% %STREAM_ID% %REQ(:METHOD)% %PATH(NQ:PATH):100%\n"
_END = "E %STREAM_ID%\n"


def routes_file(name: str) -> str:
    """Where a listener's routes are rendered."""
    return f"rds/{name}.json"


def shared_routes(frame: Frame, name: str) -> Resource:
    """Routes of many services, followed at once."""
    return {"route_config_name": name, "config_source": watched_file(frame, routes_file(name))}


def own_routes(frame: Frame, name: str) -> Resource:
    """Routes of one service's port; its replicas are elsewhere, so that these hardly ever change."""
    return {"route_config_name": name, "config_source": polled_file(frame, routes_file(name), ROUTES_POLL_SECONDS)}


def listener(name: str, host: str, port: int, routes: Resource, frame: Frame) -> Resource:
    """A listener that serves `routes` in the clear."""
    return _listener(name, host, port, {"filters": [_manager(name, routes, frame)]})


def tls_listener(name: str, host: str, port: int, routes: Resource, frame: Frame) -> Resource:
    """Like `listener`, under the gateway's certificate."""
    secret = {"name": CERTIFICATE, "sds_config": watched_file(frame, CERTIFICATE_FILE)}
    context = typed(
        "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [secret],
        },
    )
    socket = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    return _listener(name, host, port, {"filters": [_manager(name, routes, frame)], "transport_socket": socket})


def is_tls(resource: Resource) -> bool:
    """Whether a listener was made by `tls_listener`."""
    return "transport_socket" in resource["filter_chains"][0]


def _listener(name: str, host: str, port: int, chain: dict[str, Any]) -> Resource:
    return typed(
        LISTENER,
        name=name,
        address=socket_address(host, port),
        per_connection_buffer_limit_bytes=BUFFER_BYTES,
        filter_chains=[chain],
    )


def _manager(name: str, routes: Resource, frame: Frame) -> Resource:
    return extension(
        "envoy.filters.network.http_connection_manager",
        _MANAGER,
        stat_prefix=name,
        codec_type="AUTO",
        rds=routes,
        http_filters=_filters(),
        access_log=[
            _access_log(frame, "DownstreamStart", _START),
            _access_log(frame, "DownstreamEnd", _END),
        ],
        access_log_options={"flush_access_log_on_new_request": True},
        local_reply_config=_local_replies(),
        use_remote_address=True,
        normalize_path=True,
        server_header_transformation="PASS_THROUGH",
        upgrade_configs=[{"upgrade_type": "websocket"}],
        http2_protocol_options={"allow_connect": True},
        # Models think long before they answer: how long is the routes' business.
        stream_idle_timeout="0s",
        request_headers_timeout="30s",
        common_http_protocol_options={"idle_timeout": "3600s"},
    )


def _filters() -> list[Resource]:
    # Off unless a service's virtual host turns them on, so that no service pays for another's options.
    optional = [
        extension(FORWARDED_FILTER, "extensions.filters.http.header_mutation.v3.HeaderMutation"),
        extension(AUTHORIZATION_FILTER, "extensions.filters.http.ext_authz.v3.ExtAuthz", **_authorization()),
        extension(HANDED_ON_FILTER, "extensions.filters.http.header_mutation.v3.HeaderMutation"),
        extension(STICKY_FILTER, "extensions.filters.http.stateful_session.v3.StatefulSession"),
    ]
    router = extension(
        "envoy.filters.http.router", "extensions.filters.http.router.v3.Router", suppress_envoy_headers=True
    )
    return [*({**each, "disabled": True} for each in optional), router]


def _authorization() -> dict[str, Any]:
    # Whom to ask is each service's own; this one stands in, because there must be one, and is never asked.
    nobody = {"uri": "http://nobody.invalid", "cluster": AGENT_CLUSTER, "timeout": "1s"}
    return {
        "http_service": {"server_uri": nobody},
        "transport_api_version": "V3",
        "allowed_headers": {"patterns": [{"safe_regex": {"regex": ".+"}}]},
        "status_on_error": {"code": 503},
    }


def _access_log(frame: Frame, kind: str, line: str) -> Resource:
    return {
        **extension(
            "envoy.access_loggers.file",
            "extensions.access_loggers.file.v3.FileAccessLog",
            path=str(frame.layout.access_log),
            log_format={"text_format_source": {"inline_string": line}},
        ),
        "filter": {"log_type_filter": {"types": [kind]}},
    }


def _local_replies() -> Resource:
    # Without a replica clients are asked to come back: their asking is what starts one.
    header = {"header": {"key": "retry-after", "value": str(RETRY_AFTER_SECONDS)}}
    unavailable = {"response_flag_filter": {"flags": ["UH", "UF", "NC"]}}
    text = "no replica of this service answers\n"
    told = {"filter": unavailable, "headers_to_add": [header], "body": {"inline_string": text}}
    return {"mappers": [{"filter": _nowhere_to_send_a_trial(), "status_code": ROUTE_LOST}, told]}


def _nowhere_to_send_a_trial() -> Resource:
    # No route, no cluster, no host in the cluster; that no host answers has another flag.
    nowhere = {"response_flag_filter": {"flags": ["NR", "NC", "UH"]}}
    trial = {"header_filter": {"header": {"name": ":path", "string_match": {"exact": ROUTE_PATH}}}}
    return {"and_filter": {"filters": [trial, nowhere]}}
