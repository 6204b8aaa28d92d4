"""A replica that costs next to nothing, run by the peers' interpreter: as a module with HOST PORT NAME.

GET / answers NAME at once, GET /sleep/SECONDS answers NAME after that time, GET /unfinished how many requests wait;
whatever has a body is answered with its length.
"""

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import cast

from benchmarks.gateway_parts.exchange import Message


class Replica(asyncio.Protocol):
    """One connection."""

    unfinished = 0

    def __init__(self, name: str) -> None:
        self._name = name
        self._message = Message()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's derive from none of asyncio's

    def data_received(self, data: bytes) -> None:
        """Answer each message once it is whole."""
        if self._message.feed(data):
            request, self._message = self._message, Message()
            self._serve(request)

    def _serve(self, request: Message) -> None:
        _, path, _ = request.head.split(b"\r\n", 1)[0].decode().split(" ")
        match path.split("/")[1:]:
            case ["sleep", seconds]:
                Replica.unfinished += 1
                asyncio.get_running_loop().call_later(float(seconds), self._finish)
            case ["unfinished"]:
                self._answer(str(Replica.unfinished))
            case _:
                self._answer(str(request.body_bytes) if request.body_bytes else self._name)

    def _finish(self) -> None:
        Replica.unfinished -= 1
        self._answer(self._name)

    def _answer(self, body: str) -> None:
        assert self._transport is not None
        self._transport.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())


async def serve(host: str, port: int, name: str) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Replica(name), host, port, backlog=1024)
    await server.serve_forever()


def event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the fast loop, which only the peers' environment has."""
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
