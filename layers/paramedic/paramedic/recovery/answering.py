"""Every verb to what does it: the one table behind the function's payloads."""

from pydantic import BaseModel

from paramedic.recovery.by_hand import approve, by_hand
from paramedic.recovery.history import read_history
from paramedic.recovery.holding import acknowledge, hold, release
from paramedic.recovery.messages import (
    Acknowledge,
    Approve,
    AskCheck,
    AskHistory,
    AskStatus,
    Guard,
    Hold,
    Question,
    Release,
    Verb,
)
from paramedic.recovery.standing import read_standing
from paramedic.recovery.surroundings import Surroundings


def act(request: Verb, around: Surroundings) -> BaseModel:
    """Do what a person asks for, or say what that would come to.

    Raises:
        UnknownTargetError: no such target; nothing was changed.
        StateUnreachableError: DynamoDB did not answer; ask again.
    """
    match request:
        case Approve():
            return approve(request, around)
        case Acknowledge():
            return acknowledge(request, around)
        case Hold():
            return hold(request, around)
        case Release():
            return release(request, around)
        case Guard():
            # Nobody who recovers something waits for what only guarding needs.
            from paramedic.recovery.guarding import guard

            return guard(request, around)
        case _:
            return by_hand(request, around)


def tell(question: Question, around: Surroundings) -> BaseModel:
    """Answer what a person wants to know; nothing is written.

    Raises:
        UnknownTargetError: no such target.
        StateUnreachableError: DynamoDB did not answer.
    """
    match question:
        case AskStatus():
            return read_standing(question.target, around.clock.now())
        case AskHistory():
            return read_history(question.target, question.limit)
        case AskCheck():
            from paramedic.recovery.guarding import check

            return check(question, around)
