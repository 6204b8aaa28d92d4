"""Sends on-call's manual actions to the deployed recovery function and waits for its answer, or does them here."""

import json
import uuid
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.recovery.messages import ByHand, Planned, Verb, parse_request
from paramedic.state.targets import controller_id_of
from paramedic.validation import validated_json
from paramedic_cli.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

LONGEST_FUNCTION_SECONDS = 900
"""Lambda's own limit: an answer that takes longer will not come."""

OF_ANY_TARGET = ("hold", "release")
"""Verbs that are about every kind of target."""


class RecoveryFunctionError(ParamedicError):
    """The recovery function ended without an answer of its own."""


def recover_request(target: str, actor: str, reason: str, predecessor_gone: str | None = None) -> Verb:
    """A request to recover a controller.

    Raises:
        InvalidInputError: a field is unusable; the message names it.
    """
    return verb("recover", target, actor, reason, predecessor_gone=predecessor_gone)


def verb(action: str, target: str, actor: str, reason: str, *, dry_run: bool = False, **more: str | None) -> Verb:
    """A request of its own: sending the very same one twice is one request.

    Raises:
        InvalidInputError: a field is unusable; the message names it.
    """
    if action not in OF_ANY_TARGET and controller_id_of(target) is None:
        raise InvalidInputError("TARGET", target, "only controllers can be recovered: controller:ID")
    who = {"target": target, "actor": actor, "reason": reason, "request_id": str(uuid.uuid4())}
    given = {name: value for name, value in more.items() if value is not None}
    request = parse_request({"action": action, **who, "dry_run": dry_run, **given}, root=action)
    if not isinstance(request, ByHand):
        raise InvalidInputError("action", action, "changes nothing, so there is nothing to send")
    return request


def send(stack: Stack, request: Verb) -> Planned:
    """What was answered; of a dry run with its plan.

    Raises:
        RecoveryFunctionError: the function failed; its log says why.
        InvalidInputError: it answered something that this release does not understand, or, where there is no function,
            the request or a setting of this process is of no use.
    """
    return _done_here(request) if stack.without_lambda else _answer(stack, request)


def _done_here(request: Verb) -> Planned:
    # Of no use where there are functions, and nobody else pays for all of recovery.
    from paramedic.recovery.answering import act
    from paramedic_cli.monitor.making import recoveries_here
    from paramedic_cli.monitor.settings import MonitorSettings

    around = recoveries_here(MonitorSettings.from_env())()
    return Planned.model_validate(act(request, around).model_dump())


def _answer(stack: Stack, request: Verb) -> Planned:
    # What is not asked for is left out: a function of the release before takes no field it does not know.
    sent = request.model_dump_json(exclude_defaults=True).encode()
    answer = _client().invoke(FunctionName=stack.recovery_function, Payload=sent)
    payload = answer["Payload"].read()
    failure = answer.get("FunctionError")
    if failure:
        problem = json.loads(payload or b"{}")
        text = f"{problem.get('errorType', failure)}: {problem.get('errorMessage', 'no message')}"
        raise RecoveryFunctionError(f"{stack.recovery_function} failed: {text}; see log group {_log_group(stack)}")
    return validated_json(Planned, payload, root=stack.recovery_function)


def _log_group(stack: Stack) -> str:
    return f"/aws/lambda/{stack.recovery_function}"


def _client() -> "LambdaClient":
    # Repeating a call that got no answer would start a second wait for the same recovery; a person decides that.
    patient = Config(
        connect_timeout=5,
        read_timeout=LONGEST_FUNCTION_SECONDS + 30,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
    )
    # A session of its own, for the shared one keeps the credentials it began with.
    return boto3.Session().client("lambda", config=patient)
