"""Work that repeats in a thread of its own; one that fails for a reason nobody foresaw ends the agent."""

import threading
from collections.abc import Callable
from random import Random


class Crew:
    """The agent's threads. `failed` is set when one of them ended by an error, which sets `woken`, as others may."""

    def __init__(self, on_error: Callable[[str, Exception], None], woken: threading.Event) -> None:
        self._on_error = on_error
        self._stopping = threading.Event()
        self._woken = woken
        self._random = Random()
        self._threads: list[threading.Thread] = []
        self.failed = False

    def repeat(self, name: str, work: Callable[[], None], seconds: float) -> None:
        """Do `work` now and every `seconds`, a tenth more or less, so that a fleet does not ask all at once."""

        def run() -> None:
            work()
            while not self._stopping.wait(seconds * self._random.uniform(0.9, 1.1)):
                work()

        self.start(name, run)

    def start(self, name: str, run: Callable[[], None]) -> None:
        """Run `run` in a thread."""

        def guarded() -> None:
            try:
                run()
            except Exception as error:  # noqa: BLE001 - handed on: the agent ends with it rather than limp on without
                self.failed = True
                self._on_error(name, error)
                self._woken.set()

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        """Until somebody sets `woken`."""
        self._woken.wait()

    def stop(self, patience: float) -> None:
        """Have all threads end after what they are at."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(patience)
