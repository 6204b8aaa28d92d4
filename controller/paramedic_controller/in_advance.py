"""Reads all services of a controller that was just claimed, several at a time: one by one they would take seconds."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from paramedic.errors import ParamedicError
from paramedic.state.fencing import LastWrite
from paramedic.state.tables import StateUnreachableError
from paramedic_controller.model import Desired, ServiceState
from paramedic_controller.restore import read_all_desired, read_service
from paramedic_controller.rows import RowsOfAll
from paramedic_controller.snapshot import Snapshot

READERS = 6
"""More gain nothing: this process is busy with what they bring."""


class InAdvance:
    """States that were read after their fences were sealed. Whatever could not be read is read when it is asked for,
    which then says why.
    """

    def __init__(self, controller_id: str) -> None:
        self._controller_id = controller_id
        self._snapshot = Snapshot()
        self._last_writes: Mapping[str, LastWrite] = {}
        self._silent = Event()

    def sealed(self, last_writes: Mapping[str, LastWrite]) -> None:
        """All fences are this process's, and nobody else writes after `last_writes`: read everything.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        self._last_writes = last_writes
        self._silent.clear()
        wanted = read_all_desired(self._controller_id)
        services = [each for each in wanted.values() if isinstance(each, Desired) and each.name in last_writes]
        rows = RowsOfAll(self._controller_id, services)
        with ThreadPoolExecutor(READERS, thread_name_prefix="restore") as readers:
            for desired in services:
                readers.submit(self._read, desired, rows)

    def read_service(self, desired: Desired) -> ServiceState:
        """Everything stored of the service `desired`, whose fence is sealed.

        Raises:
            InvalidRowError: a row is malformed or missing.
            StateUnreachableError: DynamoDB did not answer.
        """
        state = self._snapshot.take(desired, self._last_writes.get(desired.name))
        return state if state is not None else read_service(self._controller_id, desired)

    def _read(self, desired: Desired, rows: RowsOfAll) -> None:
        if self._silent.is_set():
            return
        try:
            state = read_service(self._controller_id, desired, rows)
        except StateUnreachableError:
            self._silent.set()
        except ParamedicError:
            return
        else:
            self._snapshot.keep(desired.name, self._last_writes[desired.name], state)
