"""Each command under each policy that people are given, as the embedded AWS enforces it: done, or refused clearly."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner, Result

from paramedic.clock import SystemClock
from paramedic.state import connection, tables
from paramedic.state.claims import register
from paramedic.state.controllers import HEARTBEAT, STANDBY, ControllerHeartbeat
from paramedic.state.target_registry import remove_target
from paramedic.state.targets import Target, bucket_of, controller_target_id
from paramedic_cli.local.stack import LocalStack
from paramedic_cli.main import app
from tests.fakes.backup import take_backup
from tests.fakes.targets import bad_target

pytestmark = pytest.mark.e2e

WHY = ("--reason", "test", "--actor", "ada")
SAID_BY_CONTROLLERS = ({"S": HEARTBEAT}, {"S": STANDBY})
WRITTEN = ("controllers", "incidents", "recoveries", "reports", "services", "targets")


@dataclass(frozen=True)
class Person:
    """Somebody with one policy, and what there is in the stack to try it on."""

    stack: str
    controller: str
    folder: Path

    @property
    def target(self) -> str:
        """The controller's target."""
        return controller_target_id(self.controller)

    def types(self, *arguments: str) -> Result:
        """What came of a command."""
        boto3.DEFAULT_SESSION = None
        return CliRunner().invoke(app, ["--stack", self.stack, *arguments])

    def looks(self) -> Sequence[Sequence[str]]:
        """Commands that change nothing."""
        return (
            ("status",),
            ("history", self.target),
            ("report",),
            ("target", "list"),
            ("target", "drills"),
            ("downtime",),
        )

    def sets(self) -> Sequence[Sequence[str]]:
        """What on-call sets beforehand."""
        return (
            ("target", "add", self.controller, "http://127.0.0.1:1/"),
            ("target", "mode", self.target, "ask"),
            ("target", "drill-window", self.target, "02:00-04:00"),
            ("target", "drill-every", self.target, "30", *WHY),
        )

    def undoes(self) -> Sequence[Sequence[str]]:
        """The end of that."""
        url = f"url:{self.controller}"
        once = ("--from", "2030-01-01T00:00Z", "--until", "2030-01-01T01:00Z", "--reason", "test")
        return (
            ("target", "drill-every", self.target, "never", *WHY),
            ("downtime", url, *once),
            ("downtime", url, "--remove", "1"),
            ("target", "remove", self.controller),
        )

    def acts(self) -> Sequence[Sequence[str]]:
        """What is asked of the deployed function, which refuses it while the target is held."""
        return (
            *((verb, self.target, *WHY) for verb in ("recover", "replace", "force", "drill", "acknowledge")),
            ("approve", self.target, *WHY, "--plan", "2026-01-05T03:00:00.000Z/2"),
        )

    def deploys(self) -> Sequence[Sequence[str]]:
        """What decides which code runs."""
        name, its = self.controller, ("--controller", self.controller)
        file = self.folder / "service.yaml"
        file.write_text(f"name: {name}\nservice:\n  readiness_probe: /\n  replicas: 1\nrun: 'true'\n")
        return (
            ("up", str(file), *its),
            ("update", str(file), *its),
            ("scale", name, "--replicas", "2", *its),
            ("restart", name, *its),
            ("pause", name, "--reason", "test", *its),
            ("resume", name, *its),
            ("downtime", name, "--stop", "0 20 * * *", "--start", "0 7 * * *", "--timezone", "UTC", *its),
            ("down", name, *its),
        )


