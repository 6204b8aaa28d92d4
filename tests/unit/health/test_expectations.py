"""What an answer must be like, and how what it is not is told."""

import pytest
from pydantic import ValidationError

from paramedic.health.expectations import Answered, Expectations
from paramedic.health.outcomes import ProbeRequest

JSON = Answered(200, 0.1, b'{"status": "ok", "models": ["llama"], "queue": 0, "draining": false}', 30)


@pytest.mark.parametrize(
    ("status", "expected"),
    [((200,), {200}), (("2xx", 301), {200, 204, 301}), (("200-204",), {200, 204}), (("4xx",), {404})],
)
def test_statuses_are_codes_classes_and_ranges(status: tuple[int | str, ...], expected: set[int]) -> None:
    known = Expectations.model_validate({"status": status})
    assert {code for code in (200, 204, 301, 404, 500) if known.expects_status(code)} == expected


@pytest.mark.parametrize(
    ("wanted", "unmet"),
    [
        ({}, None),
        ({"body": ["llama"]}, None),
        ({"body": ["llama", "mixtral"]}, "its body does not contain 'mixtral'"),
        ({"json": ["status == 'ok'", "models[0]", "queue"]}, None),
        ({"json": ["status == 'ready'"]}, "status == 'ready' is false"),
        ({"json": ["models[?@ == 'mixtral']"]}, "models[?@ == 'mixtral'] is []"),
        ({"json": ["nosuch"]}, "nosuch is null"),
        ({"json": ["length(queue)"]}, "length(queue) cannot be evaluated"),
        ({"within_seconds": 0.2}, None),
        ({"within_seconds": 0.05}, "took 0.100 s, expected within 0.05 s"),
        ({"certificate_days": 30}, None),
        ({"certificate_days": 31}, "its certificate is valid for 30 days, expected 31 at least"),
    ],
)
def test_a_condition_holds_or_is_told(wanted: dict[str, object], unmet: str | None) -> None:
    found = Expectations.model_validate(wanted).unmet(JSON)
    assert found is None if unmet is None else unmet in str(found)


@pytest.mark.parametrize("body", [b"", b"ok", b"[" * 100_000])
def test_a_body_that_is_not_json_is_told(body: bytes) -> None:
    assert Expectations(json=("a",)).unmet(Answered(200, 0.1, body)) == "its body is not JSON"


def test_a_body_too_long_to_look_at_fails_its_conditions() -> None:
    assert "longer than" in str(Expectations(body=("x",)).unmet(Answered(200, 0.1, None)))


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"expect": {"status": ["2x"]}}, "expect.status.0"),
        ({"expect": {"status": []}}, "expect.status"),
        ({"expect": {"json": ["a["]}}, "is not JMESPath"),
        ({"expect": {"certificate_days": 10}}, "has no certificate"),
        ({"request": {"method": "HEAD"}, "expect": {"body": ["x"]}}, "not HEAD"),
        ({"request": {"method": "DELETE"}}, "request.method"),
        ({"request": {"headers": {"Host": "x"}}}, "set by the prober itself"),
        ({"request": {"headers": {"X": "a\r\nY: b"}}}, "request.headers.X"),
        ({"request": {"redirects": 6}}, "request.redirects"),
        ({"url": "tcp://a.example:1", "expect": {"status": [204]}}, "make no sense for tcp://"),
    ],
)
def test_a_request_nobody_can_make_is_refused_by_the_name_of_its_field(asked: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        ProbeRequest.model_validate({"target_id": "t", "url": "http://a.example", **asked})
