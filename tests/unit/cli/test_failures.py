"""What AWS refuses is told with what to do about it."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from pynamodb.exceptions import GetError

from paramedic.errors import InvalidInputError
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic_cli.failures import BAD_INPUT, FAILED, describe, exit_code


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetItem")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (refused("AccessDeniedException"), "OnCallPolicyArn"),
        (refused("AccessDenied"), "DeployerPolicyArn"),
        (refused("ExpiredTokenException"), "sign in again"),
        (refused("ResourceNotFoundException"), "--stack"),
        (NoCredentialsError(), "AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="http://x"), "paramedic local status"),
        (ReadTimeoutError(endpoint_url="http://x"), "paramedic status"),
    ],
)
def test_every_refusal_of_aws_comes_with_a_remedy(error: Exception, remedy: str) -> None:
    assert remedy in describe(error)


def test_the_remedy_is_found_under_the_state_layers_own_error() -> None:
    error = StateUnreachableError("reading x")
    error.__cause__ = GetError("failed", refused("AccessDeniedException"))
    assert "OnCallPolicyArn" in describe(error)


def test_an_error_without_a_remedy_is_told_as_it_is() -> None:
    assert describe(refused("SomethingNew")) == str(refused("SomethingNew"))


def test_a_malformed_row_is_not_the_callers_mistake() -> None:
    assert exit_code(InvalidInputError("field", 1, "is wrong")) == BAD_INPUT
    assert exit_code(InvalidRowError("t", "k", "f", 1, "is wrong")) == FAILED
