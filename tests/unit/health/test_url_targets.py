"""URLs that people have checked: what their YAML says, what is kept of it, and when they are due."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paramedic.errors import InvalidInputError
from paramedic.health.checked_target import asked_at, checked_target, is_due
from paramedic.health.outcomes import ProbeRequest
from paramedic.health.target_files import read_targets
from paramedic.health.url_targets import UrlTarget
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import BadPeriod, Target, TargetKind
from paramedic_cli.local.project import project_root

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def refused(tmp_path: Path, text: str) -> InvalidInputError:
    file = tmp_path / "targets.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInputError) as error:
        read_targets(file)
    return error.value


def test_what_is_read_from_the_example_is_what_the_prober_is_asked() -> None:
    written = [each.target for each in read_targets(project_root() / "examples/targets.yaml")]
    targets = {each.name: each for each in written if isinstance(each, UrlTarget)}
    for target in targets.values():
        assert checked_target(target.row()).request == target.probe_request()
    chat = checked_target(targets["chat"].row()).request
    assert chat is not None
    assert (chat.request.method, chat.expect.body, chat.expect.certificate_days) == ("POST", ("choices",), 14)


def test_a_plain_url_is_asked_like_any_other_and_its_row_stays_small() -> None:
    row = UrlTarget(name="shop", url="http://shop.example/").row()
    assert not row.asked
    assert checked_target(row).request == ProbeRequest(target_id="url:shop", url="http://shop.example/")


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("targets: [{name: A b, url: 'http://a.example'}]", "targets.0.name", "match pattern"),
        ("targets: [{name: a, url: 'ftp://a.example'}]", "url", "absolute"),
        ("targets: [{name: a, url: 'http://u:p@a.example'}]", "url", "credentials"),
        ("targets: [{name: a, url: 'tcp://a.example'}]", "url", "names no port"),
        ("targets: [{name: a, url: 'http://a.example', every_minutes: 2}]", "targets.0.every_minutes", "1, 5 or 15"),
        ("targets: [{name: a, url: 'http://a.example', fast: true, every_minutes: 5}]", "targets.0", "contradicts"),
        ("targets: [{name: a, url: 'http://a.example', expect: {json: ['a[']}}]", "targets.0.expect.json", "JMESPath"),
        ("targets: [{name: a, url: 'http://a.example', expct: {}}]", "targets.0.expct", "not permitted"),
        ("targets: [{name: a, url: 'http://a'}, {name: a, url: 'http://b'}]", "targets.yaml", "there twice: a"),
        (
            "targets: [{name: a, url: 'http://a', downtime: [{stop: '0 25 * * *', start: '0 7 * * *', timezone: Z}]}]",
            "targets.0.downtime",
            "0.timezone is not an IANA",
        ),
        (
            "targets: [{name: a, url: 'http://a', downtime: [{stop: '0 20 * * *', start: '0 7 * * *'}]}]",
            "targets.0.downtime.0.timezone",
            "required",
        ),
        (
            "targets: [{name: a, push: {silent_after_seconds: 60}, downtime: {stop: now}}]",
            "targets.0.downtime",
            "tuple",
        ),
        ("targets: {", "targets.yaml", "not YAML"),
        ("- a", "targets.yaml", "dictionary"),
    ],
)
def test_what_cannot_be_checked_is_refused_by_the_name_of_its_field(
    tmp_path: Path, text: str, field: str, words: str
) -> None:
    error = refused(tmp_path, text)
    assert field in error.field
    assert words in str(error)


def test_a_target_that_asks_for_more_than_a_row_should_hold_is_refused(tmp_path: Path) -> None:
    texts = ", ".join(f"'{number}{'t' * 1000}'" for number in range(70))
    error = refused(tmp_path, f"targets: [{{name: a, url: 'http://a.example', expect: {{body: [{texts}]}}}}]")
    assert "65536 may be" in str(error)
    error = refused(tmp_path, f"targets: [{{name: a, url: 'http://a.example/{'x' * 5000}'}}]")
    assert error.field.endswith("targets.0.url")


@pytest.mark.parametrize("asked", ["{", '{"expect": {"status": [7]}}', '{"request": {"method": "BREW"}}'])
def test_a_row_that_asks_for_nonsense_is_named_and_nobody_else_suffers(asked: str) -> None:
    row = UrlTarget(name="shop", url="http://shop.example/").row()
    row.asked = asked
    with pytest.raises(InvalidRowError, match=r"url:shop.*asked"):
        checked_target(row)


@pytest.mark.parametrize("every", [1, 5, 15])
def test_a_target_is_due_once_in_each_of_its_intervals_and_many_are_spread_over_it(every: int) -> None:
    rows = [
        UrlTarget.model_validate({"name": f"t{n}", "url": "http://a.example", "every_minutes": every}).row()
        for n in range(300)
    ]
    due = [[row for row in rows if is_due(row, NOON + timedelta(minutes=minute))] for minute in range(every)]
    assert sorted(row.target_id for some in due for row in some) == sorted(row.target_id for row in rows)
    assert all(len(some) < 3 * len(rows) / every for some in due)


def test_one_that_is_not_healthy_is_due_every_minute_and_asked_once_when_it_is_known_to_be_down() -> None:
    row = UrlTarget(name="shop", url="http://shop.example/", every_minutes=15).row()
    row.bad = BadPeriod(
        verdict="down",
        diagnosis="unreachable",
        since="2026-01-05T12:00:00Z",
        last_tick="2026-01-05T12:00:00Z",
        outcome="refused",
        event_id="e",
    )
    assert all(is_due(row, NOON + timedelta(minutes=minute)) for minute in range(15))
    request = checked_target(row).request
    assert request is not None
    assert request.attempts == 1


def found(verdict: str = "down", diagnosis: str = "unreachable") -> BadPeriod:
    tick = "2026-01-05T12:00:00Z"
    return BadPeriod(verdict=verdict, diagnosis=diagnosis, since=tick, last_tick=tick, outcome="timeout", event_id="e")


def times_of(row: Target) -> list[float]:
    checked = checked_target(row)
    requests = [asked_at(checked, NOON + timedelta(minutes=n)).request for n in range(10)]
    return [request.timeout_seconds for request in requests if request is not None]


def test_a_url_known_to_be_unreachable_is_asked_briefly_and_gets_its_whole_time_every_fifth_minute() -> None:
    row = UrlTarget(name="shop", url="http://shop.example/", timeout_seconds=7).row()
    row.bad = found()
    assert times_of(row) == [7, 1, 1, 1, 1, 7, 1, 1, 1, 1]
    quick = UrlTarget(name="quick", url="http://quick.example/", timeout_seconds=0.5).row()
    quick.bad = found()
    assert times_of(quick) == [0.5] * 10


@pytest.mark.parametrize("bad", [None, found(diagnosis="failing"), found("suspect", "suspect")])
def test_whatever_else_is_found_of_a_url_it_gets_its_whole_time(bad: BadPeriod | None) -> None:
    row = UrlTarget(name="shop", url="http://shop.example/", timeout_seconds=7).row()
    row.bad = bad
    assert times_of(row) == [7] * 10


def test_a_controller_that_is_down_always_gets_its_whole_time() -> None:
    row = Target(
        0, "controller:main", kind=TargetKind.CONTROLLER, url="http://a.example/", mode="auto", timeout_seconds=3
    )
    row.bad = found()
    assert times_of(row) == [3] * 10
