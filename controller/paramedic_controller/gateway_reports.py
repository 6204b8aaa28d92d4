"""What gateway replicas report, read once for all services of a gateway."""

from collections.abc import Sequence

from paramedic.clock import Clock
from paramedic.state.tables import InvalidRowError
from paramedic.state.traffic import TrafficReport, read_reports

type Rows = Sequence[TrafficReport]


class GatewayReports:
    """Reports of gateways by name; used from one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[float, Rows | InvalidRowError]] = {}

    def read(self, gateway: str, max_age: float) -> Rows:
        """Every replica's report, as it was at most `max_age` seconds ago; expired ones too.

        Raises:
            InvalidRowError: one is malformed.
            StateUnreachableError: DynamoDB did not answer.
        """
        now = self._clock.monotonic()
        looked_at, rows = self._seen.get(gateway, (None, ()))
        if looked_at is None or now - looked_at >= max_age:
            rows = _look(gateway)
            self._seen[gateway] = (now, rows)
        if isinstance(rows, InvalidRowError):
            raise rows
        return rows


def _look(gateway: str) -> Rows | InvalidRowError:
    try:
        return read_reports(gateway)
    except InvalidRowError as error:
        return error
