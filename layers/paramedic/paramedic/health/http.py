"""One HTTP GET to an address already chosen and checked, and what became of it."""

import asyncio
import errno
import re
import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from paramedic.errors import InvalidInputError
from paramedic.health.outcomes import OutcomeKind

DEFAULT_PORTS = {"http": 80, "https": 443}
PRINTABLE_ASCII = re.compile(r"[!-~]+")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: .*)?\r?\n", re.DOTALL)
LARGEST_HEADERS = 16 * 1024
FIRST_FINAL_STATUS = 200


@dataclass(frozen=True, slots=True)
class ProbeUrl:
    """A URL taken apart; `host` is a name or a literal address without brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt ended."""

    kind: OutcomeKind
    detail: str = ""
    status: int | None = None


def parse_url(url: str) -> ProbeUrl:
    """The parts of an absolute HTTP(S) URL.

    Raises:
        InvalidInputError: it is something else, or holds credentials or characters a URL cannot hold.
    """
    if not PRINTABLE_ASCII.fullmatch(url):
        raise InvalidInputError("url", url, "has spaces, control or non-ASCII characters; percent-encode them")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInputError("url", url, f"is malformed: {error}") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.hostname.startswith("."):
        raise InvalidInputError("url", url, "is not an absolute http:// or https:// URL")
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError("url", "(not shown)", "holds credentials, which a probe does not send")
    if port == 0:
        raise InvalidInputError("url", url, "has port 0")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return ProbeUrl(parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme], target)


@cache
def tls_context() -> ssl.SSLContext:
    """The context for every TLS probe, made at the first one: loading the trusted certificates takes 30 ms."""
    return ssl.create_default_context()


async def get_status(url: ProbeUrl, address: str) -> Answer:
    """GET `url` from `address`, reading no more than the headers and following nothing; network failures are answers.

    `STATUS` carries any status at all: what is healthy is the caller's to say.
    """
    try:
        reader, writer = await asyncio.open_connection(
            address,
            url.port,
            limit=LARGEST_HEADERS,
            ssl=tls_context() if url.scheme == "https" else None,
            server_hostname=url.host if url.scheme == "https" else None,
        )
    except ssl.SSLError as error:
        return Answer(OutcomeKind.TLS, _tls_detail(error))
    except OSError as error:
        return _network_failure(error)
    try:
        writer.write(_request(url))
        return await _read_status(reader)
    except ssl.SSLError as error:
        return Answer(OutcomeKind.TLS, _tls_detail(error))
    except OSError as error:
        return _network_failure(error)
    finally:
        # Not close(): a peer that does not answer a TLS goodbye would keep the socket.
        writer.transport.abort()


def _request(url: ProbeUrl) -> bytes:
    lines = (
        f"GET {url.target} HTTP/1.1",
        f"Host: {url.authority}",
        "User-Agent: paramedic-health-probe",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


async def _read_status(reader: asyncio.StreamReader) -> Answer:
    try:
        while True:
            line = await reader.readuntil(b"\n")
            match = STATUS_LINE.fullmatch(line)
            if match is None:
                return Answer(OutcomeKind.PROTOCOL, f"answered {line[:60]!r}, which is no HTTP/1 status line")
            await _skip_headers(reader)
            status = int(match[1])
            if status >= FIRST_FINAL_STATUS:
                return Answer(OutcomeKind.STATUS, f"answered {status}", status)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            return Answer(OutcomeKind.PROTOCOL, f"closed after {error.partial[:60]!r}, which is no HTTP/1 status line")
        return Answer(OutcomeKind.RESET, "closed the connection before it had answered")
    except asyncio.LimitOverrunError:
        return Answer(OutcomeKind.PROTOCOL, f"sent more than {LARGEST_HEADERS} bytes of headers")


async def _skip_headers(reader: asyncio.StreamReader) -> None:
    size = 0
    while (line := await reader.readuntil(b"\n")) not in (b"\r\n", b"\n"):
        size += len(line)
        if size > LARGEST_HEADERS:
            raise asyncio.LimitOverrunError("headers", size)


def _network_failure(error: OSError) -> Answer:
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
    return Answer(kind, error.strerror or str(error) or type(error).__name__)


def _tls_detail(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    return f"TLS failed: {error.reason or error}"
