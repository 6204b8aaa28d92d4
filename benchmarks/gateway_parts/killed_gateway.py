"""One of two gateway replicas is killed under traffic of clients that retry, and nobody touches anything.

The deployed stack launched both, keeps names of them in the embedded Route 53, and its own schedules do the rest. The
replica is struck right after a tick, when nobody looks for longest. The clients know both addresses and resolve no
names; for those that do, the time comes on top for which resolvers keep a record that was removed.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx

from benchmarks.gateway_parts.kept_gateway import DOMAIN, SERVICES, KeptGateway, kept_gateway
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import NeverAnsweredError
from benchmarks.gateway_parts.retrying_client import NOBODY, is_served, traffic
from benchmarks.gateway_parts.rows import GATEWAY
from benchmarks.report import Figures, at_most
from demo.schedule import wait_for_tick
from paramedic.health.verdict import Verdict
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.targets import Target, bucket_of

VICTIM = GatewayReplicaKey(GATEWAY, 1)
SUCCESSOR_EPOCH = 2
REPLICAS_OF_SERVICES = 2
HOSTS = [f"{service}.{DOMAIN}" for service in SERVICES]
PATIENCE_SECONDS = 300.0
LOOK_SECONDS = 0.1
BESIDE_SECONDS = 5.0
"""Of traffic before the kill, and after the last step."""

GOALS = {
    "killed_gateway_detected_seconds": at_most(75),
    "killed_gateway_out_of_dns_seconds": at_most(135),
    "killed_gateway_serving_seconds": at_most(200),
    "killed_gateway_failed_requests": at_most(0),
}


def measure(lab: Lab) -> Figures:
    """Seconds from the kill to each step; what clients saw meanwhile."""
    with ExitStack() as cleanup:
        upstreams = [each.address for each in cleanup.enter_context(lab.replicas(REPLICAS_OF_SERVICES))]
        gateway = cleanup.enter_context(kept_gateway(lab.new_folder("kept"), upstreams))
        urls = [gateway.url(number) for number in gateway.hosts]
        clients = cleanup.enter_context(traffic(urls, HOSTS))
        time.sleep(BESIDE_SECONDS)
        wait_for_tick(gateway.stage.stack)
        killed_at = gateway.kill(VICTIM)
        taken = _await_steps(_steps(gateway), killed_at)
        back = {"back_in_dns": lambda: gateway.hosts[VICTIM.number] in gateway.named()}
        taken = {**taken, **_await_steps(back, killed_at)}
        time.sleep(BESIDE_SECONDS)
        sent = clients.stop()
    print(f"  {sent.total()} requests: the other replica answered {sent[1]}, none {sent[NOBODY]}")
    return {
        **{f"killed_gateway_{step}_seconds": seconds for step, seconds in taken.items()},
        "killed_gateway_requests": sent.total(),
        "killed_gateway_requests_retried": sent[1],
        "killed_gateway_failed_requests": sent[NOBODY],
    }


def _steps(gateway: KeptGateway) -> Mapping[str, Callable[[], bool]]:
    host = gateway.hosts[VICTIM.number]
    return {
        "detected": _is_found_down,
        "relaunched": _is_relaunched,
        "serving": lambda: _is_recovered() and _serves_all(gateway.url(VICTIM.number)),
        "out_of_dns": lambda: host not in gateway.named(),
    }


def _await_steps(steps: Mapping[str, Callable[[], bool]], killed_at: datetime) -> Mapping[str, float]:
    """The seconds after the kill at which each was first seen done, in whatever order they came."""
    taken: dict[str, float] = {}
    while missing := steps.keys() - taken.keys():
        if _since(killed_at) > PATIENCE_SECONDS:
            raise NeverAnsweredError(f"not {missing} {PATIENCE_SECONDS:g} s after the kill; {taken}")
        for step in [each for each in steps if each in missing and steps[each]()]:
            taken[step] = round(_since(killed_at), 1)
            print(f"  {step.replace('_', ' ')} after {taken[step]:.1f} s", flush=True)
        time.sleep(LOOK_SECONDS)
    return taken


def _since(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()


def _is_found_down() -> bool:
    row = Target.read(bucket_of(VICTIM.target_id), VICTIM.target_id)
    return row is not None and row.bad is not None and row.bad.verdict == Verdict.DOWN


def _is_relaunched() -> bool:
    recovery = Recovery.read(VICTIM.target_id, SUCCESSOR_EPOCH)
    return recovery is not None and recovery.story.launched is not None


def _is_recovered() -> bool:
    """Its agent reports under the new epoch, and the stack's probes reach every route through it."""
    recovery = Recovery.read(VICTIM.target_id, SUCCESSOR_EPOCH)
    return recovery is not None and recovery.step == Step.DONE


def _serves_all(url: str) -> bool:
    with httpx.Client(trust_env=False) as http:
        return all(is_served(http, url, host) for host in HOSTS)
