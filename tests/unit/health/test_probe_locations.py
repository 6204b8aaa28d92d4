"""Targets are probed from where their rows say; where a stack has no prober they are unknown, never down."""

import logging

import pytest

from paramedic.health.outcomes import OutcomeKind
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.targets import Target, TargetKind
from tests.fakes.check_world import TARGET, URL_TARGET, CheckWorld, FakeProber


@pytest.fixture
def world(memory_tables: None) -> CheckWorld:
    return CheckWorld()


def test_a_target_is_probed_from_the_location_of_its_row_and_from_no_other(world: CheckWorld) -> None:
    in_vpc = FakeProber()
    in_vpc.kinds[URL_TARGET] = OutcomeKind.REFUSED
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    world.probers[ProbeLocation.VPC] = in_vpc
    world.row(URL_TARGET).update(actions=[Target.probe_from.set("vpc")])
    assert world.check(0).down == 2
    in_vpc.kinds.clear()
    assert world.check(1).down == 1


@pytest.mark.parametrize("location", ["vpc", "mars"])
def test_what_is_to_be_probed_from_where_nobody_is_is_unknown_and_said_to_be_so(
    world: CheckWorld, location: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.row(URL_TARGET).update(actions=[Target.probe_from.set(location)])
    with caplog.at_level(logging.WARNING):
        summary = world.check(0)
    assert (summary.checked, summary.unknown, summary.down, summary.failed_invocations) == (2, 1, 0, 0)
    assert f"probed from '{location}', where this stack has no prober" in caplog.text
    assert world.bus.entries == []
    assert world.row(URL_TARGET).bad is None


def test_a_hundred_unknown_targets_are_one_line_with_ten_examples(
    world: CheckWorld, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        world.add(f"url:{number}", TargetKind.URL, probe_from="vpc", fast=True)
    with caplog.at_level(logging.WARNING):
        world.check(0.5, only=[f"url:{number}" for number in range(100)])
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("100 targets are unknown: ")
    assert line.count("no prober") == 10
