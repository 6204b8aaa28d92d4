"""What users type to have URLs checked."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from paramedic.state import tables
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, bucket_of
from paramedic_cli.local.project import project_root
from paramedic_cli.main import app

pytestmark = pytest.mark.integration

EXAMPLE = str(project_root() / "examples/targets.yaml")


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


def test_a_target_that_nobody_registered_cannot_be_removed_or_tested(stack: str) -> None:
    for verb in ("remove", "test"):
        result = types(stack, verb, "nosuch")
        assert result.exit_code != 0
        assert "url:nosuch is not registered" in result.stderr
