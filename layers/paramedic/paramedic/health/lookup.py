"""Names to addresses, without one slow name server holding up the others."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

type Lookup = Callable[[str, int], Awaitable[tuple[str, ...]]]


@contextmanager
def system_lookup(threads: int) -> Iterator[Lookup]:
    """The system's resolver; IPv4 comes first, since functions rarely have a way out over IPv6.

    The lookup raises `socket.gaierror` for an unknown name and `UnicodeError` for what cannot be one.
    """
    # A lookup cannot be cancelled, only left behind. asyncio's own pool has a handful of threads, which as many
    # dead name servers would occupy, and asyncio.run would wait for them at the end.
    pool = ThreadPoolExecutor(threads, thread_name_prefix="lookup")

    async def lookup(host: str, port: int) -> tuple[str, ...]:
        found = await asyncio.get_running_loop().run_in_executor(pool, _addresses, host, port)
        return tuple(sorted(found, key=lambda address: ":" in address))

    try:
        yield lookup
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))
