"""Reads what an HTTP server answers: as little as is enough to judge it."""

import re
from dataclasses import dataclass

from paramedic.health.exchange import ProbeFailedError
from paramedic.health.http_request import HttpRequest
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.probe_url import ProbeUrl

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?\r?\n")
HEAD_END = re.compile(rb"\r?\n\r?\n")
LOCATION = re.compile(rb"^location:[ \t]*([!-~]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
LARGEST_HEAD = 16 * 1024
SHOWN = 60
FIRST_FINAL_STATUS = 200
_DEFAULTS = (("User-Agent", "paramedic-health-probe"), ("Accept", "*/*"))
_USUAL_HEADERS = "User-Agent: paramedic-health-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`body` is None where it was not asked for or was too long."""

    status: int
    location: str | None = None
    body: bytes | None = None

    @property
    def redirects_to(self) -> str | None:
        """Where it sends us, if it does."""
        return self.location if self.status in REDIRECTS else None


class HeadReader:
    """Reads up to the end of the final answer's headers and nothing of its body."""

    __slots__ = ("_received", "answer")

    def __init__(self) -> None:
        self._received = b""
        self.answer: HttpAnswer | None = None

    def feed(self, data: bytes) -> bool:
        """Whether the head is complete.

        Raises:
            ProbeFailedError: it is no HTTP/1, or too long.
        """
        self._received += data
        while True:
            line = self._received.find(b"\n")
            if line < 0 and len(self._received) <= LARGEST_HEAD:
                return False
            match = STATUS_LINE.match(self._received)
            if match is None:
                raise _no_http("answered", self._received)
            # From the end of the status line's own break, for there may be no header at all.
            end = HEAD_END.search(self._received, match.end(1))
            if len(self._received) > LARGEST_HEAD and (end is None or end.end() > LARGEST_HEAD):
                raise ProbeFailedError(OutcomeKind.PROTOCOL, f"sent more than {LARGEST_HEAD} bytes of headers")
            if end is None:
                return False
            status = int(match[1])
            if status >= FIRST_FINAL_STATUS:
                location = LOCATION.search(self._received, 0, end.end())
                self.answer = HttpAnswer(status, location[1].decode() if location else None)
                return True
            self._received = self._received[end.end() :]
            if not self._received:
                return False

    def ended(self) -> bool:
        """Never enough: whatever is would have been seen.

        Raises:
            ProbeFailedError: what came is not HTTP/1.
        """
        if self._received and STATUS_LINE.match(self._received) is None:
            raise _no_http("closed after", self._received)
        return False


def _no_http(what: str, received: bytes) -> ProbeFailedError:
    return ProbeFailedError(OutcomeKind.PROTOCOL, f"{what} {received[:SHOWN]!r}, which is no HTTP/1 status line")


def message(url: ProbeUrl, asked: HttpRequest, host: str | None = None) -> bytes:
    """The request as it is sent, for `host` where that is not the URL's."""
    start = f"{asked.method} {url.target} HTTP/1.1\r\nHost: {host or url.authority}\r\n"
    if asked.body is None and not asked.headers:
        return (start + _USUAL_HEADERS).encode("ascii")
    given = {name.lower() for name in asked.headers}
    headers = [(name, value) for name, value in _DEFAULTS if name.lower() not in given]
    headers += [*asked.headers.items(), ("Connection", "close")]
    body = (asked.body or "").encode()
    if asked.body is not None:
        headers.append(("Content-Length", str(len(body))))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{start}{lines}\r\n".encode("ascii") + body
