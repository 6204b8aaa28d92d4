"""Revisions that gateways hold and the tables lost: what a restore from a backup leaves behind."""

from collections.abc import Callable, Mapping

from paramedic.clock import Clock
from paramedic.state.tables import InvalidRowError
from paramedic_controller.gateway_reports import GatewayReports
from paramedic_controller.model import ServiceState

LOOK_SECONDS = 10.0
"""How often a gateway's reports are read for this. It is never urgent: gateways serve what they have."""


class AheadReader:
    """Looks at each gateway's reports now and then, for all of its services at once."""

    def __init__(self, reports: GatewayReports, clock: Clock, warn: Callable[[str], None]) -> None:
        self._reports = reports
        self._clock = clock
        self._warn = warn
        self._seen: dict[str, tuple[float, Mapping[str, int]]] = {}

    def read(self, state: ServiceState) -> int:
        """The highest revision of the service's routes that a gateway replica says the tables are behind; 0 if none.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        gateway, now = state.desired.gateway, self._clock.monotonic()
        looked_at, _ = self._seen.get(gateway, (None, {}))
        if looked_at is None or now - looked_at >= LOOK_SECONDS:
            self._seen[gateway] = (now, self._look(gateway))
        return self._seen[gateway][1].get(state.desired.uid, 0)

    def _look(self, gateway: str) -> Mapping[str, int]:
        highest: dict[str, int] = {}
        try:
            rows = self._reports.read(gateway, LOOK_SECONDS)
        except InvalidRowError as error:
            self._warn(f"whether gateway {gateway} is ahead of the tables is not known: {error}")
            return highest
        for revisions in (row.ahead.revisions for row in rows if row.ahead is not None):
            for uid, revision in revisions.items():
                highest[uid] = max(revision, highest.get(uid, 0))
        return highest
