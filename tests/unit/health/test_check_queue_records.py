"""Queue records and settings: what is malformed is named, and fails alone."""

import json
import logging
from typing import Any

import pytest

from paramedic.errors import InvalidInputError
from paramedic.health.check_messages import CheckMessage, DispatchRequest
from paramedic.health.check_settings import HealthCheckSettings
from paramedic.health.event_details import parse_cured_by_relaunch
from paramedic.health.transitions import DetailType
from paramedic.queue_records import handle_records
from paramedic.settings import InvalidSettingError
from paramedic.validation import validated, validated_json
from paramedic_cli.local.project import project_root

ENVIRONMENT = {"TABLE_PREFIX": "p-", "PROBE_FUNCTION_NAME": "probe", "EVENT_BUS_NAME": "bus"}
GOOD = '{"tick": "2026-11-22T11:15:00Z", "buckets": [0, 63]}'


def test_a_record_that_is_malformed_is_reported_and_the_others_are_handled(caplog: pytest.LogCaptureFixture) -> None:
    handled = []
    bodies = {"1": GOOD, "2": '{"tick": "2026-11-22T11:15:00Z", "buckets": [64]}', "3": GOOD}
    event = {"Records": [{"messageId": name, "body": body} for name, body in bodies.items()]}
    with caplog.at_level(logging.ERROR):
        answer = handle_records(event, lambda body: handled.append(validated_json(CheckMessage, body, "body")))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert len(handled) == 2
    assert "body.buckets.0" in caplog.text


@pytest.mark.parametrize("body", ["", "[]", '{"tick": "2026-11-22T11:15:00Z", "buckets": []}'], ids=str)
def test_a_message_without_buckets_is_refused(body: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^body"):
        validated_json(CheckMessage, body, "body")


def test_an_event_that_is_not_from_a_queue_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"event\.Records"):
        handle_records({}, lambda body: None)


def test_the_example_events_are_understood() -> None:
    bodies: list[str] = []
    handle_records(_example("health_check"), bodies.append)
    assert validated_json(CheckMessage, bodies[0], "body").buckets == (0, 1, 2)
    assert validated(DispatchRequest, _example("health_dispatch")).tick.minute == 15
    assert (
        parse_cured_by_relaunch(DetailType.CONTROLLER_FAILED, _example("controller_failed")["detail"]).target_id
        == "controller:demo"
    )


def test_settings_come_from_their_variables() -> None:
    settings = HealthCheckSettings.from_env(ENVIRONMENT | {"STALE_SECONDS": "12.5", "PATH": "/bin"})
    assert (settings.stale_seconds, settings.hung_after_seconds, settings.event_bus_name) == (12.5, 120.0, "bus")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(InvalidSettingError, match=r"PROBE_FUNCTION_NAME: is not set"):
        HealthCheckSettings.from_env({"TABLE_PREFIX": "p-", "EVENT_BUS_NAME": "bus"})


def test_a_malformed_variable_is_named_with_its_value() -> None:
    with pytest.raises(InvalidSettingError, match=r"STALE_SECONDS: .*'soon'"):
        HealthCheckSettings.from_env(ENVIRONMENT | {"STALE_SECONDS": "soon"})


@pytest.mark.parametrize("seconds", ["9.9", "30.1", "nan"])
def test_a_stale_period_covers_the_self_fence_lease_and_fits_into_one_invocation(seconds: str) -> None:
    with pytest.raises(InvalidSettingError, match="STALE_SECONDS"):
        HealthCheckSettings.from_env(ENVIRONMENT | {"STALE_SECONDS": seconds})


def _example(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((project_root() / "events" / f"{name}.json").read_text())
    return event
