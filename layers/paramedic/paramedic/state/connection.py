"""The process's one connection to DynamoDB, and how long a call over it is tried."""

import os
import threading
from collections.abc import Callable
from functools import lru_cache

from pynamodb.connection import Connection
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from paramedic.clock import Clock, SystemClock

CONNECT_TIMEOUT_SECONDS = 0.5
READ_TIMEOUT_SECONDS = 1.0
"""One try of a DynamoDB call gives up after this."""

RETRY_SECONDS = 1.5
"""A call is not tried again once this has passed."""

LONGEST_CALL_SECONDS = RETRY_SECONDS + CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS
"""What a call that is retried takes at most: heartbeat + 2 x this stays below the self-fence lease."""

_CONNECTING = threading.Lock()


class _Surroundings:
    """The variables that say where AWS is and as whom to ask, as they were at the last look."""

    variables: frozenset[tuple[str, str]] = frozenset()


def look_around() -> None:
    """Take the variables as they are now for where AWS is; the next call connects anew if they have changed."""
    _Surroundings.variables = frozenset(pair for pair in os.environ.items() if pair[0].startswith("AWS_"))


def shared_connection() -> Connection:
    """The process's one connection to DynamoDB: a client costs as much as forty calls and much memory."""
    with _CONNECTING:
        return _connection(_Surroundings.variables)


@lru_cache(maxsize=1)
def _connection(_variables: frozenset[tuple[str, str]]) -> Connection:
    connection = Connection(
        connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=READ_TIMEOUT_SECONDS,
        # Retries are ours, so that their sum stays bounded.
        max_retry_attempts=0,
        max_pool_connections=32,
    )
    # Threads that all make the first call at once would each make a client of their own.
    _ = connection.client
    return connection


def patiently[T](call: Callable[[], T], transient: type[Exception], clock: Clock | None = None) -> T:
    """Repeat `call` while it raises `transient` and the retry budget lasts, then let that through."""
    clock = clock or SystemClock()
    begun = clock.monotonic()
    retrying = Retrying(
        retry=retry_if_exception_type(transient),
        stop=lambda _: clock.monotonic() - begun >= RETRY_SECONDS,
        wait=wait_random_exponential(multiplier=0.05, max=0.5),
        sleep=clock.sleep,
        reraise=True,
    )
    return retrying(call)
