"""What users type to have URLs checked."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner, Result

from paramedic.clock import SystemClock
from paramedic.downtime.stored import TargetSubject
from paramedic.downtime.windows import add_window, read_windows
from paramedic.state import tables
from paramedic.state.claims import register
from paramedic.state.downtime_windows import Recurring
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.reports import read_reports
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, bucket_of
from paramedic_cli.local.project import project_root
from paramedic_cli.main import app
from tests.fakes.dynamodb_faults import faults, reply_lost
from tests.fakes.targets import stored_controller_target

pytestmark = pytest.mark.integration

EXAMPLE = str(project_root() / "examples/targets.yaml")

SHOP = TargetSubject("url:shop")


@pytest.fixture
def stack(table_prefix: str) -> str:
    tables.bind(table_prefix)
    return table_prefix.removesuffix("-")


def types(stack: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--stack", stack, "target", *arguments])


def counted() -> int:
    return sum(int(row.targets) for row in TargetCount.read_all(COUNTS_BUCKET))


def shop() -> Target | None:
    return Target.read(bucket_of("url:shop"), "url:shop")


def test_a_url_is_added_shown_changed_and_removed(stack: str) -> None:
    assert "from the next minute" in types(stack, "add", "shop", "https://shop.example").stdout
    assert "https://shop.example" in types(stack, "list").stdout
    assert "in another way" in types(stack, "add", "shop", "https://shop.example/health").stdout
    assert types(stack, "remove", "shop").exit_code == 0
    assert (shop(), counted()) == (None, 0)
    assert "nothing is checked yet" in types(stack, "list").stdout


def test_a_file_may_be_applied_again_and_again(stack: str) -> None:
    first = types(stack, "add", "--file", EXAMPLE)
    assert first.exit_code == 0, first.stderr
    again = types(stack, "add", "--file", EXAMPLE)
    assert again.stdout.count("like that already") == counted() == len(first.stdout.splitlines())


def test_a_file_with_one_mistake_changes_nothing(stack: str, tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("targets: [{name: shop, url: 'http://a.example'}, {name: b, url: 'ftp://b.example'}]")
    result = types(stack, "add", "--file", str(file))
    assert result.exit_code != 0
    assert "url: is not an absolute" in result.stderr
    assert shop() is None


def test_what_was_found_of_a_target_outlives_its_change(stack: str) -> None:
    types(stack, "add", "shop", "https://shop.example")
    row = shop()
    assert row is not None
    row.update(actions=[Target.bad_version.set(7)])
    types(stack, "add", "shop", "https://shop.example/health", "--every-minutes", "5")
    changed = shop()
    assert changed is not None
    assert (changed.bad_version, changed.every_minutes) == (7, 5)


def test_a_target_becomes_fast_and_is_that_no_more_as_it_is_asked_for(stack: str) -> None:
    types(stack, "add", "shop", "https://shop.example", "--fast")
    assert "fast" in types(stack, "list").stdout
    assert "like that already" in types(stack, "add", "shop", "https://shop.example", "--fast").stdout
    assert "in another way" in types(stack, "add", "shop", "https://shop.example").stdout
    assert "1 min" in types(stack, "list").stdout
    refused = types(stack, "add", "shop", "https://shop.example", "--fast", "--every-minutes", "5")
    assert (refused.exit_code, "fast contradicts every_minutes 5" in refused.stderr) == (2, True)


def test_a_target_is_not_to_be_probed_from_where_the_stack_has_no_prober(stack: str, tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("targets: [{name: a, url: 'http://a'}, {name: shop, url: 'http://10.0.0.1', probe_from: vpc}]")
    refused = types(stack, "add", "--file", str(file))
    assert (refused.exit_code, counted()) == (2, 0)
    assert "url:shop.probe_from: is to be probed from 'vpc', where this stack has no prober; deploy" in refused.stderr
    refused = types(stack, "add", "shop", "http://10.0.0.1", "--probe-from", "mars")
    assert (refused.exit_code, "target.probe_from" in refused.stderr) == (2, True)


def test_the_windows_of_a_file_come_and_go_with_it_and_those_of_people_stay(stack: str, tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    nights = "downtime: [{stop: '0 20 * * *', start: '0 7 * * *', timezone: UTC, reason: nights}]"
    file.write_text(f"targets: [{{name: shop, url: 'http://a', {nights}}}]")
    added = types(stack, "add", "--file", str(file), "--actor", "ada")
    assert added.exit_code == 0, added.stderr
    by_hand = Recurring(stop="0 12 * * *", start="0 13 * * *", timezone="UTC")
    add_window(SHOP, by_hand, "bob", "lunch", SystemClock())
    assert [(each.owner, each.reason) for each in read_windows(SHOP)] == [("ada", "nights"), ("bob", "lunch")]
    assert "healthy; downtime from " in " ".join(types(stack, "list").stdout.split())
    assert "like that already" in types(stack, "add", "--file", str(file)).stdout
    with faults("TransactWriteItems", reply_lost):
        assert "in another way" in types(stack, "add", "shop", "http://a").stdout
    assert [each.owner for each in read_windows(SHOP)] == ["bob"]
    row = shop()
    assert row is not None
    now = SystemClock().now()
    period = PlannedPeriod(since=now, until=now + timedelta(hours=1), reason="new [rack]")
    row.update(actions=[Target.downtime.set(period)])
    assert "in planned downtime until" in " ".join(types(stack, "list").stdout.split())


def test_a_file_with_one_malformed_window_changes_nothing(stack: str, tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(
        "targets: [{name: a, url: 'http://a'}, {name: shop, url: 'http://b', downtime: "
        "[{stop: '0 25 * * *', start: '0 7 * * *', timezone: UTC}]}]"
    )
    refused = types(stack, "add", "--file", str(file))
    assert (refused.exit_code, counted()) == (2, 0)
    assert "targets.1.downtime" in refused.stderr


def test_a_target_that_nobody_registered_cannot_be_removed_or_tested(stack: str) -> None:
    for verb in ("remove", "test"):
        result = types(stack, verb, "nosuch")
        assert result.exit_code != 0
        assert "target nosuch is not registered" in result.stderr


def test_a_target_that_reports_is_added_heard_and_removed_with_its_reports(stack: str) -> None:
    assert "is not registered" in types(stack, "report", "backup").stderr
    assert types(stack, "add", "backup", "--push", "--silent-after", "3600").exit_code == 0
    assert "healthy, not heard yet" in types(stack, "list").stdout
    assert types(stack, "report", "backup", "--failing", "disk [red]full[/red]").exit_code == 0
    failing = types(stack, "test", "backup")
    assert (failing.exit_code, failing.stdout) == (1, "push:backup: failed: disk [red]full[/red]\n")
    assert types(stack, "report", "backup").exit_code == 0
    assert types(stack, "test", "backup").exit_code == 0
    listed = types(stack, "list").stdout
    assert "healthy, heard" in listed
    assert types(stack, "remove", "backup").exit_code == 0
    assert (read_reports(["push:backup"]), counted()) == ({}, 0)
    assert types(stack, "report", "backup").exit_code == 1


def test_what_was_reported_of_a_removed_target_is_not_held_against_the_next_of_its_name(stack: str) -> None:
    for silence in ("60", "120"):
        types(stack, "add", "backup", "--push", "--silent-after", silence)
    assert types(stack, "report", "backup", "--failing", "full").exit_code == 0
    types(stack, "remove", "backup")
    types(stack, "add", "backup", "--push", "--silent-after", "60")
    assert types(stack, "test", "backup").exit_code == 0


def test_a_name_that_two_kinds_have_is_asked_for_by_its_whole_id(stack: str) -> None:
    types(stack, "add", "shop", "https://shop.example")
    types(stack, "add", "shop", "--push", "--silent-after", "60")
    assert "say url:shop or push:shop" in types(stack, "remove", "shop").stderr
    assert types(stack, "remove", "push:shop").exit_code == 0
    assert shop() is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "b", "--push"), "--silent-after"),
        (("add", "b", "--push", "--silent-after", "59"), "target.push.silent_after_seconds"),
        (("add", "b", "--silent-after", "60"), "--push"),
        (("add", "b", "http://b.example", "--push", "--silent-after", "60"), "give NAME and URL"),
        (("report", "b", "--failing", "two\nlines"), "printable"),
        (("report", "b", "--failing", "x" * 201), "200"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    stack: str, arguments: tuple[str, ...], words: str
) -> None:
    result = types(stack, *arguments)
    assert result.exit_code != 0
    assert words in result.stderr
    assert counted() == 0


def test_the_host_of_a_controller_is_asked_as_a_file_says_and_no_more_when_it_says_so(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the stack allows is CloudFormation's to say, which these tables have none of.
    monkeypatch.setattr("paramedic_cli.reachable_hosts._allowed", lambda _: ["arn:aws:ec2:r:1:instance/i-01234567"])
    register("main", "127.0.0.1", 18080, "local", SystemClock())
    file = tmp_path / "targets.yaml"
    asked = "{instance: i-01234567, check: tcp, port: 1}"
    for written, stored in ((f", host_check: {asked}", True), ("", False)):
        file.write_text(f"targets: [{{controller: main{written}}}]")
        result = types(stack, "add", "--file", str(file))
        assert result.exit_code == 0, result.stderr
        assert bool(stored_controller_target("main").on_host) is stored
    file.write_text(f"targets: [{{controller: nobody, host_check: {asked}}}]")
    assert "controller:nobody is not registered" in types(stack, "add", "--file", str(file)).stderr
    file.write_text(f"targets: [{{name: b, ssm: {asked.replace('67', '68')}}}]")
    assert "is not among the stack's HostCheckInstanceArns" in types(stack, "add", "--file", str(file)).stderr


def test_the_documented_call_of_the_aws_cli_is_a_report(stack: str) -> None:
    types(stack, "add", "backup", "--push", "--silent-after", "60")
    documented = (project_root() / "docs/targets.md").read_text()
    (condition,) = re.findall("--condition-expression '(.*?)'", documented)
    (well,) = re.findall("--update-expression '(.*?)'", documented)
    (failing,) = re.findall("With `(SET .*?)`", documented)
    now = {":now": {"S": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}}
    for expression, values, code in ((failing, {**now, ":why": {"S": "disk full"}}, 1), (well, now, 0)):
        boto3.client("dynamodb").update_item(
            TableName=f"{stack}-reports",
            Key={"target_id": {"S": "push:backup"}},
            ConditionExpression=condition,
            UpdateExpression=expression,
            ExpressionAttributeValues=values,
        )
        assert types(stack, "test", "backup").exit_code == code


def test_a_row_that_nobody_understands_is_named_and_hides_no_other_target(stack: str) -> None:
    types(stack, "add", "shop", "https://shop.example")
    types(stack, "add", "spoilt", "https://spoilt.example")
    Target(bucket_of("url:spoilt"), "url:spoilt").update(actions=[Target.min_reader.set(7)])
    listed = types(stack, "list")
    assert "url:shop" in listed.stdout
    assert "url:spoilt].min_reader" in listed.stderr
    register("main", "127.0.0.1", 18080, "local", SystemClock())
    status = CliRunner().invoke(app, ["--stack", stack, "status"])
    assert status.exit_code == 0, status.stderr
    assert "main" in status.stdout
    assert "url:spoilt].min_reader" in " ".join(status.stdout.split())
