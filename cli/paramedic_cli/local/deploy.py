"""The real `sam build` and `sam deploy`, of the very template that users deploy, onto an embedded AWS."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from paramedic_cli.local.clients import client
from paramedic_cli.local.errors import SamFailedError
from paramedic_cli.local.project import project_root, sam_command, tool_path

_SOURCES = ("template.yaml", "layers", "functions")
_BUILDS_KEPT = 3
_ARTIFACT_BUCKET = "paramedic-local-artifacts"


class StackOutputs(BaseModel):
    """The deployed stack's outputs, one field for each that the template names."""

    model_config = ConfigDict(frozen=True, alias_generator=to_pascal, validate_by_name=True)

    table_prefix: str
    dispatch_function_name: str
    probe_function_name: str
    vpc_probe_function_name: str | None = None
    check_function_name: str
    recovery_function_name: str
    downtime_function_name: str
    gateway_reconcile_function_name: str
    event_bus_name: str
    check_queue_url: str
    check_dead_letter_queue_url: str
    recovery_queue_url: str
    recovery_dead_letter_queue_url: str
    undelivered_queue_url: str
    alert_topic_arn: str
    controller_policy_arn: str
    deployer_policy_arn: str
    dstack_policy_arn: str
    gateway_policy_arn: str
    on_call_policy_arn: str
    reader_policy_arn: str
    reporter_policy_arn: str


def build() -> Path:
    """The built template's path. What is built already from the very same sources is not built again."""
    root = project_root()
    builds = root / ".aws-sam/local"
    built = builds / _digest_of_sources(root)
    with _locked(builds):
        if not built.exists():
            unfinished = builds / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            _sam("build", "--template-file", str(root / "template.yaml"), "--build-dir", str(unfinished))
            unfinished.rename(built)
        os.utime(built)
        _drop_old_builds(builds)
    return built / "template.yaml"


def deploy(
    environment: Mapping[str, str], stack_name: str, parameters: Mapping[str, str] | None = None
) -> StackOutputs:
    """Build, create or update the stack where `environment` points, and return its outputs.

    Parameters that are not given keep the template's defaults or, in an update, what they were.
    """
    template = build()
    client("s3", environment).create_bucket(Bucket=_ARTIFACT_BUCKET)
    command = ["deploy", "--template-file", str(template), "--stack-name", stack_name]
    command += ["--s3-bucket", _ARTIFACT_BUCKET, "--capabilities", "CAPABILITY_IAM", "--no-progressbar"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    cloudformation = client("cloudformation", environment)
    try:
        with parameter_overrides(parameters or {}) as overrides:
            _sam(*command, *overrides, environment=environment)
    except SamFailedError as error:
        for reason in _failed_resources(cloudformation, stack_name):
            error.add_note(reason)
        raise
    outputs = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]["Outputs"]
    return StackOutputs.model_validate({output["OutputKey"]: output["OutputValue"] for output in outputs})


def _failed_resources(cloudformation: Any, stack_name: str) -> Iterator[str]:
    """Why resources failed, which sam prints far above the end of its output."""
    try:
        events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    except ClientError:  # it failed before there was a stack
        return
    for event in events:
        if event["ResourceStatus"].endswith("_FAILED"):
            yield f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"


@contextmanager
def parameter_overrides(parameters: Mapping[str, str]) -> Iterator[list[str]]:
    """Arguments from which sam reads back exactly these values.

    On the command line, sam cannot read a value that holds an escaped quote, as JSON may. From a file it can, but
    twice drops the backslash before every space and quote: so each gets the backslashes that it is going to lose.
    """
    if not parameters:
        yield []
        return
    escaped = {name: _escaped(_escaped(value)) for name, value in parameters.items()}
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(escaped, file)
        file.flush()
        yield ["--parameter-overrides", f"file://{file.name}"]


def _escaped(value: str) -> str:
    return re.sub(r"""([ "'])""", r"\\\1", value)


def _sam(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
    settings = {"PATH": tool_path(), "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}
    finished = subprocess.run(
        [str(sam_command()), *arguments],
        env={**surroundings, **(environment or {}), **settings},
        cwd=project_root(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise SamFailedError(f"sam {arguments[0]}", finished.returncode, finished.stdout)


def _digest_of_sources(root: Path) -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        top = root / source
        for path in sorted([top] if top.is_file() else top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(root)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process builds at a time; the others then find it built."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _drop_old_builds(builds: Path) -> None:
    newest_first = sorted((p for p in builds.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in newest_first[_BUILDS_KEPT:]:
        shutil.rmtree(old)
