"""One connection to an address already chosen and checked: what is sent, what comes back, and how it ends.

Written on asyncio's protocols, not its streams: a probe is one small write and one or two reads, and streams would
cost twice as much as all the rest.
"""

import asyncio
import errno
import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any, Protocol

from paramedic.health.outcomes import OutcomeKind
from paramedic.health.probe_url import ProbeUrl

GOODBYE_SECONDS = 1.0
"""How long a peer may take over a TLS goodbye: its socket counts among ours until then."""

SECONDS_PER_DAY = 86400


class ProbeFailedError(Exception):
    """An attempt ended without an answer that can be judged; for the prober's own use."""

    def __init__(self, kind: OutcomeKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Reader(Protocol):
    """Takes in what a target sends."""

    def feed(self, data: bytes, /) -> bool:
        """Whether all that is wanted has come.

        Raises:
            ProbeFailedError: what came is not what was asked for.
        """

    def ended(self) -> bool:
        """The same, now that nothing more will come.

        Raises:
            ProbeFailedError: too little has come.
        """


@dataclass(slots=True)
class Marks:
    """How many seconds an attempt spent on what; None is not reached."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    certificate_days: int | None = None


class _Exchange(asyncio.Protocol):
    """Writes once, reads until the reader has enough. `done` has no result: the reader holds it."""

    __slots__ = ("_message", "_reader", "_sent_at", "done", "first_byte_after", "transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, message: bytes, reader: Reader) -> None:
        self._message = message
        self._reader = reader
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = loop.create_future()
        self.first_byte_after: float | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._sent_at = monotonic()
        self.transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        if self.first_byte_after is None:
            self.first_byte_after = monotonic() - self._sent_at
        if self.done.done():
            return
        try:
            if self._reader.feed(data):
                self.done.set_result(None)
        except ProbeFailedError as error:
            self.done.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.done.done():
            return
        try:
            if exc is not None and not self._reader.ended():
                self.done.set_exception(exc)
            elif exc is None and not self._reader.ended():
                closed = "closed the connection before it had answered"
                self.done.set_exception(ProbeFailedError(OutcomeKind.RESET, closed))
            else:
                self.done.set_result(None)
        except ProbeFailedError as error:
            self.done.set_exception(error)


@cache
def tls_context() -> ssl.SSLContext:
    """The context for every TLS probe, made at the first one: loading the trusted certificates takes 30 ms."""
    return ssl.create_default_context()


async def connect_only(url: ProbeUrl, address: str, marks: Marks) -> None:
    """Connect to `url` at `address`, with a handshake where it is encrypted, and hang up.

    Raises:
        ProbeFailedError: it cannot be done.
    """
    exchange = await _connected(url, address, b"", _Nothing(), marks)
    exchange.transport.abort()


async def exchange(url: ProbeUrl, address: str, message: bytes, reader: Reader, marks: Marks) -> None:
    """Send `message` to `url` at `address` and hand what comes back to `reader`, until that has enough.

    Raises:
        ProbeFailedError: there was no answer, or one that `reader` does not understand.
    """
    started = await _connected(url, address, message, reader, marks)
    try:
        await started.done
    except OSError as error:
        raise failure_of(error) from error
    finally:
        if started.first_byte_after is not None:
            marks.first_byte = (marks.first_byte or 0.0) + started.first_byte_after
        # Not close(): a peer that does not answer a TLS goodbye would keep the socket.
        started.transport.abort()


class _Nothing:
    """Wants nothing."""

    def feed(self, _data: bytes) -> bool:
        return True

    def ended(self) -> bool:
        return True


async def _connected(url: ProbeUrl, address: str, message: bytes, reader: Reader, marks: Marks) -> _Exchange:
    loop = asyncio.get_running_loop()
    started = monotonic()
    try:
        if not url.is_encrypted:
            _, made = await loop.create_connection(lambda: _Exchange(loop, message, reader), address, url.port)
            marks.connect = (marks.connect or 0.0) + monotonic() - started
            return made
        connection = await _dialled(loop, address, url.port)
        connected = monotonic()
        marks.connect = (marks.connect or 0.0) + connected - started
        made = await _encrypted(loop, connection, url, _Exchange(loop, message, reader))
        marks.tls = (marks.tls or 0.0) + monotonic() - connected
    except OSError as error:
        raise failure_of(error) from error
    marks.certificate_days = _days_left(made.transport.get_extra_info("peercert"))
    return made


async def _dialled(loop: asyncio.AbstractEventLoop, address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await loop.sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


async def _encrypted(
    loop: asyncio.AbstractEventLoop, connection: socket.socket, url: ProbeUrl, made: _Exchange
) -> _Exchange:
    try:
        await loop.create_connection(
            lambda: made,
            sock=connection,
            ssl=tls_context(),
            server_hostname=url.host,
            ssl_shutdown_timeout=GOODBYE_SECONDS,
        )
    except BaseException:
        connection.close()
        raise
    return made


def _days_left(certificate: dict[str, Any] | None) -> int | None:
    if not certificate or "notAfter" not in certificate:
        return None
    return int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // SECONDS_PER_DAY)


def failure_of(error: OSError) -> ProbeFailedError:
    """What a network error says of a target, or of us."""
    if isinstance(error, ssl.SSLError):
        return ProbeFailedError(OutcomeKind.TLS, _tls_detail(error))
    match error:
        case ConnectionRefusedError():
            kind = OutcomeKind.REFUSED
        case ConnectionError():
            kind = OutcomeKind.RESET
        case TimeoutError():
            kind = OutcomeKind.TIMEOUT
        case OSError(errno=errno.EHOSTUNREACH):
            # Silence with a messenger: a router says that nobody answers there.
            kind = OutcomeKind.TIMEOUT
        case _:
            # What is not known to be the target's doing (no descriptor, no port, no route from here) is ours.
            kind = OutcomeKind.NOT_PROBED
    return ProbeFailedError(kind, error.strerror or str(error) or type(error).__name__)


def _tls_detail(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    return f"TLS failed: {error.reason or error}"
