"""People see whole lines, each once, however long the log is and whatever happens to it meanwhile."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from paramedic_cli.host.log_tail import BLOCK_BYTES, LONGEST_TAIL_BYTES, LogTail

LINES = st.lists(st.text(st.characters(exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", codec="utf-8")))


@given(before=LINES, after=LINES, last=st.integers(1, 5))
def test_the_last_lines_come_first_and_then_each_new_one_once(before: list[str], after: list[str], last: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes("".join(f"{line}\n" for line in before).encode())
        tail = LogTail(path, last)
        assert list(tail.new_lines()) == before[-last:]
        assert list(tail.new_lines()) == []
        with path.open("ab") as file:
            file.write("".join(f"{line}\n" for line in after).encode())
        assert list(tail.new_lines()) == after


def test_a_line_is_shown_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntw")
    tail = LogTail(path, 10)
    assert list(tail.new_lines()) == ["one"]
    with path.open("a") as file:
        file.write("o\n")
    assert list(tail.new_lines()) == ["two"]


def test_a_log_of_any_size_is_read_from_near_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as file:
        for number in range(200_000):
            file.write(f"{number:08d}\n")
    assert path.stat().st_size > 10 * BLOCK_BYTES
    assert list(LogTail(path, 3).new_lines()) == ["00199997", "00199998", "00199999"]
    assert len(list(LogTail(path, 20_000).new_lines())) == 20_000


def test_a_line_without_end_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * (2 * LONGEST_TAIL_BYTES) + b"\nlast\n")
    assert list(LogTail(path, 5).new_lines()) == ["last"]


def test_a_log_that_was_cut_short_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntwo\nthree\n")
    tail = LogTail(path, 10)
    list(tail.new_lines())
    path.write_text("new\n")
    assert list(tail.new_lines()) == ["new"]


def test_a_line_that_a_program_drew_over_and_over_is_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n10 %\r20 %\r30 %\n")
    assert list(LogTail(path, 1).new_lines()) == ["10 %\r20 %\r30 %"]
