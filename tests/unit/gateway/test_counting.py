"""Reports: what vouches for which seconds, what is written, and what people are told."""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from paramedic.state.ring import RING_SECONDS
from paramedic.state.tables import StateUnreachableError
from paramedic.state.traffic_report import Standing
from paramedic_gateway.counting.counting import Circumstances, Counting
from paramedic_gateway.counting.log import AccessLog
from paramedic_gateway.counting.store import LedgerStore
from paramedic_gateway.counting.timescale import HostTime
from tests.fakes.clock import FakeClock
from tests.fakes.log import ListLog

UID = "a" * 32


class KeptReports:
    """What was reported, in order."""

    def __init__(self) -> None:
        self.counters: list[tuple[str, int, int]] = []
        self.standings: list[Standing] = []
        self.incarnations: list[str] = []
        self.is_gone = False

    def write_counter(self, service_uid: str, incarnation: str, total: int, ring: tuple[int, ...], until: int) -> None:
        if self.is_gone:
            raise StateUnreachableError("no answer")
        assert len(ring) == RING_SECONDS
        self.counters.append((service_uid, total, sum(ring)))

    def write_report(self, incarnation: str, standing: Standing) -> None:
        if self.is_gone:
            raise StateUnreachableError("no answer")
        self.incarnations.append(incarnation)
        self.standings.append(standing)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.boot_id = "boot-1"
        self.reopened = 0
        self.log = ListLog()
        self.reports = KeptReports()
        self.restarted()

    def restarted(self) -> None:
        self.access_log = AccessLog(self.folder / "access.log", self._reopen, self.log.warning)
        time = HostTime(self.clock, self.boot_id)
        self.counting = Counting(
            LedgerStore(self.folder / "ledger.json", time, self.log.warning),
            self.access_log,
            self.reports,
            time=time,
            out=self.log,
            services=lambda: {UID: "echo"},
            rotate_bytes=1 << 30,
        )

    def _reopen(self) -> None:
        self.reopened += 1

    @property
    def second(self) -> int:
        return int(self.clock.now().timestamp())

    def write(self, text: str) -> None:
        with (self.folder / "access.log").open("ab") as log:
            log.write(text.encode("latin-1"))

    def report(self, **log_failures: int) -> Standing:
        return self.report_knowing(log_failures or {"envoy": 0})

    def report_knowing(self, log_failures: Mapping[str, int] | None) -> Standing:
        self.clock.advance(2)
        self.counting.report(Circumstances({}, {}, log_failures))
        return self.reports.standings[-1]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_counter_is_written_only_when_it_changed_and_the_report_every_time(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\nE s1\n")
    world.report()
    world.report()
    world.restarted()
    world.report()
    assert [(uid, total) for uid, total, _ in world.reports.counters][:1] == [(UID, 1)]
    assert len(world.reports.counters) <= 2
    assert [each.sequence for each in world.reports.standings] == [1, 2, 3]
    assert len(set(world.reports.incarnations)) == 1


def test_a_second_is_vouched_for_once_it_is_over_and_its_lines_are_surely_written(world: World) -> None:
    started = world.second
    standing = world.report()
    assert (standing.covers_from, standing.covers_until) == (started, started + 1)


def test_requests_under_way_are_told_oldest_first_without_their_query(world: World) -> None:
    for number in range(150):
        world.write(f"S {world.second + number % 2} {UID} s{number} POST /v1/chat\n")
    world.write("E s0\n")
    standing = world.report()
    assert standing.unfinished_count == 149
    assert len(standing.unfinished_examples) == 100
    assert standing.unfinished_examples[0] == "POST /v1/chat of echo since 2026-01-05T03:00:00.000Z, id s10"


def test_a_health_check_or_a_trial_of_a_route_that_is_under_way_is_nobodys_unfinished_request(world: World) -> None:
    world.write(f"S {world.second} - s1 GET /.paramedic/route\nS {world.second} {UID} s2 GET /\n")
    assert world.report().unfinished_count == 1
    world.write("E s1\nE s2\n")
    assert world.report().unfinished_count == 0


def test_what_was_under_way_when_envoy_ended_is_over_and_said(world: World) -> None:
    world.write(
        f"S {world.second} {UID} s1 GET /\nS {world.second} {UID} s2 GE\n\nL\nS {world.second} {UID} s3 GET /\n"
    )
    assert world.report().unfinished_count == 1
    assert "2 requests were under way when Envoy ended" in world.log.warnings


def test_what_was_under_way_when_envoy_ended_on_a_full_disk_is_over_once_there_is_room(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\n")
    assert world.report().unfinished_count == 1
    log, aside = world.folder / "access.log", world.folder / "aside"
    log.rename(aside)
    log.symlink_to("/dev/full")
    world.access_log.begin_life()
    aside.rename(log)
    world.write(f"S {world.second} {UID} s2 GET /\nE s2\n")
    assert world.report().unfinished_count == 0
    world.write(f"S {world.second} {UID} s3 GET /\n")
    assert world.report().unfinished_count == 1


def test_a_log_that_envoy_could_not_write_makes_seconds_missing_not_empty(world: World) -> None:
    assert world.report().covers_from < world.second
    lost_at = world.second
    assert world.report(envoy=3).covers_from > lost_at
    later = world.report(envoy=3)
    assert later.covers_from <= lost_at + 3
    world.restarted()
    assert world.report(envoy=3).covers_from == later.covers_from
    assert len(world.log.warnings) == 1


def test_whether_all_was_logged_is_unknown_while_envoy_does_not_answer_and_no_loss_of_its_own(world: World) -> None:
    vouched_from = world.report(envoy=3).covers_from
    unknown = world.report_knowing(None)
    assert unknown.covers_from == unknown.covers_until
    assert world.report(envoy=3).covers_from == vouched_from


def test_a_new_envoy_counts_its_failures_from_zero_and_what_the_last_one_lost_is_not_known(world: World) -> None:
    world.report(old=3)
    replaced_at = world.second
    assert world.report(new=3).covers_from > replaced_at
    assert sum("could not write" in text for text in world.log.warnings) == 2
    beside = world.report(new=3, older=0)
    assert world.report(new=3, older=0).covers_from == beside.covers_from
    assert sum("could not write" in text for text in world.log.warnings) == 2


def test_an_envoy_that_came_and_went_between_two_reports_leaves_its_seconds_missing(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\n")
    for _ in range(2):
        world.access_log.begin_life()
    now = world.second
    standing = world.report(second=0)
    assert standing.covers_from > now


def test_requests_whose_end_may_be_lost_are_not_under_way_for_ever(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\n")
    assert world.report().unfinished_count == 1
    world.write(f"S {world.second} {UID} s2 GET /\n")
    assert world.report(envoy=1).unfinished_count == 0
    world.write(f"E s2\nS {world.second} {UID} s3 GET /\n")
    assert world.report(envoy=1).unfinished_count == 1
    assert world.reports.counters[-1][1] == 3


def test_a_log_that_somebody_cut_makes_seconds_missing_not_empty(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\nE s1\n")
    world.report()
    (world.folder / "access.log").write_bytes(b"")
    cut_at = world.second
    assert world.report().covers_from > cut_at
    world.write(f"S {world.second} {UID} s2 GET /\nE s2\n")
    world.report()
    assert world.reports.counters[-1][1] == 2


def test_a_log_that_somebody_removed_is_opened_anew(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\nE s1\n")
    world.report()
    (world.folder / "access.log").unlink()
    removed_at = world.second
    world.report()
    assert world.reopened == 1
    world.write("")
    assert world.report().covers_from > removed_at


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("seconds", [-3600, -90, -3, 3, 90, 3600])
def test_whoever_sets_the_time_of_day_takes_no_request_from_what_was_counted(
    world: World, seconds: int, restarts: bool
) -> None:
    for number in range(10):
        world.write(f"S {world.second} {UID} s{number} GET /\nE s{number}\n")
        world.clock.advance(1)
    world.report()
    world.write(f"S {world.second} {UID} unread GET /\nE unread\n")
    world.clock.jump(seconds)
    set_at = world.second
    if restarts:
        world.restarted()
    for number in range(10):
        world.write(f"S {world.second} {UID} t{number} GET /\nE t{number}\n")
        world.report()
    standings = world.reports.standings[1:]
    assert all(each.covers_from > set_at for each in standings)
    assert standings[-1].covers_until == world.second - 1
    totals = [total for _, total, _ in world.reports.counters]
    assert totals == sorted(totals)
    assert world.reports.counters[-1] == (UID, 21, 21)


def test_nothing_is_vouched_for_of_the_time_before_a_boot(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\nE s1\n")
    world.report()
    world.clock.jump(-30)
    world.boot_id = "boot-2"
    world.restarted()
    booted = world.second
    assert world.report().covers_from > booted
    assert world.report().covers_until == world.second - 1
    world.write(f"S {world.second} {UID} s2 GET /\nE s2\n")
    world.report()
    assert world.reports.counters[-1] == (UID, 2, 2)


def test_an_agent_that_stood_still_between_two_looks_at_its_clocks_moves_nothing() -> None:
    class StandingStill(FakeClock):
        def monotonic(self) -> float:
            self.advance(3)
            return super().monotonic()

    time = HostTime(StandingStill(), "boot-1")
    scale = time.scale()
    assert time.jump(scale) == 0
    assert time.jump(scale.model_copy(update={"offset": scale.offset + 7})) == pytest.approx(-4)


def test_an_outage_longer_than_the_ring_keeps_the_total(world: World) -> None:
    world.reports.is_gone = True
    for _ in range(RING_SECONDS):
        world.write(f"S {world.second} {UID} s{world.second} GET /\nE s{world.second}\n")
        world.clock.advance(2)
        world.counting.report(Circumstances({}, {}, {"envoy": 0}))
    world.reports.is_gone = False
    world.report()
    uid, total, in_ring = world.reports.counters[-1]
    assert (uid, total) == (UID, RING_SECONDS)
    assert in_ring < total
    assert len(world.log.warnings) == 1


def test_a_ledger_nobody_understands_is_put_aside_and_a_new_life_begins_at_the_logs_end(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\nE s1\n")
    world.report()
    (world.folder / "ledger.json").write_text('{"incarnation": "cut sh')
    world.restarted()
    standing = world.report()
    assert len(set(world.reports.incarnations)) == 2
    assert standing.covers_from >= world.second - 2
    assert len(world.reports.counters) == 1
    assert (world.folder / "ledger.broken").exists()


def test_paths_of_any_bytes_are_kept(world: World) -> None:
    world.write(f"S {world.second} {UID} s1 GET /\xff\x80\n")
    standing = world.report()
    assert "GET /\xff\x80 of echo" in standing.unfinished_examples[0]
    assert json.loads((world.folder / "ledger.json").read_text())["requests"]


def test_who_has_ended_is_not_waited_for(world: World) -> None:
    assert world.report().draining == {}
    world.counting.close()
    assert world.reports.standings[-1].draining is None


def test_figures_are_reported_only_once_they_are_on_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    world.report()
    reported = len(world.reports.standings)
    world.write(f"S {world.second} {UID} s1 GET /\nE s1\n")
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", no_space)
        world.report()
        assert "No space left on device" in world.counting.problems[0]
    assert (len(world.reports.standings), world.reports.counters) == (reported, [])
    world.report()
    assert [(uid, total) for uid, total, _ in world.reports.counters] == [(UID, 1)]
    assert world.counting.problems == []
