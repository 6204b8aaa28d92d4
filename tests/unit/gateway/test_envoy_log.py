"""Envoy's log about itself: never longer than it may be, whatever happens to the disk."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from paramedic_gateway.proxy import envoy_log
from paramedic_gateway.proxy.envoy_log import EnvoyLog
from tests.fakes.log import ListLog

LINE = b"[warning] Envoy refuses something and says so in many words\n"


@pytest.fixture
def envoy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[bytes]]:
    """Envoy's end of the log, which stays open."""
    monkeypatch.setattr(envoy_log, "LONGEST_BYTES", 10_000)
    monkeypatch.setattr(envoy_log, "KEPT_BYTES", 1_000)
    with (tmp_path / "envoy.log").open("ab", buffering=0) as end:
        yield end


@pytest.fixture
def said() -> ListLog:
    return ListLog()


@pytest.fixture
def log(tmp_path: Path, said: ListLog) -> EnvoyLog:
    return EnvoyLog(tmp_path / "envoy.log", tmp_path / "envoy.former.log", said.warning)


def test_a_log_that_envoy_keeps_writing_stays_short_and_its_end_readable(
    tmp_path: Path, envoy: IO[bytes], log: EnvoyLog
) -> None:
    for number in range(1000):
        envoy.write(str(number).encode() + b" " + LINE)
        log.cap()
        assert (tmp_path / "envoy.log").stat().st_size <= 10_000
    former, now = ((tmp_path / name).read_bytes() for name in ("envoy.former.log", "envoy.log"))
    assert len(former) <= 1_000
    lines = (former + now).splitlines(keepends=True)
    assert [line.partition(b" ")[2] for line in lines] == [LINE] * len(lines)
    numbers = [int(line.partition(b" ")[0]) for line in lines]
    assert numbers == list(range(numbers[0], 1000))


def test_a_log_of_decent_length_is_left_alone(tmp_path: Path, envoy: IO[bytes], log: EnvoyLog) -> None:
    envoy.write(LINE)
    log.cap()
    assert (tmp_path / "envoy.log").read_bytes() == LINE
    assert not (tmp_path / "envoy.former.log").exists()


def test_before_the_first_envoy_there_is_nothing_to_do(tmp_path: Path, said: ListLog) -> None:
    log = EnvoyLog(tmp_path / "none.log", tmp_path / "former", said.warning)
    log.cap()
    assert log.problem is None
    assert said.warnings == []


def test_on_a_full_disk_the_log_is_emptied_all_the_same(
    tmp_path: Path, envoy: IO[bytes], log: EnvoyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(envoy_log, "replace_file", full)
    envoy.write(LINE * 1000)
    log.cap()
    assert (tmp_path / "envoy.log").stat().st_size == 0


def test_a_log_that_cannot_be_emptied_is_a_problem_said_once(
    tmp_path: Path, envoy: IO[bytes], log: EnvoyLog, said: ListLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, length: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    envoy.write(LINE * 1000)
    with monkeypatch.context() as readonly:
        readonly.setattr("os.truncate", refuse)
        for _ in range(2):
            log.cap()
    assert said.warnings == [f"{tmp_path / 'envoy.log'} is too long and cannot be emptied: Read-only file system"]
    assert log.problem == said.warnings[0]
    log.cap()
    assert log.problem is None
