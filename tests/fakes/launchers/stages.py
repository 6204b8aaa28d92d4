"""A launcher with all it talks to, and the ways in which a test lets things happen to both."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from paramedic.launchers.ec2.making import make_ec2_launcher
from paramedic.launchers.ec2.profile import Ec2Profile
from paramedic.launchers.ecs.making import make_ecs_launcher
from paramedic.launchers.ecs.profile import EcsProfile
from paramedic.launchers.interface import Launch, Launcher, LauncherError
from paramedic.launchers.kubernetes.making import make_kubernetes_launcher
from paramedic.launchers.kubernetes.profile import KubernetesProfile
from paramedic.launchers.process import procfs
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.process.spawning import SpawnPlan, scope_markers, spawn_session
from paramedic.launchers.profiles import parse_profiles
from paramedic.launchers.webhook.making import make_webhook_launcher
from paramedic.launchers.webhook.profile import WebhookProfile
from paramedic.state.receipt import Receipt
from tests.fakes.clock import FakeClock
from tests.fakes.launchers import ec2, ecs, kubernetes, webhook
from tests.fakes.launchers.aws import client_of
from tests.fakes.launchers.ssm import UNIT, SsmHost
from tests.fakes.launchers.trouble import Line

SCOPE = "controller:main"

_ECS = {"launcher": "ecs", "cluster": ecs.CLUSTER, "container": ecs.CONTAINER}
_ECS_TASK = _ECS | {"task": {"task_definition": "controller:7", "launch_type": "FARGATE"}}
_ECS_SERVICE = _ECS | {"service": {"name": ecs.SERVICE, "task_definition": ecs.BASE}}
_ECS_WAYS = {"ecs-task": (_ECS_TASK, "run_task"), "ecs-service": (_ECS_SERVICE, "update_service")}
_SSM: dict[str, dict[str, Any]] = {
    "ssm-command": {"command": ["sleep", "600"]},
    "ssm-unit": {"unit": UNIT, "manager": "user"},
}
_EC2 = {"launcher": "ec2", "shares_with": []}
_KUBERNETES = {
    "launcher": "kubernetes",
    "server": "https://cluster.example",
    "namespace": kubernetes.NAMESPACE,
    "container": kubernetes.CONTAINER,
}


def request_for(epoch: int, key: str | None = None) -> Launch:
    """A launch of the controller `main`."""
    named = {"workload": SCOPE, "scope": SCOPE, "epoch": epoch, "key": key or f"{SCOPE}/{epoch}"}
    environment = {"PARAMEDIC_CONTROLLER_ID": "main"}
    return Launch.model_validate({**named, "command": ("sleep", "600"), "environment": environment})


@dataclass
class Stage:
    """`losing` is the call whose lost reply leaves a launch in doubt; `end` lets all workloads end by themselves."""

    launcher: Launcher
    backend: Any
    living: Callable[[], Sequence[object]]
    end: Callable[[], None]
    lose_reply: Callable[[], None]
    line: Line | None = None
    clock: FakeClock = field(default_factory=FakeClock)

    def launch(self, epoch: int, key: str | None = None) -> Receipt:
        """Launch, a while after whatever was before."""
        self.clock.advance(60)
        return self.launcher.launch(request_for(epoch, key))

    def stop(self, receipt: Receipt, epoch: int = 9) -> str:
        """Stop, and say how sure that is."""
        return str(self.launcher.stop(receipt, epoch=epoch, grace_seconds=0).outcome)


def _profile[P](kind: type[P], fields: dict[str, Any]) -> P:
    profile = parse_profiles(json.dumps({"main": fields}))["main"]
    assert isinstance(profile, kind)
    return profile


def _waiting_for(settle: Callable[[], None]) -> FakeClock:
    clock = FakeClock()
    clock.on_sleep = settle
    return clock


def ecs_stage(fields: dict[str, Any], losing: str) -> Stage:
    """Of launcher `ecs`, in one of its two ways."""
    line, clock = Line(), FakeClock()
    backend = ecs.EcsBackend(clock)
    clock.on_sleep = backend.settle
    launcher = make_ecs_launcher(_profile(EcsProfile, fields), client_of("ecs", backend, line), clock)

    def end() -> None:
        backend.service["desiredCount"] = 0
        for task in backend.tasks.values():
            task |= {"desiredStatus": "STOPPED", "lastStatus": "STOPPED"}

    return Stage(launcher, backend, backend.living, end, lambda: line.losing.add(losing), line, clock)


def ec2_stage(fields: dict[str, Any], losing: str) -> Stage:
    """Of launcher `ec2`, in one of its two ways."""
    line, clock = Line(), FakeClock()
    backend = ec2.Ec2Backend(clock)
    clock.on_sleep = backend.settle
    launcher = make_ec2_launcher(_profile(Ec2Profile, _EC2 | fields), client_of("ec2", backend, line), clock)

    def end() -> None:
        for instance in backend.living():
            instance["State"] = {"Name": "stopped"}

    return Stage(launcher, backend, backend.living, end, lambda: line.losing.add(losing), line, clock)


def kubernetes_stage(fields: dict[str, Any], losing: str, token: Path) -> Stage:
    """Of launcher `kubernetes`, in one of its two ways."""
    line = Line()
    backend = kubernetes.ClusterBackend(line)
    clock = _waiting_for(backend.settle)
    profile = _profile(KubernetesProfile, _KUBERNETES | {"token": {"file": str(token)}} | fields)
    headers = {"Authorization": f"Bearer {profile.token.read()}"}
    client = httpx.Client(transport=httpx.MockTransport(backend), base_url=profile.server, headers=headers)
    launcher = make_kubernetes_launcher(profile, client, clock)
    return Stage(launcher, backend, backend.living, backend.end, lambda: line.losing.add(losing), line, clock)


def webhook_stage(secret: Path, *, slow: bool) -> Stage:
    """Of launcher `webhook`, with an endpoint that accepts and takes a while, or one that does it at once."""
    line, clock = Line(), FakeClock()
    backend = webhook.EndpointBackend(clock, line)
    backend.slow = slow
    clock.on_sleep = backend.settle
    fields = {"launcher": "webhook", "url": webhook.URL, "secret": {"file": str(secret)}}
    launcher = make_webhook_launcher(_profile(WebhookProfile, fields), clock, httpx.MockTransport(backend))

    def end() -> None:
        for each in backend.started.values():
            each["state"] = "absent"

    return Stage(launcher, backend, backend.living, end, lambda: line.losing.add("launch"), line, clock)


def process_stage(host_dir: Path) -> Stage:
    """Of launcher `process`, with real processes of this host."""
    losing: list[bool] = []

    def spawn(plan: SpawnPlan) -> int:
        pid = spawn_session(plan)
        if losing:
            losing.clear()
            raise LauncherError("nobody hears of it")
        return pid

    def living() -> list[procfs.ProcessStat]:
        return list(procfs.all_marked(scope_markers(SCOPE, host_dir)))

    def end() -> None:
        for stat in living():
            os.kill(stat.pid, signal.SIGKILL)
            os.waitpid(stat.pid, 0)

    launcher = ProcessLauncher(host_dir, spawn=spawn)
    return Stage(launcher, None, living, end, lambda: losing.append(True))


def ssm_stage(fields: dict[str, Any], host_dir: Path) -> Stage:
    """Of launcher `ssm`, in one of its two ways, with real processes of this host."""
    host = SsmHost(host_dir, host_dir / "systemd")

    def lose_replies() -> None:
        # It asks again by the key: only a host that stays silent leaves a launch in doubt.
        host.hosts.losing = 2

    return Stage(host.launcher(**fields), host, host.living, host.end, lose_replies, clock=host.clock)


def make_stage(name: str, host_dir: Path, secret: Path) -> Stage:
    """The stage called `name`, one of `STAGES`; `secret` is a file for a secret."""
    match name:
        case "ssm-command" | "ssm-unit":
            return ssm_stage(_SSM[name], host_dir)
        case "process":
            return process_stage(host_dir)
        case "ecs-task" | "ecs-service":
            return ecs_stage(*_ECS_WAYS[name])
        case "ec2-start":
            return ec2_stage({"instance": ec2.INSTANCE}, "start_instances")
        case "ec2-replace":
            return ec2_stage({"replace": {"id": ec2.TEMPLATE, "version": 4}}, "run_instances")
        case "kubernetes-deployment":
            secret.write_text("t0ken\n")
            return kubernetes_stage({"deployment": kubernetes.DEPLOYMENT}, "PATCH deployments", secret)
        case "kubernetes-job":
            secret.write_text("t0ken\n")
            return kubernetes_stage({"job_from": kubernetes.CRONJOB}, "POST jobs", secret)
        case _:
            secret.write_text(webhook.SECRET)
            return webhook_stage(secret, slow=name == "webhook-slow")


CLOUDS = (
    "ecs-task",
    "ecs-service",
    "ec2-start",
    "ec2-replace",
    "kubernetes-deployment",
    "kubernetes-job",
    "webhook-slow",
    "webhook",
)
STAGES = ("process", "ssm-command", "ssm-unit", *CLOUDS)
