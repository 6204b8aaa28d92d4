"""Calls to AWS: bounded in time, and every failure of one is an error that is never read as "nothing there"."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from paramedic.launchers.interface import LauncherError

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
ATTEMPTS = 3
"""Of one call. What starts things carries a token, so that an attempt whose reply was lost may be made again."""

type Call = Callable[..., Mapping[str, Any]]


class AwsCallError(LauncherError):
    """AWS refused a call or gave no answer. `code` is AWS's own word for it, empty where there was no answer."""

    def __init__(self, message: str, code: str) -> None:
        self.code = code
        super().__init__(message)


def client(service: str) -> Any:
    """A client of botocore: functions have it, and boto3 on top of it has nothing that is used here."""
    import botocore.session
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    return botocore.session.get_session().create_client(service, config=config)


def ask(call: Call, **arguments: Any) -> Mapping[str, Any]:
    """The answer to one call.

    Raises:
        AwsCallError: denied, throttled, malformed, or without an answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(**arguments)
    except ClientError as error:
        raise AwsCallError(str(error), str(error.response["Error"].get("Code", ""))) from error
    except BotoCoreError as error:
        raise AwsCallError(f"no answer from AWS: {error}", "") from error


def pages(call: Call, token: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
    """All pages of a listing whose pages name the next one in `token`.

    Raises:
        AwsCallError: one of them could not be had; those before are not all there is.
    """
    page = ask(call, **arguments)
    yield page
    while page.get(token):
        page = ask(call, **arguments, **{token: page[token]})
        yield page
