"""The function `health_probe` as Lambda calls it."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from functions.health_probe.app import handler
from paramedic.errors import InvalidInputError
from paramedic.health.outcomes import OutcomeKind, ProbeBatch, ProbeReport

ROOT = Path(__file__).parents[2]


class LambdaContext:
    """What a function sees of its invocation."""

    def __init__(self, seconds_left: float = 30) -> None:
        self._seconds_left = seconds_left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds_left * 1000)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def event(url: str, **changes: object) -> dict[str, Any]:
    return {"targets": [{"target_id": "t", "url": url, "attempts": 1} | changes]}


def test_the_event_is_probed_and_the_answer_is_plain_json(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setenv("ALLOWED_CIDRS", "10.0.0.0/8, 127.0.0.0/8")
    answer = handler(event(f"http://127.0.0.1:{closed_port}/"), LambdaContext())
    report = ProbeReport.model_validate(json.loads(json.dumps(answer)))
    assert [outcome.kind for outcome in report.outcomes] == [OutcomeKind.REFUSED]


def test_nothing_private_is_probed_by_default(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.delenv("ALLOWED_CIDRS", raising=False)
    answer = handler(event(f"http://127.0.0.1:{closed_port}/"), LambdaContext())
    assert answer["outcomes"][0]["kind"] == "forbidden_address"


def test_an_invocation_nearly_over_answers_all_the_same(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setenv("ALLOWED_CIDRS", "127.0.0.0/8")
    answer = handler(event(f"http://127.0.0.1:{closed_port}/"), LambdaContext(seconds_left=1))
    assert answer["outcomes"][0]["kind"] == "not_probed"


def test_the_example_event_is_a_valid_batch() -> None:
    ProbeBatch.model_validate_json((ROOT / "events/health_probe.json").read_text())


@pytest.mark.parametrize(
    ("malformed", "field"),
    [
        ({}, "event.targets"),
        ([], "event"),
        (None, "event"),
        (event("http://a.example", attempts=9), "event.targets.0.attempts"),
        (event("http://a.example", timeout_seconds="soon"), "event.targets.0.timeout_seconds"),
        (event(""), "event.targets.0.url"),
        (event("http://a.example", retries=1), "event.targets.0.retries"),
    ],
)
def test_a_malformed_event_is_refused_by_field(malformed: object, field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        handler(malformed, LambdaContext())
    assert refusal.value.field == field


def test_a_malformed_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_CIDRS", "10.0.0.0/8,,")
    with pytest.raises(InvalidInputError, match="ALLOWED_CIDRS"):
        handler({"targets": []}, LambdaContext())
