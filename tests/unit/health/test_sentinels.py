"""A prober whose own network fails says so; against real servers."""

import asyncio
import random
import socket
from collections.abc import Iterator, Sequence

import pytest

from paramedic.health.outcomes import OutcomeKind, ProbeBatch, ProbeOutcome, ProbeRequest
from paramedic.health.probe_settings import MOST_SENTINELS, ProbeSettings
from paramedic.health.sentinels import probe_beside_sentinels
from paramedic.settings import InvalidSettingError
from tests.fakes.probed_servers import LOOPBACK, OK, Behaviour, answering, hang, request, reset, serving

ERROR = answering(b"HTTP/1.1 503 Busy\r\n\r\n")


@pytest.fixture
def refusing() -> Iterator[str]:
    """A URL at which nobody listens, nor will."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}/"


def hanging(port: int, target_id: str = "hangs") -> ProbeRequest:
    return request(f"http://127.0.0.1:{port}/", timeout_seconds=0.1, target_id=target_id)


async def probe_beside(sentinels: Sequence[str], *targets: ProbeRequest) -> dict[str, ProbeOutcome]:
    batch = ProbeBatch(targets=targets)
    report = await probe_beside_sentinels(batch, sentinels, guard=LOOPBACK, rng=random.Random(1), budget_seconds=30)
    return {outcome.target_id: outcome for outcome in report.outcomes}


def test_timeouts_while_no_sentinel_answers_are_unknown_and_what_is_certain_stays(refusing: str) -> None:
    async def scenario() -> dict[str, ProbeOutcome]:
        async with serving(hang) as silent, serving(reset) as cut, serving(OK) as good, serving(ERROR) as bad:
            return await probe_beside(
                [refusing, "http://no-such-name.invalid/"],
                hanging(silent),
                request(f"http://127.0.0.1:{cut}/", target_id="cut"),
                request("http://another.invalid/", target_id="nameless"),
                request(refusing, target_id="refuses"),
                request(f"http://127.0.0.1:{good}/", target_id="good"),
                request(f"http://127.0.0.1:{bad}/", target_id="bad"),
            )

    outcomes = asyncio.run(scenario())
    assert {name: outcome.kind for name, outcome in outcomes.items()} == {
        "hangs": OutcomeKind.NOT_PROBED,
        "cut": OutcomeKind.NOT_PROBED,
        "nameless": OutcomeKind.NOT_PROBED,
        "refuses": OutcomeKind.REFUSED,
        "good": OutcomeKind.OK,
        "bad": OutcomeKind.STATUS,
    }
    assert "no sentinel answered" in outcomes["hangs"].detail
    assert "no answer within 0.1 s" in outcomes["hangs"].detail
    assert refusing in outcomes["hangs"].detail


@pytest.mark.parametrize("sentinel", [OK, ERROR], ids=["well", "failing, but there"])
def test_one_answer_of_a_sentinel_makes_a_timeout_count(sentinel: Behaviour, refusing: str) -> None:
    async def scenario() -> OutcomeKind:
        async with serving(sentinel) as port, serving(hang) as silent:
            return (await probe_beside([refusing, f"http://127.0.0.1:{port}/"], hanging(silent)))["hangs"].kind

    assert asyncio.run(scenario()) is OutcomeKind.TIMEOUT


def test_without_sentinels_a_timeout_counts() -> None:
    async def scenario() -> OutcomeKind:
        async with serving(hang) as silent:
            return (await probe_beside([], hanging(silent)))["hangs"].kind

    assert asyncio.run(scenario()) is OutcomeKind.TIMEOUT


@pytest.mark.parametrize(("timeouts", "asked"), [(0, 0), (3, 1)])
def test_a_sentinel_is_asked_once_for_a_batch_and_only_in_doubt(timeouts: int, asked: int, refusing: str) -> None:
    visits: list[int] = []

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(1)
        await OK(reader, writer)

    async def scenario() -> None:
        async with serving(visited) as port, serving(hang) as silent:
            silent_ones = [hanging(silent, f"t{number}") for number in range(timeouts)]
            await probe_beside([f"http://127.0.0.1:{port}/"], request(refusing, target_id="refuses"), *silent_ones)

    asyncio.run(scenario())
    assert len(visits) == asked


def test_the_sentinels_of_the_environment_are_taken() -> None:
    settings = ProbeSettings.from_env({"SENTINEL_URLS": "https://a.example/, tcp://10.0.0.1:53"})
    assert settings.sentinel_urls == ("https://a.example/", "tcp://10.0.0.1:53")


@pytest.mark.parametrize("urls", ["a.example", "https://a.example/,", ",".join(["http://a/"] * (MOST_SENTINELS + 1))])
def test_sentinels_that_cannot_be_asked_are_refused_by_name(urls: str) -> None:
    with pytest.raises(InvalidSettingError) as refusal:
        ProbeSettings.from_env({"SENTINEL_URLS": urls})
    assert refusal.value.field == "SENTINEL_URLS"
