"""Who may start how: decided before a port is bound or a row is written."""

import pytest

from paramedic_controller.boot import Way, way_to_start

KEY = "controller:main/5"


@pytest.mark.parametrize(
    ("given", "launch_key", "current", "claimed", "way"),
    [
        (None, "", None, False, Way.FIRST_START),
        (1, "", None, False, Way.FIRST_START),
        (2, "", None, False, Way.NOT_AT_ALL),
        (5, KEY, 5, False, Way.GIVEN_EPOCH),
        (5, "", 5, False, Way.GIVEN_EPOCH),
        (None, "", 5, True, Way.BY_ITSELF),
        (None, "", 5, False, Way.BY_ITSELF),
        (5, "", 5, True, Way.BY_ITSELF),
        (4, "", 5, False, Way.BY_ITSELF),
        (6, "", 5, True, Way.NOT_AT_ALL),
    ],
)
def test_a_process_starts_by_itself_unless_its_epoch_is_free_or_from_elsewhere(
    given: int | None, launch_key: str, current: int | None, claimed: bool, way: Way
) -> None:
    assert way_to_start(given, launch_key, current, claimed=claimed) is way


@pytest.mark.parametrize(("given", "claimed"), [(5, True), (4, True), (4, False), (6, False)])
def test_what_a_recovery_launched_too_late_never_recovers_anybody(given: int, claimed: bool) -> None:
    assert way_to_start(given, KEY, 5, claimed=claimed) is Way.NOT_AT_ALL
