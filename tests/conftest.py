"""What tests share: an embedded DynamoDB, tables of one's own, and the whole deployed stack."""

import uuid
from collections.abc import Iterator

import boto3
import pytest
from hypothesis import settings

from paramedic.state import connection
from paramedic_cli.local.emulator import Emulator, start_emulator
from paramedic_cli.local.project import project_root
from paramedic_cli.local.stack import LocalStack, start
from paramedic_cli.local.template_tables import create_tables
from tests.fakes.waiting import PATIENCE_SECONDS

STACK = "stack"
"""The group of tests that share the deployed stack."""

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


# Before xdist reads the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep whatever needs the deployed stack on one worker: to deploy it takes half a minute of a processor."""
    for item in items:
        if "deployed_stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(STACK))


@pytest.fixture(scope="session", autouse=True)
def _a_busy_machine_is_no_outage() -> Iterator[None]:
    """Calls that tests make in their own process wait for an emulator that is short of a processor."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "CONNECT_TIMEOUT_SECONDS", PATIENCE_SECONDS)
        patched.setattr(connection, "READ_TIMEOUT_SECONDS", PATIENCE_SECONDS)
        yield


@pytest.fixture(autouse=True)
def _no_session_outlives_its_credentials() -> Iterator[None]:
    """The session that boto3 shares keeps the credentials it began with, and those are one test's."""
    yield
    boto3.DEFAULT_SESSION = None


@pytest.fixture(scope="session")
def dynamodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An embedded AWS without a stack, shared by the whole run; it dies with it, however the run ends."""
    with start_emulator(tmp_path_factory.mktemp("dynamodb")) as emulator:
        yield emulator


@pytest.fixture
def table_prefix(dynamodb: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """The prefix of the template's tables, created afresh for this test; the environment points at them."""
    prefix = f"t{uuid.uuid4().hex[:12]}-"
    create_tables(project_root() / "template.yaml", dynamodb.environment, prefix)
    for name, value in {**dynamodb.environment, "TABLE_PREFIX": prefix}.items():
        monkeypatch.setenv(name, value)
    return prefix


@pytest.fixture(scope="session")
def _one_worker_has_the_stack(request: pytest.FixtureRequest) -> None:
    """An xdist that loses the marks of groups says nothing, and every worker would deploy a stack of its own."""
    if getattr(request.config.option, "loadgroup", False):
        marked = [item for item in request.session.items if item.get_closest_marker("xdist_group") is not None]
        assert all(item.nodeid.endswith(f"@{STACK}") for item in marked), (
            "xdist lost the groups: see requirements/dev.in"
        )


@pytest.fixture(scope="session")
def deployed_stack(_one_worker_has_the_stack: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole stack, really built and deployed by sam, shared by the run.

    Its schedules are off, so that tests send the ticks; its times are short; loopback may be probed, also by the prober
    in a VPC, which the emulator knows by name only, and secrets named replicas/… be read. It has its dashboard, and
    its recovery may use the launchers of AWS.
    """
    parameters = {
        "AllowedCidrs": "127.0.0.0/8",
        "Ec2InstanceArns": "arn:aws:ec2:us-east-1:000000000000:instance/i-01234567",
        "Ec2LaunchTemplateArns": "arn:aws:ec2:us-east-1:000000000000:launch-template/lt-01234567",
        "Ec2PassRoleArns": "arn:aws:iam::000000000000:role/instances",
        "EcsClusterArns": "arn:aws:ecs:us-east-1:000000000000:cluster/models,arn:aws:ecs:*:*:cluster/others",
        "EcsPassRoleArns": "arn:aws:iam::000000000000:role/tasks",
        "EcsServiceArns": "arn:aws:ecs:us-east-1:000000000000:service/models/*",
        "EcsTaskDefinitionArns": "arn:aws:ecs:us-east-1:000000000000:task-definition/controller:*",
        "HungAfterSeconds": "5",
        "LauncherSecretArns": "arn:aws:secretsmanager:*:*:secret:launchers/*",
        "ReplicaSecretArns": "arn:aws:secretsmanager:*:*:secret:replicas/*",
        "ScheduleState": "DISABLED",
        "StaleSeconds": "10",
        "VpcSecurityGroupIds": "sg-12345678",
        "VpcSubnetIds": "subnet-12345678",
        "WithDashboard": "true",
    }
    with start(tmp_path_factory.mktemp("stack"), parameters=parameters) as stack:
        yield stack
