"""Sends on-call's manual actions to the deployed recovery function and waits for its answer, or does them here."""

import json
import re
import uuid
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.recovery.messages import AskCheck, ByHand, Checked, Planned, Request, Verb, parse_request
from paramedic.recovery.surroundings import Surroundings
from paramedic.validation import validated_json
from paramedic_cli.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

LONGEST_FUNCTION_SECONDS = 900
"""Lambda's own limit: an answer that takes longer will not come."""

OF_ANY_TARGET = ("hold", "release")
"""Verbs that are about every kind of target."""


RECOVERED = re.compile(r"(controller|url):[A-Za-z0-9][A-Za-z0-9._-]*|gateway:[a-z][a-z0-9-]*/[1-9][0-9]*")
"""Ids of targets that may be recovered."""


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
    if action not in OF_ANY_TARGET and not RECOVERED.fullmatch(target):
        problem = "cannot be recovered: it must be controller:ID, gateway:NAME/NUMBER or, guarded, url:NAME"
        raise InvalidInputError("TARGET", target, problem)
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


def ask_check(stack: Stack, target: str, url: str | None, restart: str) -> Checked:
    """Whether a URL could be recovered by what restarts `restart`, as it is seen from where recovery runs.

    Raises:
        RecoveryFunctionError: the function failed; its log says why.
        InvalidInputError: the question, a setting of this process or the answer is of no use.
    """
    question = parse_request({"action": "check", "target": target, "url": url, "restart": restart}, root="check")
    if not isinstance(question, AskCheck):
        raise InvalidInputError("action", "check", "is another question")
    if not stack.without_lambda:
        return validated_json(Checked, _answered(stack, question), root=stack.recovery_function)
    from paramedic.recovery.guarding import check

    return check(question, _around_here())


def _done_here(request: Verb) -> Planned:
    # Of no use where there are functions, and nobody else pays for all of recovery.
    from paramedic.recovery.answering import act

    return Planned.model_validate(act(request, _around_here()).model_dump())


def _around_here() -> Surroundings:
    from paramedic_cli.monitor.making import recoveries_here
    from paramedic_cli.monitor.settings import MonitorSettings

    return recoveries_here(MonitorSettings.from_env())()


def _answer(stack: Stack, request: Verb) -> Planned:
    return validated_json(Planned, _answered(stack, request), root=stack.recovery_function)


def _answered(stack: Stack, request: Request) -> bytes:
    # What is not asked for is left out: a function of the release before takes no field it does not know.
    sent = request.model_dump_json(exclude_defaults=True).encode()
    answer = _client().invoke(FunctionName=stack.recovery_function, Payload=sent)
    payload = answer["Payload"].read()
    failure = answer.get("FunctionError")
    if failure:
        problem = json.loads(payload or b"{}")
        text = f"{problem.get('errorType', failure)}: {problem.get('errorMessage', 'no message')}"
        raise RecoveryFunctionError(f"{stack.recovery_function} failed: {text}; see log group {_log_group(stack)}")
    return payload


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
