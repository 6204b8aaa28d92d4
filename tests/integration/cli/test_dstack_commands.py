"""What users type to have gateways of dstack kept as they desire."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from paramedic.gateways.dstack.stored import DesiredMeanwhileError, Noted, apply, read_desired, read_notes
from paramedic.state import tables
from paramedic.state.dstack_gateways import DESIRED, DstackGateway
from paramedic_cli.dstack.files import read_gateway
from paramedic_cli.main import app
from tests.fakes.clock import UnhurriedClock
from tests.fakes.dstack_server import DstackServer, dstack_server
from tests.fakes.dynamodb_faults import faults, reply_lost, silent
from tests.fakes.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.integration

CLOCK = UnhurriedClock()


@pytest.fixture
def stack(table_prefix: str) -> str:
    tables.bind(table_prefix)
    return table_prefix.removesuffix("-")


@pytest.fixture
def two() -> Iterator[tuple[DstackServer, DstackServer]]:
    with ExitStack() as opened:
        yield opened.enter_context(dstack_server("a")), opened.enter_context(dstack_server("b"))


def types(stack: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--stack", stack, "dstack", *arguments])


def reconciles(stack: str, file: Path) -> Result:
    """One pass, with the keys that lie beside the file."""
    return types(stack, "reconcile", "front", "--keys", str(file.parent))


def service(name: str, **changes: Any) -> dict[str, Any]:
    job = {"id": "j1", "app_port": 8000, "ssh_host": "root@127.0.0.1", "ssh_port": 9}
    return {"project": "main", "name": name, "id": "1", "domain": f"{name}.example", "replicas": [job], **changes}


@pytest.fixture
def written(tmp_path: Path, two: tuple[DstackServer, DstackServer]) -> Path:
    """The file of a gateway with both replicas and one service."""
    (tmp_path / "main.key").write_text("a key")
    return write(tmp_path / "front.yaml", two, [service("one")])


def write(path: Path, servers: tuple[DstackServer, ...], services: list[dict[str, Any]]) -> Path:
    gateway = {
        "type": "dstack-gateway",
        "name": "front",
        "replicas": [each.replica.model_dump() for each in servers],
        "projects": {"main": {"ssh_key": "main.key"}},
        "services": services,
    }
    path.write_text(yaml.safe_dump(gateway))
    return path


def test_what_is_applied_is_brought_about_once_and_told(
    stack: str, written: Path, two: tuple[DstackServer, DstackServer]
) -> None:
    assert types(stack, "apply", str(written)).stdout == "front is desired so: 1 services changed, 0 removed\n"
    before = types(stack, "status", "front").stdout
    assert "a: well: answers; 0 of 2 services registered" in before
    assert "a pass would register replica j1 of main/one" in before
    assert two[0].changes == []
    reconciled = reconciles(stack, written)
    assert (reconciled.exit_code, reconciled.stderr) == (0, "")
    assert "b: well: answers; 2 of 2 services registered" in reconciled.stdout
    assert [len(each.changes) for each in two] == [3, 3]
    noted = stored_notes()
    assert reconciles(stack, written).exit_code == 0
    assert [len(each.changes) for each in two] == [3, 3]
    assert stored_notes() == noted
    assert types(stack, "apply", str(written)).stdout == "front is desired so already\n"


def stored_notes() -> dict[str, int]:
    return {name: each.version for name, each in read_notes("front").items() if isinstance(each, Noted)}


def test_one_that_is_down_is_named_and_the_other_is_served(
    stack: str, tmp_path: Path, two: tuple[DstackServer, DstackServer]
) -> None:
    (tmp_path / "main.key").write_text("a key")
    with dstack_server("gone") as gone:
        pass
    file = write(tmp_path / "front.yaml", (gone, two[1]), [service("one")])
    types(stack, "apply", str(file))
    reconciled = reconciles(stack, file)
    assert reconciled.exit_code == 1
    assert "gone: down: neither its API nor its nginx takes connections; 0 of 2" in reconciled.stdout
    assert two[1].serves("one.example")


def test_what_serves_is_not_taken_away_for_a_successor_whose_key_cannot_be_read(
    stack: str, written: Path, two: tuple[DstackServer, DstackServer]
) -> None:
    types(stack, "apply", str(written))
    reconciles(stack, written)
    write(written, two, [service("one", id="2")])
    types(stack, "apply", str(written))
    (written.parent / "main.key").unlink()
    reconciled = reconciles(stack, written)
    assert reconciled.exit_code == 1
    assert "the key of project main" in reconciled.stdout
    assert [each.serves("one.example") for each in two] == [True, True]
    assert [len(each.changes) for each in two] == [3, 3]


def test_passes_go_on_with_what_is_desired_by_then_until_they_are_asked_to_end(
    stack: str, written: Path, two: tuple[DstackServer, DstackServer], tmp_path: Path
) -> None:
    types(stack, "apply", str(written))
    program = "from paramedic_cli.main import app; app()"
    told = tmp_path / "told"
    with told.open("w") as output:
        command = [sys.executable, "-c", program, "--stack", stack, "dstack", "reconcile", "front", "--every", "1"]
        command += ["--keys", str(written.parent)]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: all(each.serves("one.example") for each in two), "the first pass")
        types(stack, "apply", str(write(written, two, [service("two")])))
        eventually(lambda: all(each.serves("two.example") for each in two), "a pass with another service")
        eventually(lambda: not any(each.serves("one.example") for each in two), "the former one to leave")
        eventually(lambda: told.read_text().count("2 of 2 services registered") >= 4, "all of it to be told")
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
    assert "Traceback" not in told.read_text()


def test_figures_are_summed_and_a_missing_replica_is_no_zero(
    stack: str, tmp_path: Path, two: tuple[DstackServer, DstackServer]
) -> None:
    window = {"30": {"requests": 7, "request_time": 0.1}}
    two[0].figures = two[1].figures = [{"project_name": "main", "run_name": "one", "stats": window}]
    types(stack, "apply", str(write(tmp_path / "front.yaml", two, [service("one")])))
    assert types(stack, "stats", "front").stdout == "main/one: 14 in 30 s\n"
    with dstack_server("gone") as gone:
        pass
    types(stack, "apply", str(write(tmp_path / "front.yaml", (two[0], gone), [service("one")])))
    partial = types(stack, "stats", "front", "--json")
    assert partial.exit_code == 1
    told = json.loads(partial.stdout)
    assert (told["requests"], told["whole"], list(told["missing"])) == ({"main/one": {"30": 7}}, False, ["gone"])


def test_a_gateway_that_nobody_asked_for_is_an_error_that_says_how_to(stack: str) -> None:
    result = types(stack, "reconcile", "front")
    assert result.exit_code == 1
    assert "`paramedic dstack apply FILE` first" in result.stderr


def test_a_file_that_cannot_be_is_refused_with_its_field_and_nothing_is_written(stack: str, written: Path) -> None:
    written.write_text(written.read_text().replace("one.example", "one example"))
    result = types(stack, "apply", str(written))
    assert result.exit_code == 2
    assert "front.yaml.services.0.domain" in result.stderr
    assert DstackGateway.read("front", DESIRED) is None


@pytest.mark.parametrize("trouble", [reply_lost, silent])
def test_what_is_applied_in_trouble_is_applied_once(stack: str, written: Path, trouble: Any) -> None:
    wanted = read_gateway(written)
    with faults("TransactWriteItems", trouble):
        apply(wanted, "me", CLOCK)
    assert (read_desired("front").gateway, read_desired("front").revision) == (wanted, 1)


def test_hundreds_of_services_are_kept_and_leave(
    stack: str, tmp_path: Path, two: tuple[DstackServer, DstackServer]
) -> None:
    many = read_gateway(write(tmp_path / "front.yaml", two, [service(f"s{each}") for each in range(200)]))
    assert apply(many, "me", CLOCK).written == 200
    assert read_desired("front").gateway.by_key == many.by_key
    few = read_gateway(write(tmp_path / "front.yaml", two, [service("s1", id="2")]))
    applied = apply(few, "me", CLOCK)
    assert (applied.written, applied.removed) == (1, 199)
    assert read_desired("front").gateway == few


def test_a_change_of_somebody_else_meanwhile_is_not_written_over(
    stack: str, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = read_gateway(written)
    apply(wanted, "me", CLOCK)
    read = DstackGateway.read
    theirs = wanted.model_copy(update={"services": ()})
    mine = wanted.model_copy(update={"replicas": wanted.replicas[:1]})

    def read_and_be_overtaken(*key: Any) -> Any:
        row = read(*key)
        monkeypatch.setattr(DstackGateway, "read", read)
        apply(theirs, "somebody else", CLOCK)
        return row

    monkeypatch.setattr(DstackGateway, "read", read_and_be_overtaken)
    with pytest.raises(DesiredMeanwhileError):
        apply(mine, "me", CLOCK)
    assert read_desired("front").gateway == theirs
