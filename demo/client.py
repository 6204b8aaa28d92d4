"""A client of the service: so many requests a second, however long the earlier ones take."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import httpx

from demo.exchanges import Exchange

PATIENCE_SECONDS = 30.0

_ASKED = "/predict?prompt=a&length=20"
_UPLOAD_BYTES = 4096
_TRICKLE_SECONDS = 1.0


class Client:
    """While it is entered it sends `rate` GETs a second, and keeps `held` uploads under way from the start.

    Uploads end with `release`, or with the client. On leaving, everything sent has been answered or has failed.
    """

    def __init__(self, url: str, rate: float, held: int) -> None:
        self.held = held
        self._url = url
        self._rate = rate
        self._requests: list[Exchange] = []
        self._uploads: list[Exchange] = []
        self._released = threading.Event()
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(1, "client")

    @property
    def requests(self) -> list[Exchange]:
        """All GETs so far."""
        return list(self._requests)

    @property
    def uploads(self) -> list[Exchange]:
        """All uploads so far."""
        return list(self._uploads)

    @property
    def seconds(self) -> float:
        """How long it has been sending."""
        requests = self.requests
        return time.time() - requests[0].sent_at if requests else 0.0

    def release(self) -> None:
        """Send the rest of what is being uploaded."""
        self._released.set()

    def stop(self) -> None:
        """Send nothing new, and return when all was answered or has failed."""
        self.release()
        self._over.set()
        self._running.result()

    def __enter__(self) -> Self:
        self._running = self._pool.submit(asyncio.run, self._run())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._pool.shutdown()

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
        connections = httpx.AsyncClient(base_url=self._url, timeout=PATIENCE_SECONDS, limits=limits, trust_env=False)
        async with connections as http, asyncio.TaskGroup() as sending:
            for _ in range(self.held):
                sending.create_task(self._upload(http))
            started, sent = time.monotonic(), 0
            while not self._over.is_set():
                sending.create_task(self._ask(http))
                sent += 1
                await asyncio.sleep(started + sent / self._rate - time.monotonic())

    async def _ask(self, http: httpx.AsyncClient) -> None:
        exchange = Exchange(time.time())
        self._requests.append(exchange)
        await _send(http, http.build_request("GET", _ASKED), exchange)

    async def _upload(self, http: httpx.AsyncClient) -> None:
        exchange = Exchange(time.time())
        self._uploads.append(exchange)
        length = {"Content-Length": str(_UPLOAD_BYTES)}
        await _send(http, http.build_request("POST", "/predict", headers=length, content=self._body()), exchange)

    async def _body(self) -> AsyncIterator[bytes]:
        left = _UPLOAD_BYTES - 2
        while not self._released.is_set():
            yield b" "
            left -= 1
            await asyncio.sleep(_TRICKLE_SECONDS)
        yield b" " * left + b"{}"


async def _send(http: httpx.AsyncClient, request: httpx.Request, exchange: Exchange) -> None:
    try:
        response = await http.send(request)
    except httpx.TransportError as error:
        exchange.problem = f"{request.method}: {error!r}"
    else:
        if response.status_code != httpx.codes.OK:
            exchange.problem = f"{request.method}: {response.status_code} {response.text.strip()}"
    exchange.answered_at = time.time()
