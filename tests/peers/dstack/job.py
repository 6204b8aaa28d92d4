"""What gateways of dstack forward to: an SSH server, and small HTTP servers behind it that say who they are.

Usage: job.py PARENT_PID DIRECTORY HOST PORT...; runs under the interpreter that has asyncssh. Keys are made in the
directory: `client` is what a gateway gets to know. It prints a line once it listens.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncssh

SET_PDEATHSIG = 1
SSH_PORT = 2222


class ForwardsOnly(asyncssh.SSHServer):
    """Knows one key and forwards to this machine alone."""

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Whether a tunnel may be had."""
        return dest_host == "localhost"


def server_of(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """An HTTP server that answers everything with its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            body = json.dumps({"port": port}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return answer


async def main(directory: Path, host: str, ports: list[int]) -> None:
    """Serve until killed."""
    client, own = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    client.write_private_key(str(directory / "client"))
    client.write_public_key(str(directory / "client.pub"))
    for port in ports:
        await asyncio.start_server(server_of(port), "127.0.0.1", port)
    await asyncssh.listen(
        host,
        SSH_PORT,
        server_factory=ForwardsOnly,
        server_host_keys=[own],
        authorized_client_keys=str(directory / "client.pub"),
    )
    print("listening", flush=True)
    await asyncio.Event().wait()


ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("whoever started this is gone")
asyncio.run(main(Path(sys.argv[2]), sys.argv[3], [int(port) for port in sys.argv[4:]]))
