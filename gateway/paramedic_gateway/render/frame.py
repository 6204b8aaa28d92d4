"""What every rendered resource depends on besides the services."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramedic_gateway.layout import Layout

type Resource = Mapping[str, Any]

TYPES = "type.googleapis.com/envoy"


@dataclass(frozen=True)
class Frame:
    """One gateway replica. `host` None means where each service's row says; `tls_port` None means no certificate.

    `answers_health` says whether there is a token to ask for the replica's health with; the token itself is the agent's
    alone, for Envoy logs and shows whatever it is configured with.
    """

    layout: Layout
    host: str | None
    port: int
    tls_port: int | None
    domain: str
    answers_health: bool
    certificate: str | None = None

    @property
    def speaks_tls(self) -> bool:
        """Whether there is a certificate to serve."""
        return self.certificate is not None


def typed(kind: str, **fields: Any) -> dict[str, Any]:
    """An extension's configuration; `kind` is its message's name below envoy."""
    return {"@type": f"{TYPES}.{kind}", **fields}


def extension(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    """A named extension with its configuration."""
    return {"name": name, "typed_config": typed(kind, **fields)}


def seconds(value: float) -> str:
    """A duration as Envoy reads it."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"


def discovery(resources: Sequence[Resource]) -> str:
    """The text of a file that Envoy follows; its version is its content's digest."""
    text = json.dumps(resources, separators=(",", ":"))
    version = hashlib.blake2s(text.encode(), digest_size=8).hexdigest()
    return f'{{"version_info":"{version}","resources":{text}}}\n'


def version_of(text: str) -> str:
    """The version of a file made by `discovery`."""
    return str(json.loads(text)["version_info"])


def watched_file(frame: Frame, name: str) -> dict[str, Any]:
    """Says that a resource is in the rendered file `name`, and is taken over as soon as it is replaced there.

    It costs one of the 128 inotify instances that a user has by default, of all processes together: Envoy ends when
    there is none. Only a fixed, small number of files may be followed like this.
    """
    return {"path_config_source": {"path": str(frame.layout.rendered / name)}, "resource_api_version": "V3"}


def polled_file(frame: Frame, name: str, every: float) -> dict[str, Any]:
    """Like `watched_file`, for the files there are many of: Envoy reads them anew every so many seconds."""
    source = {"path": str(frame.layout.rendered / name), "poll_interval": seconds(every)}
    return {"path_config_source": source, "resource_api_version": "V3"}


def socket_address(host: str, port: int) -> dict[str, Any]:
    """A TCP address."""
    return {"socket_address": {"address": host, "port_value": port}}
