"""A gateway of several replicas that a deployed stack launches, keeps and names: real agents, each with its Envoy."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.gateway_parts.processes import Address, NeverAnsweredError
from benchmarks.gateway_parts.rows import GATEWAY, ServiceRow, create_index
from demo.kill import kill_group
from demo.scenario import Stage, deployed
from paramedic.gateways.view import GatewayView, read_rows, view_of
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.wanted_gateways import read_placed
from paramedic_cli.host.layout import GATEWAY_PROFILE

REPLICAS = 2
SERVICES = ("service-1", "service-2", "service-3")
PORT = 8080
FIRST_SERVICE_PORT = 9001
DOMAIN = "models.test"
TTL_SECONDS = 10
START_SECONDS = 240.0
EVERY_ZONE = "arn:aws:route53:::hostedzone/*"
"""The zone is made once the emulator runs, which is when the stack has its parameters already."""


@dataclass(frozen=True)
class KeptGateway:
    """A gateway all of whose replicas serve; `hosts` are their addresses by number."""

    stage: Stage
    zone: str
    hosts: Mapping[int, str]

    def url(self, number: int) -> str:
        """Where all services are served by one replica."""
        return f"http://{self.hosts[number]}:{PORT}"

    def named(self) -> frozenset[str]:
        """The addresses that clients find in its hosted zone."""
        route53 = self.stage.stack.client("route53")
        found = route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return frozenset(each["ResourceRecords"][0]["Value"] for each in found if each["Type"] == "A")

    def kill(self, key: GatewayReplicaKey) -> datetime:
        """kill -9 of the agent's process group, then of its Envoy, which would serve on; when that began."""
        [receipt] = [row.receipt for row in read_placed(GATEWAY) if row.replica_num == key.number]
        assert receipt is not None
        envoy = json.loads((self.stage.layout.gateways / key.replica_name / "envoy.json").read_text())
        killed_at = kill_group(receipt, self.stage.launcher)
        os.kill(int(envoy["pid"]), signal.SIGKILL)
        return killed_at


@contextmanager
def kept_gateway(folder: Path, upstreams: Sequence[Address]) -> Iterator[KeptGateway]:
    """The whole stack with a gateway whose services all have these replicas.

    Raises:
        NeverAnsweredError: it did not get to serve.
    """
    with deployed(folder, {"GatewayHostedZoneArns": EVERY_ZONE}) as stage:
        create_index()
        for port, name in enumerate(SERVICES, FIRST_SERVICE_PORT):
            ServiceRow(name, Address(stage.stack.emulator.host, port)).route(upstreams)
        made = stage.stack.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference=GATEWAY)
        zone = made["HostedZone"]["Id"].rpartition("/")[2]
        stage.run("gateway", "up", str(_spec_file(folder, zone)))
        view = _all_serving()
        yield KeptGateway(stage, zone, {each.number: str(each.hostname) for each in view.replicas})


def _spec_file(folder: Path, zone: str) -> Path:
    spec = {
        "type": "gateway",
        "name": GATEWAY,
        "backend": GATEWAY_PROFILE,
        "replicas": REPLICAS,
        "port": PORT,
        "domain": DOMAIN,
        "dns": {"zone": zone, "ttl": TTL_SECONDS},
    }
    file = folder / "gateway.yaml"
    file.write_text(json.dumps(spec))
    return file


def _all_serving() -> GatewayView:
    deadline = time.monotonic() + START_SECONDS
    view: GatewayView | None = None
    while time.monotonic() < deadline:
        rows = read_rows(GATEWAY)
        view = view_of(rows) if rows is not None else None
        if view is not None and all(each.registered == SERVICES for each in view.replicas) and view.status == "running":
            return view
        time.sleep(0.5)
    raise NeverAnsweredError(f"the gateway does not serve after {START_SECONDS:g} s: {view}")
