"""A few things at once, none of which keeps another from being done."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock

LOG = logging.getLogger(__name__)


class Jobs:
    """Does what it is given in threads, `at_once` at a time.

    What waits or is under way under a name is not begun again under it. Whatever a job raises is logged and counted.
    """

    def __init__(self, at_once: int) -> None:
        self._pool = ThreadPoolExecutor(at_once)
        self._lock = Lock()
        self._under_way: dict[str, Future[None]] = {}
        self.failed = 0

    def begin(self, name: str, job: Callable[[], None]) -> None:
        """Have `job` done as soon as there is a place for it, unless one of that name is not done yet."""
        with self._lock:
            if name not in self._under_way:
                self._under_way[name] = self._pool.submit(self._do, name, job)

    def wait(self) -> None:
        """Return once everything that was begun is done."""
        while under_way := self._snapshot():
            wait(under_way)

    def end(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._pool.shutdown(cancel_futures=True)

    def _snapshot(self) -> list[Future[None]]:
        with self._lock:
            return [*self._under_way.values()]

    def _do(self, name: str, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:
            # As an invocation of a function that fails: the next one reads again what there is to do.
            LOG.exception("%s failed", name)
            self.failed += 1
        finally:
            with self._lock:
                del self._under_way[name]
