"""Requests that an endpoint can trust, and answers that are not trusted further than they go."""

from pathlib import Path

import httpx
import pytest

from paramedic.launchers.interface import KeyAlreadyUsedError, LauncherError, RunState
from tests.fakes.launchers import webhook
from tests.fakes.launchers.stages import SCOPE, Stage, make_stage, request_for


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return make_stage("webhook-slow", tmp_path, tmp_path / "secret")


def verdict(stage: Stage, request: httpx.Request, *, later: float = 0, body: str | None = None) -> bool:
    """What an endpoint that has seen nothing yet says to a request."""
    verified = webhook.documented_verifier()
    return ask(verified, stage, request, later=later, body=body)


def ask(verified: object, stage: Stage, request: httpx.Request, *, later: float = 0, body: str | None = None) -> bool:
    assert callable(verified)
    path, now = request.url.raw_path.decode(), stage.clock.now().timestamp() + later
    text = request.content.decode() if body is None else body
    return bool(verified(webhook.SECRET, request.method, path, request.headers, text, now))


def test_a_launch_is_verified_as_documented_and_carries_its_key(stage: Stage) -> None:
    receipt = stage.launch(3)
    launch = stage.backend.requests[0]
    assert launch.headers["idempotency-key"] == receipt.key
    assert verdict(stage, launch)
    assert not verdict(stage, launch, body=launch.content.decode().replace('"epoch": 3', '"epoch": 4'))
    assert not verdict(stage, launch, later=301)


def test_a_request_that_is_replayed_is_refused_and_one_that_is_made_again_is_not(stage: Stage) -> None:
    verified = webhook.documented_verifier()
    stage.launch(3)
    first = stage.backend.requests[0]
    assert ask(verified, stage, first)
    assert not ask(verified, stage, first, later=1)
    assert not ask(verified, stage, first, later=299)
    stage.launcher.launch(request_for(3))
    assert ask(verified, stage, stage.backend.requests[-1])


def test_the_secret_is_in_no_receipt_and_no_text(stage: Stage) -> None:
    receipt = stage.launch(3)
    assert webhook.SECRET not in f"{receipt!r} {stage.launcher!r}"
    assert all(webhook.SECRET.encode() not in request.content for request in stage.backend.requests)


def test_a_status_on_another_server_is_not_asked_for(stage: Stage) -> None:
    stage.backend.status_url = "https://elsewhere.example/{id}"
    with pytest.raises(LauncherError, match=r"another server: https://elsewhere\.example"):
        stage.launch(3)


def test_a_receipt_that_names_another_server_makes_nobody_ask_there(stage: Stage) -> None:
    receipt = stage.launch(3)
    before = len(stage.backend.requests)
    spoilt = {**receipt.identity, "status_url": "https://elsewhere.example/w-0"}
    look = stage.launcher.describe(receipt.model_copy(update={"identity": spoilt}))
    assert (look.state, "another server" in look.detail) == (RunState.UNKNOWN, True)
    assert len(stage.backend.requests) == before


def test_an_end_that_is_accepted_and_does_not_come_is_unconfirmed(stage: Stage) -> None:
    receipt = stage.launch(3)
    stage.backend.stuck = True
    result = stage.launcher.stop(receipt, epoch=4, grace_seconds=0)
    assert (result.outcome, "would confirm it" in result.detail) == ("unconfirmed", True)


def test_an_endpoint_that_has_no_time_for_a_moment_fails_no_launch_and_no_stop(stage: Stage) -> None:
    stage.backend.busy = 3
    receipt = stage.launch(3)
    stage.backend.busy = 3
    assert stage.stop(receipt) == "stopped"
    assert not stage.living()


def test_a_stop_has_an_idempotency_key_of_its_own_for_each_epoch_it_is_asked_under(stage: Stage) -> None:
    receipt = stage.launch(3)
    stage.backend.stuck = True
    for epoch in (4, 4, 5):
        stage.stop(receipt, epoch=epoch)
    keys = [each.headers["idempotency-key"] for each in stage.backend.requests if b'"stop"' in each.content]
    assert keys == [f"{receipt.key}#stop/{epoch}" for epoch in (4, 4, 5)]


def test_an_endpoint_that_hands_out_what_has_ended_has_used_the_key_up(stage: Stage) -> None:
    stage.launch(3)
    stage.end()
    stage.backend.remembers_ends = False
    with pytest.raises(KeyAlreadyUsedError, match="launch again under a new key"):
        stage.launch(3)


def test_a_list_that_is_not_all_is_an_error(stage: Stage) -> None:
    stage.backend.partial = True
    with pytest.raises(LauncherError, match="complete"):
        stage.launcher.running(SCOPE)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={"launched": None}),
        httpx.Response(204),
        httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={}),
    ],
    ids=["404", "204", "302", "html", "nothing"],
)
def test_an_answer_that_says_nothing_proves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response
) -> None:
    receipt = stage.launch(3)
    monkeypatch.setattr(stage.backend, "_find", lambda *_: answer)
    monkeypatch.setattr(stage.backend, "_status", lambda *_: answer)
    with pytest.raises(LauncherError):
        stage.launcher.find(SCOPE, receipt.key)
    assert stage.launcher.describe(receipt).state is RunState.UNKNOWN
