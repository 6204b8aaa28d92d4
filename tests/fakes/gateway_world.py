"""Gateways, the hosts of their replicas and whoever keeps them, over real DynamoDB semantics and a fake clock."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from paramedic.clock import to_iso
from paramedic.gateways import verbs, view
from paramedic.gateways.dns import Route53
from paramedic.gateways.publishers import Publishers
from paramedic.gateways.reconciling import keep_all
from paramedic.gateways.replica import HEALTH_PATH, ROUTE_LOST
from paramedic.gateways.spec import GatewaySpec
from paramedic.gateways.spec_files import parse_gateway
from paramedic.gateways.surroundings import Surroundings
from paramedic.gateways.target_groups import TargetGroups
from paramedic.gateways.view import GatewayView, ReplicaView
from paramedic.health.event_details import GatewayReplicaFailed
from paramedic.health.events import HealthEvent
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.health.probing import Probed
from paramedic.launchers.interface import Launch
from paramedic.launchers.profiles import UnknownProfileError
from paramedic.recovery import surroundings as recovery_surroundings
from paramedic.recovery.messages import Reply
from paramedic.recovery.recoverer import on_failure
from paramedic.recovery.surroundings import LaunchPlan
from paramedic.state import tables
from paramedic.state.gateway_keys import GatewayReplicaKey, gateway_replica_of
from paramedic.state.gateway_registry import RunningReplica, register_replica
from paramedic.state.targets import BadPeriod, Target, bucket_of
from paramedic.state.wanted_gateways import PlacedReplica, read_placed
from tests.fakes.clock import FakeClock
from tests.fakes.gateway_replica import publish
from tests.fakes.launcher import FakeLauncher, Started
from tests.fakes.traffic_reporter import TrafficReporter

GATEWAY = "web"


@dataclass
class Host:
    """Where launched replicas live.

    `mute` ones never connect, `unwell` ones say so; `lost` are services that a replica has no way to.
    """

    launcher: FakeLauncher = field(default_factory=FakeLauncher)
    mute: set[int] = field(default_factory=set)
    lost: dict[int, set[str]] = field(default_factory=dict)
    unwell: set[int] = field(default_factory=set)
    reporters: dict[str, TrafficReporter] = field(default_factory=dict)


class GatewayWorld:
    """One stack; each look of a run lets the agents of what was launched connect and report."""

    def __init__(self, table_prefix: str) -> None:
        tables.bind(table_prefix)
        self.clock = FakeClock()
        self.clock.on_sleep = self.agents_go_on
        self.hosts = {"a": Host(), "b": Host()}
        self.route53: Any = None
        self.elbv2: Any = None
        self.pages: list[str] = []
        self.asked: list[ProbeRequest] = []
        self._ids = count(1)
        self._lock = threading.Lock()

    def spec(self, **fields: object) -> GatewaySpec:
        """As a user would write it."""
        return parse_gateway({"type": "gateway", "name": GATEWAY, "backend": "a", **fields})

    def up(self, **fields: object) -> None:
        """Want the gateway."""
        verbs.up(self.spec(**fields), "ada", self.clock)

    def update(self, **fields: object) -> None:
        """Want it otherwise."""
        verbs.update(self.spec(**fields), "ada", self.clock)

    def around(self) -> Surroundings:
        """The surroundings of a new invocation."""
        return Surroundings(
            clock=self.clock,
            invocation=f"run-{next(self._ids)}",
            profile=self._profile,
            probers={"public": self},
            page=self._page,
            publishers=Publishers(lambda: Route53(self.route53), lambda: TargetGroups(self.elbv2)),
        )

    def run(self) -> Sequence[str]:
        """One run of the function, a minute after the last; what it did for the gateway."""
        self.clock.advance(60)
        self.agents_go_on()
        return keep_all(self.around()).get(GATEWAY, ())

    def runs(self, times: int) -> None:
        """As many runs, a minute apart."""
        for _ in range(times):
            self.run()

    def agents_go_on(self) -> None:
        """Agents that live and are not mute register and report."""
        for host in self.hosts.values():
            for each in host.launcher.living():
                self._agent_goes_on(host, each)

    def _agent_goes_on(self, host: Host, workload: Started) -> None:
        key = gateway_replica_of(workload.request.workload)
        assert key is not None
        if key.number in host.mute:
            return
        address = f"10.0.0.{key.number}"
        register_replica(
            RunningReplica(
                gateway=key.gateway,
                name=key.replica_name,
                hostname=address,
                port=8080,
                health_url=f"http://{address}:8080{HEALTH_PATH}",
                number=key.number,
                epoch=workload.request.epoch,
            ),
            self.clock,
        )
        new = TrafficReporter(key.gateway, key.replica_name, workload.receipt.key, self.clock)
        host.reporters.setdefault(workload.receipt.key, new).flush()

    def probe(self, requests: Sequence[ProbeRequest]) -> Probed:
        """What the replicas at these addresses answer."""
        with self._lock:
            self.asked += requests
        return Probed({each.target_id: self._answer(each) for each in requests})

    def _answer(self, request: ProbeRequest) -> ProbeOutcome:
        number = int((urlsplit(request.url).hostname or "").rpartition(".")[2])
        for host in self.hosts.values():
            if any(each.request.workload.endswith(f"/{number}") for each in host.launcher.living()):
                service = (request.host or "").partition(".")[0]
                if service in host.lost.get(number, ()):
                    return ProbeOutcome(request.target_id, OutcomeKind.STATUS, status=ROUTE_LOST)
                if number in host.unwell:
                    return ProbeOutcome(request.target_id, OutcomeKind.STATUS, status=503)
                return ProbeOutcome(request.target_id, OutcomeKind.OK, status=200)
        return ProbeOutcome(request.target_id, OutcomeKind.REFUSED)

    def recovery(self) -> recovery_surroundings.Surroundings:
        """The surroundings of a new invocation of the recovery function."""
        number = next(self._ids)
        return recovery_surroundings.Surroundings(
            clock=self.clock,
            new_id=lambda: f"id-{next(self._ids)}",
            invocation=f"recovery-{number}",
            probe=self._answer,
            profile=self._profile,
            page=self._page,
            stale_seconds=10.0,
            poll_seconds=1.0,
        )

    def found_bad(self, number: int, diagnosis: str = "dead", outcome: str = "refused") -> HealthEvent:
        """Leave what a health check leaves of a replica, and return the event it sends."""
        now = to_iso(self.clock.now())
        target_id = GatewayReplicaKey(GATEWAY, number).target_id
        found = {"verdict": "down", "diagnosis": diagnosis, "since": now, "outcome": outcome, "event_id": "event-1"}
        bad = BadPeriod.model_validate({**found, "last_tick": now})
        Target(bucket_of(target_id), target_id).update(actions=[Target.bad.set(bad)])
        said = {
            **found,
            "target_id": target_id,
            "kind": "gateway",
            "tick": now,
            "decided_at": now,
            "cures": True,
            "needs_host_signal": diagnosis == "hung",
            "severity": "page",
            "sentence": "found bad",
            "heartbeat": "stale",
            "mode": "auto",
        }
        return GatewayReplicaFailed.model_validate(said)

    def found_well(self, number: int) -> None:
        """A check finds it healthy again."""
        target_id = GatewayReplicaKey(GATEWAY, number).target_id
        Target(bucket_of(target_id), target_id).update(actions=[Target.bad.remove()])

    def fails(self, number: int, diagnosis: str = "dead", outcome: str = "refused") -> Reply:
        """A check finds it bad, and recovery hears of it."""
        return on_failure(self.found_bad(number, diagnosis, outcome), self.recovery())

    def kill(self, number: int) -> None:
        """End what runs as this replica, wherever that is."""
        for host in self.hosts.values():
            for each in host.launcher.living():
                if each.request.workload.endswith(f"/{number}"):
                    each.alive = False

    def serve(self, service: str, revision: int = 1, replicas: int = 1) -> None:
        """A controller publishes a service's routes."""
        urls = [f"http://10.1.0.{number}:9000" for number in range(1, replicas + 1)]
        publish(service, revision, urls[:1], gateway=GATEWAY)

    def view(self) -> GatewayView:
        """What `paramedic gateway show` shows."""
        rows = view.read_rows(GATEWAY)
        assert rows is not None
        return view.view_of(rows)

    def statuses(self) -> dict[int, str]:
        """Of each replica."""
        return {each.number: each.status for each in self.view().replicas}

    def replica(self, number: int) -> ReplicaView:
        """One replica, as people see it."""
        return next(each for each in self.view().replicas if each.number == number)

    def placed(self) -> dict[int, PlacedReplica]:
        """The rows of all placed replicas."""
        return {int(row.replica_num): row for row in read_placed(GATEWAY)}

    def living(self, host: str = "a") -> list[str]:
        """What runs there."""
        return sorted(each.request.workload for each in self.hosts[host].launcher.living())

    def _profile(self, name: str) -> LaunchPlan:
        if name not in self.hosts:
            raise UnknownProfileError(f"launcher profile {name!r} does not exist")
        return LaunchPlan(self.hosts[name].launcher, _request, 60.0)

    def _page(self, subject: str, text: str) -> bool:
        self.pages.append(f"{subject}: {text}")
        return True


def _request(workload: str, scope: str, epoch: int, key: str) -> Launch:
    return Launch(workload=workload, scope=scope, epoch=epoch, key=key, command=("fake",))
