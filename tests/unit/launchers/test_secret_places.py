"""Secrets of launchers' own: named by profiles, read when they are used."""

from pathlib import Path

import pytest

from paramedic.launchers.secret_places import SecretPlace, SecretUnreadableError


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    place = SecretPlace(file=tmp_path / "secret")
    for secret in ("one", "two"):
        (tmp_path / "secret").write_text(f"{secret}\n")
        assert place.read() == secret


@pytest.mark.parametrize("content", [None, b" \n", b"\xff"], ids=["missing", "empty", "binary"])
def test_a_secret_that_is_none_is_named_by_its_place(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecretUnreadableError, match=str(path)):
        SecretPlace(file=path).read()
