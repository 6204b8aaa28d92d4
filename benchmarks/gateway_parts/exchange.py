"""HTTP/1.1 messages cut out of a byte stream; just enough for those who only meet each other and a proxy."""

import re

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_END_OF_CHUNKS = b"0\r\n\r\n"


class Message:
    """One message as it arrives. Bodies are counted, and kept only while they fit `KEPT`."""

    KEPT = 4096

    def __init__(self) -> None:
        self.head = b""
        self.body = b""
        self.body_bytes = 0
        self._length = 0
        self._chunked = False

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; True once the message is whole."""
        if not self.head:
            self.body += data
            end = self.body.find(_END_OF_HEAD)
            if end < 0:
                return False
            self.head, data, self.body = self.body[:end], self.body[end + len(_END_OF_HEAD) :], b""
            found = _LENGTH.search(self.head)
            self._length = int(found[1]) if found else 0
            self._chunked = not found and _CHUNKED.search(self.head) is not None
        self.body_bytes += len(data)
        if len(self.body) + len(data) <= self.KEPT:
            self.body += data
        return self.body.endswith(_END_OF_CHUNKS) if self._chunked else self.body_bytes >= self._length

    @property
    def status(self) -> str:
        """A response's status code."""
        return self.head[9:12].decode()

    @property
    def says_goodbye(self) -> bool:
        """Whether the sender closes the connection behind it."""
        return b"connection: close" in self.head.lower()
