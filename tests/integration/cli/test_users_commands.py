"""What users and on-call type, against a real DynamoDB interface."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from paramedic.clock import SystemClock
from paramedic.launchers.process.host import this_host
from paramedic.services import changes
from paramedic.state import tables
from paramedic.state.claims import register
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import Replica
from paramedic.state.services import DesiredService, desired_item
from paramedic.state.targets import BadPeriod, Target, bucket_of, controller_target_id
from paramedic_cli.commands import failed_controller
from paramedic_cli.fleet import Fleet
from paramedic_cli.main import app
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

SERVICE = """
name: echo
service:
  readiness_probe: /health
  replicas: 2
run: python server.py
"""


class Person:
    """Somebody at a terminal who has named the stack."""

    def __init__(self, stack: str, folder: Path) -> None:
        self.stack = stack
        self.service_file = folder / "service.yaml"
        self.service_file.write_text(SERVICE)

    def types(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, self.arguments(*arguments))

    def arguments(self, *arguments: str) -> list[str]:
        return ["--stack", self.stack, *arguments]

    def sees(self) -> Fleet:
        return Fleet.model_validate_json(self.types("status", "--json").stdout)


@pytest.fixture
def person(table_prefix: str, tmp_path: Path) -> Person:
    tables.bind(table_prefix)
    return Person(table_prefix.removesuffix("-"), tmp_path)


@pytest.fixture
def controller(person: Person) -> str:
    register("main", "127.0.0.1", 18080, "local", SystemClock())
    return "main"


def test_a_service_is_wanted_from_the_only_controller_there_is(person: Person, controller: str) -> None:
    result = person.types("up", str(person.service_file))
    assert result.exit_code == 0, result.stderr
    assert "controller main" in result.stdout
    assert "echo" in person.types("status").stdout


def judge_down(controller_id: str) -> None:
    target_id = controller_target_id(controller_id)
    period = BadPeriod(verdict="down", diagnosis="dead", since="t", last_tick="t", outcome="refused", event_id="e")
    Target(bucket_of(target_id), target_id).update(actions=[Target.bad.set(period)])


RECOVERY = "recover controller:main --reason 'service echo waits for it'"


def test_while_the_controller_is_down_a_request_is_stored_and_the_way_to_recover_is_told(
    person: Person, controller: str
) -> None:
    judge_down(controller)
    result = person.types("up", str(person.service_file))
    assert (result.exit_code, revision_of("echo")) == (0, 1)
    assert "CONTROLLER_FAILED: controller main has failed (dead). The request is stored" in result.stderr
    assert RECOVERY in result.stderr
    assert "Recover it now?" not in result.stderr
    [watched] = person.sees().watched
    assert [service.status for service in watched.controller.services] == ["CONTROLLER_FAILED"]
    for arguments in (("scale", "echo", "--replicas", "3"), ("restart", "echo"), ("down", "echo")):
        assert RECOVERY in person.types(*arguments).stderr


def test_somebody_at_a_terminal_is_asked_whether_to_recover_now(
    person: Person, controller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_down(controller)
    monkeypatch.setattr(failed_controller, "at_a_terminal", lambda: True)
    declined = CliRunner().invoke(app, person.arguments("up", str(person.service_file)), input="n\n")
    assert (declined.exit_code, "Recover it now?" in declined.stderr) == (0, True)
    agreed = CliRunner().invoke(app, person.arguments("restart", "echo"), input="y\n")
    assert agreed.exit_code == 1
    assert f"{person.stack}-recovery" in agreed.stderr
    assert revision_of("echo") == 2


def test_the_same_service_twice_is_refused_with_the_way_out(person: Person, controller: str) -> None:
    person.types("up", str(person.service_file))
    result = person.types("up", str(person.service_file))
    assert result.exit_code == 1
    assert "take it down first" in result.stderr
    assert "paramedic update" in result.stderr


def test_a_service_without_any_controller_is_refused_with_the_way_out(person: Person) -> None:
    result = person.types("up", str(person.service_file))
    assert result.exit_code == 1
    assert "paramedic local controller" in result.stderr


def test_with_several_controllers_one_must_be_named(person: Person, controller: str) -> None:
    register("second", "127.0.0.1", 18081, "local", SystemClock())
    result = person.types("up", str(person.service_file))
    assert result.exit_code == 2
    assert "--controller" in result.stderr
    assert "main, second" in result.stderr
    assert person.types("up", str(person.service_file), "--controller", "second").exit_code == 0


def test_a_service_that_is_taken_down_is_shown_as_going(person: Person, controller: str) -> None:
    person.types("up", str(person.service_file))
    assert person.types("down", "echo", "--actor", "alice").exit_code == 0
    assert person.types("down", "echo").exit_code == 0


def test_taking_down_what_is_not_there_says_so(person: Person, controller: str) -> None:
    result = person.types("down", "nosuch")
    assert result.exit_code == 1
    assert "no service 'nosuch'" in result.stderr


def test_status_as_json_holds_what_the_tables_say(person: Person, controller: str) -> None:
    person.types("up", str(person.service_file))
    [watched] = person.sees().watched
    assert watched.controller.controller_id == "main"
    assert [service.name for service in watched.controller.services] == ["echo"]


def test_a_stack_that_does_not_exist_is_named_as_the_likely_mistake(table_prefix: str) -> None:
    result = CliRunner().invoke(app, ["--stack", "misspelt", "status"])
    assert result.exit_code == 1
    assert "check --stack" in result.stderr


def test_a_recovery_function_that_is_not_deployed_is_reported_with_a_remedy(table_prefix: str) -> None:
    result = CliRunner().invoke(app, ["--stack", "misspelt", "recover", "controller:main", "--reason", "r"])
    assert result.exit_code == 1
    assert "check --stack" in result.stderr


def test_a_change_is_asked_for_by_its_command(person: Person, controller: str) -> None:
    person.types("up", str(person.service_file))
    result = person.types("restart", "echo", "--actor", "grace")
    assert result.exit_code == 0, result.stderr
    assert "version 2 (revision 2)" in result.stdout
    assert person.types("update", str(person.service_file), "--mode", "blue_green").exit_code == 0
    assert "version 4 (revision 4)" in person.types("scale", "echo", "--replicas", "3").stdout
    [watched] = person.sees().watched
    [service] = watched.controller.services
    assert (service.version, service.progress.outcome) == (4, "pending")


def test_a_move_is_asked_for_by_its_command_and_shown_until_it_is_made(person: Person, controller: str) -> None:
    register("second", "127.0.0.1", 18081, "local", SystemClock())
    person.types("up", str(person.service_file), "--controller", "main")
    result = person.types("move", "echo", "--controller", "main", "--to", "second", "--actor", "grace")
    assert result.exit_code == 0, result.stderr
    assert "controller main is to hand service echo over to controller second" in result.stdout
    assert "echo: is to be handed over by controller main to controller second" in person.types("status").stdout
    assert "stays with" in person.types("move", "echo", "--controller", "main", "--to", "main").stdout
    assert "handed over" not in person.types("status").stdout


def test_numbers_that_the_service_does_not_have_are_refused_with_those_it_has(person: Person, controller: str) -> None:
    person.types("up", str(person.service_file))
    result = person.types("scale", "echo", "--max", "3")
    assert result.exit_code == 2
    assert "--replicas" in result.stderr
    result = person.types("scale", "echo", "--replicas", "0")
    assert result.exit_code == 2
    assert "service.replica_policy" in result.stderr
    assert person.sees().watched[0].controller.services[0].revision == 1


def test_who_waits_is_told_that_somebody_else_was_faster(person: Person, controller: str) -> None:
    person.types("up", str(person.service_file))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(person.types, "restart", "echo", "--wait", "--actor", "ada")
        eventually(lambda: revision_of("echo") == 2, "the first change")
        changes.restart("main", "echo", "grace", clock=SystemClock())
        result = waiting.result()
    assert result.exit_code == 1
    assert "superseded by revision 3 by grace" in result.stdout


def revision_of(service: str) -> int:
    desired = DesiredService.read("main", desired_item(service))
    return int(desired.revision) if desired is not None else 0


def wrote(person: Person, tmp_path: Path, text: str, *, host: str | None = None) -> Path:
    """A replica of `echo` that wrote `text`."""
    person.types("up", str(person.service_file))
    desired = DesiredService.read("main", desired_item("echo"))
    assert desired is not None
    log = tmp_path / "replica.log"
    log.write_text(text)
    receipt = Receipt(
        launcher="process",
        workload="w",
        key="k",
        epoch=1,
        identity={"host": host or this_host().name},
        log_file=str(log),
    )
    row = Replica(
        desired.uid, 4, version=1, url="http://h:1", status="ready", operation="k", launched_at="2026-01-05T03:00:00Z"
    )
    row.receipt = receipt
    row.save()
    return log


def test_what_replicas_wrote_is_shown_on_their_host(person: Person, controller: str, tmp_path: Path) -> None:
    wrote(person, tmp_path, "one\ntwo\nthree\n")
    result = person.types("logs", "echo", "--lines", "2")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "4: two\n4: three\n"


def test_logs_that_are_elsewhere_are_said_to_be_there(person: Person, controller: str, tmp_path: Path) -> None:
    log = wrote(person, tmp_path, "one\n", host="another")
    result = person.types("logs", "echo")
    assert result.exit_code == 1
    assert f"{log} on host another" in result.stderr


def test_a_replica_that_is_not_there_has_no_logs(person: Person, controller: str, tmp_path: Path) -> None:
    wrote(person, tmp_path, "one\n")
    result = person.types("logs", "echo", "--replica", "9")
    assert result.exit_code == 1
    assert "no replica 9" in result.stderr
