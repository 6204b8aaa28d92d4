"""What users type to stop services on purpose, for a while."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from paramedic.clock import SystemClock
from paramedic.services import verbs
from paramedic.services.spec import parse_spec
from paramedic.state import tables
from paramedic.state.claims import register
from paramedic.state.services import DesiredService, desired_item
from paramedic_cli.main import app

pytestmark = pytest.mark.integration

SPEC = {"name": "chat", "service": {"readiness_probe": "/", "replicas": 1}, "run": "true"}
NIGHTS = ("--stop", "0 20 * * *", "--start", "0 7 * * *", "--timezone", "Europe/Berlin")


@pytest.fixture
def stack(table_prefix: str, tmp_path: Path) -> str:
    """A stack with controller `main`, which is not running, and its service `chat`."""
    tables.bind(table_prefix)
    register("main", "127.0.0.1", 18080, "local", SystemClock())
    verbs.up("main", parse_spec(SPEC), "ada", clock=SystemClock(), new_id=lambda: "uid-1")
    return table_prefix.removesuffix("-")


def types(stack: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--stack", stack, *arguments])


def chat() -> DesiredService:
    row = DesiredService.read("main", desired_item("chat"))
    assert row is not None
    return row


def test_a_service_is_paused_with_a_reason_and_resumed(stack: str) -> None:
    result = types(stack, "pause", "chat", "--reason", "too dear", "--actor", "bob")
    assert (result.exit_code, chat().state, chat().pause_reason) == (0, "paused", "too dear (by bob)")
    assert "until `paramedic resume chat`" in result.stdout
    assert types(stack, "resume", "chat").exit_code == 0
    assert chat().state == "running"
    assert "is not paused" in types(stack, "resume", "chat").stdout


def test_a_pause_without_a_reason_is_refused(stack: str) -> None:
    assert types(stack, "pause", "chat").exit_code == 2
    assert chat().state == "running"


def test_nights_are_planned_shown_and_removed(stack: str) -> None:
    planned = types(stack, "downtime", "chat", *NIGHTS, "--actor", "ada")
    assert planned.exit_code == 0, planned.stderr
    shown = types(stack, "downtime", "chat").stdout
    assert "service chat of controller main: window 1: stop '0 20 * * *' start '0 7 * * *' Europe/Berlin" in shown
    assert "by ada" in shown
    assert " 07:00+0" in shown
    assert types(stack, "downtime", "chat", "--remove", "1").exit_code == 0
    assert types(stack, "downtime", "chat").stdout == "no downtime is planned\n"


def test_a_one_off_is_planned_for_a_controller_and_listed_with_all_others(stack: str) -> None:
    types(stack, "downtime", "chat", *NIGHTS)
    once = ("--from", "2099-01-01T20:00Z", "--until", "2099-01-01T23:00+01:00", "--reason", "new rack")
    result = types(stack, "downtime", "--controller", "main", *once, "--actor", "bob")
    line = (
        "controller main: window 1: once, next 2099-01-01 20:00+00:00 until 2099-01-01 22:00+00:00; by bob (new rack)"
    )
    assert result.stdout == f"{line}\n"
    every = types(stack, "downtime").stdout.splitlines()
    assert every[0] == line
    assert every[1].startswith("service chat of controller main: window 1: ")


def test_a_targets_nights_are_planned_by_its_id_listed_with_all_others_and_gone_with_it(stack: str) -> None:
    types(stack, "target", "add", "shop", "https://shop.example")
    types(stack, "downtime", "chat", *NIGHTS)
    planned = types(stack, "downtime", "url:shop", *NIGHTS, "--reason", "nobody buys", "--actor", "bob")
    line = "target url:shop: window 1: stop '0 20 * * *' start '0 7 * * *' Europe/Berlin, "
    assert planned.stdout.startswith(line), planned.stderr
    assert planned.stdout.endswith("; by bob (nobody buys)\n")
    assert [each.partition(":")[0] for each in types(stack, "downtime").stdout.splitlines()] == [
        "service chat of controller main",
        "target url",
    ]
    once = ("--from", "2099-01-01T20:00Z", "--until", "2099-01-01T23:00Z", "--reason", "new rack")
    assert "window 2: once" in types(stack, "downtime", "url:shop", *once).stdout
    assert types(stack, "downtime", "url:shop", "--remove", "1").exit_code == 0
    assert "window 2" in types(stack, "downtime", "url:shop").stdout
    types(stack, "target", "remove", "shop")
    assert "url:shop" not in types(stack, "downtime").stdout
    gone = types(stack, "downtime", "url:shop", *NIGHTS)
    assert (gone.exit_code, "target url:shop is not registered" in gone.stderr) == (1, True)


def test_a_controllers_target_id_means_the_controller(stack: str) -> None:
    assert "controller main: window 1" in types(stack, "downtime", "controller:main", *NIGHTS).stdout
    assert "controller main: window 1" in types(stack, "downtime", "--controller", "main").stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["chat", "--stop", "0 20 * * *", "--start", "0 7 * * *"], "--timezone TZ"),
        (["chat", "--from", "2099-01-01T20:00Z", "--until", "2099-01-01T21:00Z"], "--reason TEXT"),
        (["chat", *NIGHTS, "--remove", "1"], "one thing at a time"),
        (["chat", *NIGHTS, "--from", "2099-01-01T20:00Z"], "give all of one"),
        ([*NIGHTS], "name a SERVICE"),
        (["url:shop", "--controller", "main", *NIGHTS], "leave --controller out"),
        (
            ["chat", "--from", "2099-01-01T20:00", "--until", "2099-01-01T21:00Z", "--reason", "r"],
            "from: is not a time",
        ),
        (["chat", "--from", "tomorrow", "--until", "2099-01-01T21:00Z", "--reason", "r"], "from: is not a time"),
        (["chat", "--stop", "25 20 * * * *", "--start", "0 7 * * *", "--timezone", "UTC"], "stop: is not a cron"),
        (["chat", "--stop", "0 20 * * *", "--start", "0 99 * * *", "--timezone", "UTC"], "start: is not a cron"),
        (["chat", "--stop", "0 20 * * *", "--start", "0 7 * * *", "--timezone", "Berlin"], "timezone: is not an IANA"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_the_way_out(stack: str, arguments: list[str], named: str) -> None:
    result = types(stack, "downtime", *arguments)
    assert result.exit_code == 2
    assert named in result.stderr
    assert types(stack, "downtime").stdout == "no downtime is planned\n"


def test_planning_for_what_is_not_there_says_so(stack: str) -> None:
    result = types(stack, "downtime", "nosuch", *NIGHTS)
    assert (result.exit_code, "no service 'nosuch'" in result.stderr) == (1, True)
    result = types(stack, "downtime", "chat", "--remove", "7")
    assert (result.exit_code, "no window 7 is planned" in result.stderr) == (1, True)
