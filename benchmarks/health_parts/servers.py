"""Healthy targets, and some that hang, on one address and many ports; a process of its own: `python -m …servers`.

Serves until its standard input ends, so that it never outlives whoever started it.
"""

import argparse
import asyncio
import resource
import ssl
import sys
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Healthy(asyncio.Protocol):
    """Answers whatever comes first, after `delay` seconds, and hangs up."""

    def __init__(self, delay: float) -> None:
        self._delay = delay

    def connection_made(self, transport: Any) -> None:
        """Remember where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - every request is answered alike
        """Answer, at once where there is no delay."""
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        self._transport.write(ANSWER)
        self._transport.close()


class Hanging(asyncio.Protocol):
    """Never answers."""


async def serve(host: str, ports: range, hanging: int, certificate: Path | None, delay: float) -> None:
    """Listen on all `ports` of `host`, of which the first `hanging` never answer."""
    loop = asyncio.get_running_loop()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    for place, port in enumerate(ports):
        kind = Hanging if place < hanging else partial(Healthy, delay)
        await loop.create_server(kind, host, port, ssl=context, backlog=1024)
    print("serving", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve until standard input ends."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--host", required=True)
    options.add_argument("--first-port", type=int, required=True)
    options.add_argument("--ports", type=int, required=True)
    options.add_argument("--hanging", type=int, default=0)
    options.add_argument("--certificate", type=Path)
    options.add_argument("--delay", type=float, default=0.0, help="seconds until a request is answered")
    given = options.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ports = range(given.first_port, given.first_port + given.ports)
    uvloop.run(serve(given.host, ports, given.hanging, given.certificate, given.delay))


if __name__ == "__main__":
    main()
