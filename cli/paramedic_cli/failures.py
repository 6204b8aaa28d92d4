"""Turns every error Paramedic or AWS raises on purpose into one sentence and an exit code."""

from collections.abc import Iterator
from typing import Any

import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own name for all kinds of "nobody answered"
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from typer.core import TyperGroup

from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.state.tables import InvalidRowError
from paramedic_cli.local.errors import LocalStackError
from paramedic_cli.output import say
from paramedic_cli.usage import UsageError

FAILED, BAD_INPUT = 1, 2

_SIGN_IN = "sign in again (`aws sso login`), or set AWS_PROFILE to a profile that may use the stack"
_ATTACH = (
    "attach one of the stack's policies to your role (see its outputs): ReaderPolicyArn to look, OnCallPolicyArn to "
    "act on what is watched, DeployerPolicyArn to change services, ReporterPolicyArn to report for a target, "
    "DstackPolicyArn to keep gateways of dstack"
)
_REMEDIES = {
    "AccessDenied": _ATTACH,
    "AccessDeniedException": _ATTACH,
    "ExpiredToken": _SIGN_IN,
    "ExpiredTokenException": _SIGN_IN,
    "InvalidClientTokenId": _SIGN_IN,
    "UnrecognizedClientException": _SIGN_IN,
    "ResourceNotFoundException": "the stack is not deployed in this account and region: check --stack and AWS_REGION",
    "ThrottlingException": "AWS is limiting the rate: wait a moment and repeat the command",
    "TooManyRequestsException": "all of the account's concurrent executions are in use: repeat the command",
}


class ReportingGroup(TyperGroup):
    """Runs commands and reports what they raise as one line on stderr."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command.

        Raises:
            typer.Exit: with 2 for bad input, 1 for anything else that went wrong.
        """
        try:
            return super().invoke(ctx)
        except (ParamedicError, LocalStackError, BotoCoreError, ClientError) as error:
            say(f"error: {describe(error)}")
            raise typer.Exit(exit_code(error)) from error


def exit_code(error: Exception) -> int:
    """2 when the person can mend it by typing something else, else 1."""
    bad_input = isinstance(error, InvalidInputError | UsageError) and not isinstance(error, InvalidRowError)
    return BAD_INPUT if bad_input else FAILED


def describe(error: Exception) -> str:
    """What went wrong and, where AWS is behind it, what to do."""
    for cause in _causes(error):
        remedy = _remedy(cause)
        if remedy:
            return f"{cause}: {remedy}"
    return str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # PynamoDB keeps botocore's error in an attribute of its own.
        error = getattr(error, "cause", None) or error.__cause__


def _remedy(error: BaseException) -> str | None:
    match error:
        case ClientError():
            return _REMEDIES.get(error.response.get("Error", {}).get("Code", ""))
        case NoCredentialsError() | PartialCredentialsError():
            return _SIGN_IN
        case NoRegionError():
            return "set AWS_REGION to the stack's region"
        case ReadTimeoutError():
            return "it may still be at work: look at `paramedic status` before repeating"
        case ConnectionError():
            return "check the network; for a local stack see `paramedic local status`"
    return None
