"""The main loop: desired state, one pass over all services, ticks, and a heartbeat that vouches for it all."""

import threading
from collections.abc import Callable

from paramedic.clock import Clock
from paramedic.state.heartbeat import HEARTBEAT_SECONDS, beat
from paramedic.state.tables import StateUnreachableError
from paramedic.state.transactions import TransactionRefusedError
from paramedic_controller.board import Board
from paramedic_controller.fleet import Fleet
from paramedic_controller.silence import Silence


class MainLoop:
    """Runs passes until told to stop. `wake` ends the pause between two passes early."""

    def __init__(
        self,
        fleet: Fleet,
        board: Board,
        *,
        epoch: int,
        pass_seconds: float,
        clock: Clock,
        warn: Callable[[str], None],
    ) -> None:
        self._fleet = fleet
        self._board = board
        self._epoch = epoch
        self._pass_seconds = pass_seconds
        self._clock = clock
        self._warn = warn
        self._stopping = threading.Event()
        self._beat_at: float | None = None
        self.wake = threading.Event()

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End within one pass; safe to call from a signal handler."""
        # Not through `wake`: the interrupted thread may hold that event's lock.
        self._stopping.set()

    def run(self) -> None:
        """Run until `stop`.

        Raises:
            FencedError: a newer epoch owns the state.
        """
        while not self._stopping.is_set():
            self.wake.clear()
            try:
                self.run_pass()
            except (StateUnreachableError, TransactionRefusedError) as error:
                # Says nothing about what is stored: keep everything as it is and ask again.
                self._warn(f"this pass was not completed: {error}")
            if not self._fleet.is_behind:
                self.wake.wait(self._pass_seconds)

    def run_pass(self) -> None:
        """One pass, and a heartbeat when one is due: only a completed pass may vouch for the controller.

        Raises:
            FencedError: a newer epoch owns the state.
            StateUnreachableError: DynamoDB did not answer, if only about some services.
            TransactionRefusedError: this controller may not write its own fences.
        """
        silence = Silence()
        for step in (self._fleet.follow_desired, self._fleet.run_pass):
            with silence.tolerated():
                step()
        if silence.count == 0 and not self._board.has_passed:
            # Every service is looked after; nobody needs to wait for all the traffic that the ticks read besides.
            self._show()
        with silence.tolerated():
            self._fleet.tick_when_due()
        silence.end()
        self._show()
        now = self._clock.monotonic()
        if self._beat_at is None or now - self._beat_at >= HEARTBEAT_SECONDS:
            self._board.heartbeat_sequence = beat(self._fleet.controller_id, self._epoch, self._clock)
            self._beat_at = now

    def _show(self) -> None:
        self._board.passed(self._fleet.states(), self._fleet.quarantined, self._fleet.waiting)
