"""Clients that know every gateway replica, and ask the next one where one does not answer as it should."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, product

import httpx

CLIENTS = 4
PAUSE_SECONDS = 0.01
PATIENCE_SECONDS = 10.0

type Sent = Counter[int]
"""How many requests were answered by the so-manieth replica that was asked; `NOBODY` of those that none answered."""

NOBODY = -1


class Traffic:
    """Requests for all services, each to another replica first."""

    def __init__(self, replicas: Sequence[str], services: Sequence[str]) -> None:
        self._replicas = replicas
        self._services = services
        self._over = threading.Event()
        self._running: list[Future[Sent]] = []

    def start(self, pool: ThreadPoolExecutor) -> None:
        """Have all clients send."""
        self._running = [pool.submit(self._send) for _ in range(CLIENTS)]

    def stop(self) -> Sent:
        """Send nothing new; what was sent, once all of it was answered or has failed."""
        self._over.set()
        return sum((each.result() for each in self._running), Counter[int]())

    def _send(self) -> Sent:
        sent = Counter[int]()
        turns = cycle(product(self._services, range(len(self._replicas))))
        with httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False) as http:
            while not self._over.wait(PAUSE_SECONDS):
                service, first = next(turns)
                order = (*self._replicas[first:], *self._replicas[:first])
                answered = (tried for tried, replica in enumerate(order) if is_served(http, replica, service))
                sent[next(answered, NOBODY)] += 1
        return sent


def is_served(http: httpx.Client, replica: str, service: str) -> bool:
    """Whether this replica brings a request for the service there."""
    try:
        return http.get(replica, headers={"host": service}).is_success
    except httpx.TransportError:
        return False


@contextmanager
def traffic(replicas: Sequence[str], services: Sequence[str]) -> Iterator[Traffic]:
    """Clients that send from now on; `replicas` are URLs, `services` what requests name as their host."""
    made = Traffic(replicas, services)
    with ThreadPoolExecutor(CLIENTS) as pool:
        made.start(pool)
        try:
            yield made
        finally:
            made.stop()
