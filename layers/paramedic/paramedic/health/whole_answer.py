"""Reads an HTTP answer with its body, for the few targets that have conditions on it."""

import h11

from paramedic.health.exchange import ProbeFailedError
from paramedic.health.expectations import LARGEST_BODY
from paramedic.health.http_answer import LARGEST_HEAD, HttpAnswer
from paramedic.health.http_request import HttpRequest
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.probe_url import ProbeUrl


class WholeReader:
    """Reads an answer with its body, up to a limit."""

    __slots__ = ("_body", "_connection", "_head", "_size", "answer")

    def __init__(self, url: ProbeUrl, asked: HttpRequest) -> None:
        """Reads what answers `asked` of `url`: what a body's end is depends on the request."""
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
        headers = [(b"Host", url.authority.encode()), (b"Connection", b"close")]
        self._connection.send(h11.Request(method=asked.method, target=url.target, headers=headers))
        self._connection.send(h11.EndOfMessage())
        self._head: HttpAnswer | None = None
        self._body: list[bytes] = []
        self._size = 0
        self.answer: HttpAnswer | None = None

    def feed(self, data: bytes) -> bool:
        """Whether the answer is complete, or known to be too long.

        Raises:
            ProbeFailedError: it is no HTTP/1.
        """
        try:
            return self._fed(data)
        except h11.RemoteProtocolError as error:
            raise ProbeFailedError(OutcomeKind.PROTOCOL, f"does not answer in HTTP/1: {error}") from error

    def ended(self) -> bool:
        """Whether that was the end of the answer: bodies of untold length end so."""
        try:
            return self._fed(b"")
        except h11.RemoteProtocolError:
            return False

    def _fed(self, data: bytes) -> bool:
        self._connection.receive_data(data)
        while True:
            match self._connection.next_event():
                case h11.NEED_DATA:
                    return False
                case h11.Response() as head:
                    location = next((value for name, value in head.headers if name == b"location"), None)
                    self._head = HttpAnswer(int(head.status_code), location.decode("latin-1") if location else None)
                case h11.Data(data=part):
                    self._size += len(part)
                    self._body.append(bytes(part))
                    if self._size > LARGEST_BODY:
                        self.answer = self._head
                        return True
                case h11.EndOfMessage():
                    return self._completed()
                case h11.ConnectionClosed() | h11.PAUSED:
                    return self.answer is not None

    def _completed(self) -> bool:
        if self._head is not None:
            self.answer = HttpAnswer(self._head.status, self._head.location, b"".join(self._body))
        return True
