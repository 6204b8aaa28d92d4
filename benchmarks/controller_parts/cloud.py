"""A cloud without machines: one process that answers every request, on whatever addresses its instances are to have.

`python -m benchmarks.controller_parts.cloud SOCKET` takes `open HOST PORT` and `close HOST PORT`, a line each, on the
unix socket SOCKET, and answers `done`.
"""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter, Transport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
BACKLOG = 16


class _Instance(asyncio.Protocol):
    """One connection to an instance: healthy, whatever is asked."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(ANSWER)
            self._transport.close()


class Cloud:
    """Instances by address."""

    def __init__(self) -> None:
        self._instances: dict[tuple[str, int], asyncio.Server] = {}

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Take orders until the other side hangs up."""
        while line := await reader.readline():
            verb, host, port = line.decode().split()
            await self._obey(verb, (host, int(port)))
            writer.write(b"done\n")
        writer.close()

    async def _obey(self, verb: str, address: tuple[str, int]) -> None:
        if verb == "close":
            server = self._instances.pop(address, None)
            if server is not None:
                server.close()
        elif address not in self._instances:
            loop = asyncio.get_running_loop()
            self._instances[address] = await loop.create_server(_Instance, *address, backlog=BACKLOG)


async def main(path: str) -> None:
    """Serve until killed."""
    server = await asyncio.start_unix_server(Cloud().serve, path, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
