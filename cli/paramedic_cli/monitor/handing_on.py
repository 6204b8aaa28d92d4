"""What a check finds goes straight to whom a deployed stack brings it by its bus, queue and topic."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paramedic.health.event_details import ControllerFailed, parse_controller_failed
from paramedic.health.events import BusEntry
from paramedic.health.transitions import DetailType

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class HandedOn:
    """Hands failures of controllers to `recover`, which does not wait, and notices to `page`."""

    page: Callable[[str, str], bool]
    recover: Callable[[ControllerFailed], None]

    def publish(self, entries: Sequence[BusEntry]) -> frozenset[str]:
        """The ids of the events that have reached whom they are for; the others are the caller's to send again."""
        return frozenset(entry.event.event_id for entry in entries if self._reaches(entry))

    def _reaches(self, entry: BusEntry) -> bool:
        LOG.info("%s: %s", entry.detail_type, entry.event.sentence)
        if entry.detail_type is DetailType.CONTROLLER_FAILED:
            self.recover(parse_controller_failed(entry.event.model_dump(mode="json")))
        return entry.event.notice is None or self.page(entry.detail_type, entry.event.sentence)


def page_by_log(subject: str, text: str) -> bool:
    """Tell people where there is no topic: whoever reads the log is told."""
    LOG.warning("%s: %s", subject, text)
    return True
