"""What a check finds goes straight to whom a deployed stack brings it by its bus, queue and topic."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paramedic.health.events import BusEntry, HealthEvent

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class HandedOn:
    """Hands what a relaunch may cure to `recover`, which does not wait, and notices to `page`."""

    page: Callable[[str, str], bool]
    recover: Callable[[HealthEvent], None]

    def publish(self, entries: Sequence[BusEntry]) -> frozenset[str]:
        """The ids of the events that have reached whom they are for; the others are the caller's to send again."""
        return frozenset(entry.event.event_id for entry in entries if self._reaches(entry))

    def _reaches(self, entry: BusEntry) -> bool:
        LOG.info("%s: %s", entry.detail_type, entry.event.sentence)
        if isinstance(entry.event, HealthEvent) and entry.event.cures:
            self.recover(entry.event)
        return entry.event.notice is None or self.page(entry.detail_type, entry.event.sentence)


def page_by_log(subject: str, text: str) -> bool:
    """Tell people where there is no topic: whoever reads the log is told."""
    LOG.warning("%s: %s", subject, text)
    return True
