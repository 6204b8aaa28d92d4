"""What on-call reads of recoveries, and the ladder of trust as it is typed."""

import json

import pytest
from typer.testing import CliRunner, Result

from paramedic.recovery import recoverer
from paramedic.state.targets import TargetMode
from paramedic_cli.main import app
from tests.fakes.recovery_world import TARGET, RecoveryWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


@pytest.fixture
def stack(table_prefix: str) -> str:
    return table_prefix.removesuffix("-")


def types(stack: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--stack", stack, *arguments])


def test_a_target_climbs_the_ladder_and_the_report_tells_what_was_done_on_each_rung(
    world: RecoveryWorld, stack: str
) -> None:
    assert "nothing since" in types(stack, "report", "--since", "2026-01-01T00:00:00Z").stdout
    assert "nothing is done" in types(stack, "target", "mode", TARGET, "observe").stdout
    world.first.alive = False
    recoverer.on_failure(world.found_bad(), world.around())
    assert types(stack, "target", "mode", TARGET, "ask").exit_code == 0
    event = world.found_bad()
    recoverer.on_failure(event, world.around())
    world.says("approve", plan=f"{event.since}/2", actor="grace", reason="looked at it")
    told = types(stack, "report", "--since", "2026-01-01T00:00:00Z")
    assert told.stdout.splitlines()[0] == TARGET
    assert "  would have: mode is observe; would have relaunched at 2026-01-05 03:00Z because" in told.stdout
    assert f"about plan {event.since}/2: grace approved it, and it was done as epoch 2" in told.stdout
    assert "by grace: epoch 2 done: healthy under epoch 2" in told.stdout
    document = json.loads(types(stack, "report", "--since", "2026-01-01T00:00:00Z", "--json").stdout)
    assert [len(document["targets"][0][kind]) for kind in ("observed", "asked", "done")] == [1, 1, 1]
    assert "auto" in types(stack, "target", "mode", TARGET, "auto").stdout
    assert world.target().mode == TargetMode.AUTO


def test_a_drill_window_is_set_taken_away_and_refused_by_name_when_it_is_none(world: RecoveryWorld, stack: str) -> None:
    assert "at 02:00-04:00 UTC" in types(stack, "target", "drill-window", TARGET, "02:00-04:00").stdout
    assert world.target().drill_window == "02:00-04:00"
    refused = types(stack, "target", "drill-window", TARGET, "nightly")
    assert (refused.exit_code, refused.stderr.startswith("error: WINDOW: must be")) == (2, True)
    assert world.target().drill_window == "02:00-04:00"
    assert "any time" in types(stack, "target", "drill-window", TARGET, "any").stdout
    assert not world.target().drill_window


def test_drills_by_themselves_are_scheduled_listed_refused_by_name_and_ended(world: RecoveryWorld, stack: str) -> None:
    assert "no target is drilled" in types(stack, "target", "drills").stdout
    every = ("target", "drill-every", TARGET)
    why = ("--reason", "so that it is known to work", "--actor", "ada")
    without_window = types(stack, *every, "30", *why)
    assert (without_window.exit_code, "has no drill window" in without_window.stderr) == (1, True)
    types(stack, "target", "drill-window", TARGET, "02:00-04:00")
    assert "at 02:00-04:00 UTC every 30 days, from" in types(stack, *every, "30", *why).stdout
    told = types(stack, "target", "drills").stdout
    assert told.startswith(f"{TARGET}: every 30 days by ada (so that it is known to work), due ")
    for odd in ("0", "400", "weekly"):
        refused = types(stack, *every, odd, *why)
        assert (refused.exit_code, refused.stderr.startswith("error: DAYS: must be a number")) == (2, True)
    assert "any more" in types(stack, *every, "never", *why).stdout
    assert "no target is drilled" in types(stack, "target", "drills").stdout


def test_the_history_is_read_step_by_step_and_by_programs(world: RecoveryWorld, stack: str) -> None:
    assert "was never recovered" in types(stack, "history", TARGET).stdout
    world.says("replace", reason="its host is to be rebooted")
    told = types(stack, "history", TARGET).stdout
    assert "epoch 2: done, opened by ada: its host is to be rebooted" in told
    assert "  launch: stopped: first is gone" in told
    assert json.loads(types(stack, "history", TARGET, "--json").stdout)["recoveries"][0]["epoch"] == 2


def test_who_looks_at_the_stack_sees_what_is_held_and_what_waits_for_a_yes(world: RecoveryWorld, stack: str) -> None:
    world.says("hold", target="everything", reason="moving the database")
    world.says("hold", reason="its disk")
    seen = types(stack, "status").stdout
    assert "the global switch is hold (ada: moving the database): nothing is recovered until" in seen
    assert "main: its own switch is hold (ada: its disk)" in seen


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((TARGET, "always"), 2, "always"),
        (("controller:nobody", "auto"), 1, "not registered"),
        (("shop", "auto"), 1, "no launcher profile"),
    ],
)
def test_a_mode_that_cannot_be_is_refused_and_nothing_changes(
    world: RecoveryWorld, stack: str, arguments: tuple[str, str], code: int, said: str
) -> None:
    types(stack, "target", "add", "shop", "https://shop.example")
    refused = types(stack, "target", "mode", *arguments)
    assert (refused.exit_code, said in refused.stderr) == (code, True), refused.output
    assert world.target().mode == TargetMode.AUTO
    assert types(stack, "target", "mode", "shop", "observe").exit_code == 0
