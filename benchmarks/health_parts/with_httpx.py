"""The same sweep by httpx, as a monitor that uses it would make it; a process of its own: `python -m …with_httpx`."""

import argparse
import asyncio
import json
import time
from collections import Counter

import httpx

CONNECTIONS = 100


async def swept(urls: list[str]) -> Counter[str]:
    """GET each URL over a connection of its own; by kind what came of it."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=0)
    patience = httpx.Timeout(60.0)
    turns = asyncio.Semaphore(CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=patience) as client:

        async def got(url: str) -> str:
            # More at once than it has connections, and it spends its time on the queue for them.
            async with turns:
                try:
                    return str((await client.get(url)).status_code)
                except httpx.HTTPError as error:
                    return type(error).__name__

        return Counter(await asyncio.gather(*(got(url) for url in urls)))


def main() -> None:
    """Sweep once; prints one JSON line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("urls", type=argparse.FileType())
    urls = options.parse_args().urls.read().split()
    started, worked = time.monotonic(), time.process_time()
    kinds = asyncio.run(swept(urls))
    spent = time.process_time() - worked
    print(json.dumps({"seconds": time.monotonic() - started, "cpu_seconds": spent, "kinds": kinds}))


if __name__ == "__main__":
    main()
