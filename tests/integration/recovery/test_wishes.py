"""What a person asks of a recovery that somebody else is at work on: it is kept with it and done, or they are told."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from paramedic.health.outcomes import ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import Description, RunState, StopOutcome, StopResult
from paramedic.recovery import recoverer
from paramedic.recovery.answering import act
from paramedic.recovery.messages import ManualRecover, Reply, Status
from paramedic.recovery.records import STEP_SECONDS
from paramedic.state.recoveries import Step
from tests.fakes.recovery_world import TARGET, RecoveryWorld, asks, by_hand_request

pytestmark = pytest.mark.integration

WORD = "its rack is on fire"


@pytest.fixture
def world(table_prefix: str, monkeypatch: pytest.MonkeyPatch) -> RecoveryWorld:
    """With a dead controller whose host is lost, so that only a word lets its recovery go on."""
    made = RecoveryWorld(table_prefix)
    made.first.alive = False
    nobody = StopResult(outcome=StopOutcome.UNCONFIRMED, detail="no answer")
    monkeypatch.setattr(made.host, "stop", lambda *_, **__: nobody)
    monkeypatch.setattr(made.host, "describe", lambda _: Description(state=RunState.UNKNOWN, detail="no answer"))
    return made


def being_worked_on(world: RecoveryWorld) -> None:
    """Somebody opened a recovery and is at work on its step stop, for as long as an owner is thought to live."""

    def interrupted(*_: object, **__: object) -> StopResult:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.host, "stop", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recoverer.on_failure(world.found_bad(), world.around())


def told(world: RecoveryWorld, epoch: int = 2) -> list[str]:
    return [entry.text for entry in world.recovery(epoch).story.entries]


def test_a_word_for_a_recovery_that_is_being_worked_on_is_kept_and_counts_at_its_next_look(
    world: RecoveryWorld,
) -> None:
    being_worked_on(world)
    reply = world.says("recover", predecessor_gone=WORD, reason="users wait")
    assert reply.status is Status.RECOVERING
    assert "is being worked on at step stop; what you asked for is kept with it, and done within" in reply.message
    assert world.host.alive() == []
    world.clock.advance(STEP_SECONDS)
    assert [each.status for each in recoverer.sweep(world.around())] == [Status.RECOVERED]
    assert f"its predecessor is gone by the word of ada: {WORD}" in told(world)
    assert "wanted by ada: users wait" in told(world)
    assert world.recovery(2).asked is None


def test_the_words_of_many_who_ask_at_once_are_kept_or_they_are_told_to_ask_again(world: RecoveryWorld) -> None:
    being_worked_on(world)

    def one_says(number: int) -> Reply:
        request = asks("recover", predecessor_gone=WORD, actor=f"person {number}", request_id=f"request-{number}")
        assert isinstance(request, ManualRecover)
        reply = act(request, replace(world.around(), invocation=f"person-{number}"))
        assert isinstance(reply, Reply)
        return reply

    with ThreadPoolExecutor(6) as people:
        replies = list(people.map(one_says, range(6)))
    kept = world.recovery(2).asked
    assert kept is not None
    said = {f"person {number}" for number, reply in enumerate(replies) if "kept with it" in reply.message}
    again = {f"person {number}" for number, reply in enumerate(replies) if "ask again" in reply.message}
    assert {wish.actor for wish in kept.wishes} == said
    assert len(said) + len(again) == 6


def test_a_word_that_meets_an_opening_by_somebody_quicker_is_kept_with_that_one(world: RecoveryWorld) -> None:
    around = world.around()

    def overtaken(request: ProbeRequest) -> ProbeOutcome:
        if world.epoch().epoch == 1:
            being_worked_on(world)
        return around.probe(request)

    reply = act(by_hand_request(predecessor_gone=WORD), replace(around, probe=overtaken))
    assert isinstance(reply, Reply)
    assert (reply.status, "what you asked for is kept with it" in reply.message) == (Status.RECOVERING, True)
    world.clock.advance(STEP_SECONDS)
    assert [each.status for each in recoverer.sweep(world.around())] == [Status.RECOVERED]


def test_whoever_gives_a_word_too_late_to_matter_is_told_so(world: RecoveryWorld) -> None:
    world.clock.on_sleep = lambda: None
    world.says("recover", predecessor_gone=WORD)
    assert world.recovery(2).step == Step.VERIFY
    world.clock.on_sleep = world.host.go_on
    reply = world.says("recover", predecessor_gone=WORD, request_id="request-0002")
    assert (reply.status, "your word for it was not needed" in reply.message) == (Status.RECOVERED, True)


def test_a_wish_that_is_kept_outlasts_a_restart_of_everything_and_names_whose_it_is(world: RecoveryWorld) -> None:
    being_worked_on(world)
    world.says("force", predecessor_gone=WORD, actor="grace", reason="looked at it")
    world.clock.advance(3600)
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED
    assert world.recovery(2).story.predecessor_gone == f"grace: {WORD}"
    assert world.target().target_id == TARGET