@contextmanager
def acting(stack: LocalStack, environment: Mapping[str, str]) -> Iterator[None]:
    """Everything in this process is done with these keys."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        # What is denied stays denied: it need not be tried for a while.
        monkeypatch.setattr(connection, "RETRY_SECONDS", 0.0)
        tables.bind(stack.outputs.table_prefix)
        yield


@contextmanager
def under(stack: LocalStack, policy_arn: str) -> Iterator[None]:
    """Commands are given under this policy and no other."""
    with acting(stack, stack.environment_under(f"person-{uuid.uuid4().hex[:8]}", policy_arn)):
        yield


def backup(stack: LocalStack, *names: str) -> object:
    """What is in these tables but for what controllers of other tests, which live on, say of themselves."""
    with acting(stack, stack.environment):
        tables_now = take_backup(names)
    return {
        name: [row for row in rows if row.get("item") not in SAID_BY_CONTROLLERS] for name, rows in tables_now.items()
    }


@pytest.fixture
def person(deployed_stack: LocalStack, tmp_path: Path) -> Iterator[Person]:
    """With a controller that is known to be dead, so that nobody watches its heartbeat for long."""
    made = Person(deployed_stack.outputs.table_prefix.removesuffix("-"), f"c{uuid.uuid4().hex[:8]}", tmp_path)
    with acting(deployed_stack, deployed_stack.environment):
        clock = SystemClock()
        register(made.controller, "127.0.0.1", 18080, "local", clock)
        ControllerHeartbeat(made.controller, HEARTBEAT, sealed_epoch=1, sequence=1).save()
        found = bad_target(made.target, clock.now(), bucket=bucket_of(made.target)).bad
        assert found is not None
        dead = found.model_copy(update={"diagnosis": "dead", "heartbeat_sequence": 1})
        Target(bucket_of(made.target), made.target).update(actions=[Target.bad.set(dead)])
    yield made
    with acting(deployed_stack, deployed_stack.environment):
        remove_target(made.target, SystemClock())


def is_done(person: Person, commands: Sequence[Sequence[str]]) -> None:
    for command in commands:
        done = person.types(*command)
        assert done.exit_code == 0, (command, done.output)


def is_refused(person: Person, commands: Sequence[Sequence[str]], policy: str) -> None:
    for command in commands:
        refused = person.types(*command)
        assert refused.exit_code == 1, (command, refused.output)
        assert refused.stderr.startswith("error: "), (command, refused.output)
        assert "AccessDenied" in refused.stderr, (command, refused.output)
        assert policy in refused.stderr, (command, refused.output)


def test_a_reader_sees_everything_and_changes_nothing(deployed_stack: LocalStack, person: Person) -> None:
    before = backup(deployed_stack, *WRITTEN)
    with under(deployed_stack, deployed_stack.outputs.reader_policy_arn):
        is_done(person, person.looks())
        is_refused(person, [*person.acts(), *person.sets()], "OnCallPolicyArn")
        is_refused(person, person.deploys()[:1], "DeployerPolicyArn")
    assert backup(deployed_stack, *WRITTEN) == before


def test_on_call_acts_on_what_is_watched_and_decides_nothing_about_what_runs(
    deployed_stack: LocalStack, person: Person
) -> None:
    before = backup(deployed_stack, "controllers", "services")
    with under(deployed_stack, deployed_stack.outputs.on_call_policy_arn):
        is_done(person, [*person.looks(), *person.sets(), *person.undoes(), ("hold", person.target, *WHY)])
        for command in person.acts():
            told = person.types(*command)
            assert (told.exit_code, told.stderr) == (1, ""), (command, told.output)
            assert any(word in told.stdout for word in ("own switch is hold (ada: test)", "not blocked", "nobody was"))
        is_done(person, [("release", person.target, *WHY)])
        is_refused(person, person.deploys()[:1], "DeployerPolicyArn")
    assert backup(deployed_stack, "controllers", "services") == before


def test_a_deployer_decides_what_runs_and_acts_on_nothing_that_is_watched(
    deployed_stack: LocalStack, person: Person
) -> None:
    before = backup(deployed_stack, "incidents", "recoveries", "targets")
    with under(deployed_stack, deployed_stack.outputs.deployer_policy_arn):
        is_done(person, person.deploys())
        is_refused(person, [*person.acts(), *person.sets()], "OnCallPolicyArn")
        is_refused(person, [("history", person.target), ("report",)], "ReaderPolicyArn")
    assert backup(deployed_stack, "incidents", "recoveries", "targets") == before
