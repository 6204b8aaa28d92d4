"""Where secrets are read from, and that nothing but the replica ever gets to see one."""

import json
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from paramedic.services.secrets import SecretSource
from paramedic_controller.secrets import MAX_BYTES, PATIENCE_SECONDS, SecretError, SecretReader
from tests.fakes.clock import FakeClock

VALUE = "s3cret"


def nobody(secret: str) -> str:
    raise SecretError(f"there is no {secret}")


def reader(
    folder: Path,
    environ: Mapping[str, str] | None = None,
    fetch: Callable[[str], str] = nobody,
    clock: FakeClock | None = None,
) -> SecretReader:
    return SecretReader(environ or {}, folder, fetch, clock or FakeClock())


def source(**place: Any) -> dict[str, SecretSource]:
    return {"TOKEN": SecretSource(**place)}


def refusal(read: SecretReader, sources: Mapping[str, SecretSource]) -> str:
    with pytest.raises(SecretError) as refused:
        read(sources)
    assert VALUE not in "".join(traceback.format_exception(refused.value))
    return str(refused.value)


def test_a_variable_of_the_controllers_that_is_meant_for_replicas_is_handed_out(tmp_path: Path) -> None:
    assert reader(tmp_path, {"PARAMEDIC_SECRET_HF": VALUE})(source(env="HF")) == {"TOKEN": VALUE}


def test_no_service_can_ask_for_the_controllers_own_credentials(tmp_path: Path) -> None:
    own = {"AWS_SECRET_ACCESS_KEY": VALUE}
    assert "PARAMEDIC_SECRET_AWS_SECRET_ACCESS_KEY is not set" in refusal(
        reader(tmp_path, own), source(env="AWS_SECRET_ACCESS_KEY")
    )


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    assert "is not set" in refusal(reader(tmp_path, {"PARAMEDIC_SECRET_HF": ""}), source(env="HF"))


@pytest.mark.parametrize("content", ["s3cret", "s3cret\n", "s3cret\r\n"])
def test_a_file_of_the_folder_is_handed_out_without_the_newline_that_editors_add(tmp_path: Path, content: str) -> None:
    (tmp_path / "hf").write_bytes(content.encode())
    assert reader(tmp_path)(source(file=str(tmp_path / "hf"))) == {"TOKEN": VALUE}


def test_a_file_is_read_anew_for_each_launch(tmp_path: Path) -> None:
    read, path = reader(tmp_path), tmp_path / "hf"
    path.write_text("old")
    assert read(source(file=str(path))) == {"TOKEN": "old"}
    path.write_text("new")
    assert read(source(file=str(path))) == {"TOKEN": "new"}


def test_a_file_elsewhere_is_not_handed_out_by_whatever_way(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "controller.env").write_text(VALUE)
    (folder / "link").symlink_to(tmp_path / "controller.env")
    for path in (tmp_path / "controller.env", folder / "../controller.env", folder / "link"):
        assert f"it is not in {folder}" in refusal(reader(folder), source(file=str(path)))


def test_files_behind_links_within_the_folder_are_handed_out(tmp_path: Path) -> None:
    """As Kubernetes mounts them."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data/hf").write_text(VALUE)
    (tmp_path / "hf").symlink_to("..data/hf")
    assert reader(tmp_path)(source(file=str(tmp_path / "hf"))) == {"TOKEN": VALUE}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b"s3cret\0", "NUL"),
        (b"s3cret\xff", "not UTF-8"),
        (b"s3cret" + b"x" * MAX_BYTES, "longer than"),
    ],
)
def test_a_file_that_makes_no_variable_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "hf").write_bytes(content)
    assert problem in refusal(reader(tmp_path), source(file=str(tmp_path / "hf")))


def test_a_file_that_is_missing_or_none_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nosuch", tmp_path):
        text = refusal(reader(tmp_path), source(file=str(path)))
        assert text == f"secret TOKEN cannot be had from file {path}: there is no such file"


def test_secrets_manager_is_asked_once_for_all_values_of_one_secret(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(secret: str) -> str:
        asked.append(secret)
        return json.dumps({"a": "1", "b": "2"})

    sources = {name: SecretSource(secretsmanager="prod/keys", key=name) for name in "ab"}
    assert reader(tmp_path, fetch=fetch)(sources) == {"a": "1", "b": "2"}
    assert asked == ["prod/keys"]


@pytest.mark.parametrize("text", ["s3cret", '{"other": "s3cret"}', '["s3cret"]', '{"hf": ["s3cret"]}', '"s3cret"'])
def test_a_secret_without_the_key_shows_nothing_of_what_it_holds(tmp_path: Path, text: str) -> None:
    sources = source(secretsmanager="prod/keys", key="hf")
    assert "Secrets Manager's prod/keys, key hf: it holds no JSON object" in refusal(
        reader(tmp_path, fetch=lambda _: text), sources
    )


def test_a_slow_secrets_manager_is_given_up_within_the_lease(tmp_path: Path) -> None:
    clock = FakeClock()

    def slow(_: str) -> str:
        clock.advance(PATIENCE_SECONDS)
        return VALUE

    sources = {name: SecretSource(secretsmanager=name) for name in ("a", "b")}
    assert "secret b cannot be had" in refusal(reader(tmp_path, fetch=slow, clock=clock), sources)
