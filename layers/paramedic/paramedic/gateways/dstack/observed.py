"""What is seen of a gateway replica: through its API, and by requests through its data plane. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from paramedic.gateways.dstack.api import ListedService
from paramedic.gateways.dstack.desired import Service


class Reached(StrEnum):
    """What came of asking. `STRANGE` answered, and not as a gateway of dstack 0.22 does."""

    ANSWERS = "answers"
    REFUSES = "refuses"
    SILENT = "silent"
    STRANGE = "strange"


class Seen(StrEnum):
    """A service through the data plane of one replica.

    `BROKEN` is nginx's own word that it has nowhere to send the request, or no nginx. `OTHERWISE` is an answer that
    proves nothing: not the expected one, or one that any host name gets. `UNKNOWN` says nothing at all.
    """

    SERVES = "serves"
    BROKEN = "broken"
    OTHERWISE = "otherwise"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Look:
    """One look at one replica. `listed` is None where the list is not known, which is not an empty one."""

    api: Reached
    said: str
    listed: Mapping[str, ListedService] | None
    door: Reached
    seen: Mapping[str, Seen]

    def lists(self, service: Service) -> ListedService | None:
        """`service` as listed, if it is listed with the settings it should have."""
        found = (self.listed or {}).get(service.key)
        return found if found is not None and found.id == service.registered_id else None

    def may_be_served(self, service: Service) -> bool:
        """Whether a request for it can succeed: it has replicas, and one is listed where the list is known."""
        if self.listed is None:
            return bool(service.replicas)
        listed = self.lists(service)
        return listed is not None and any(each.id in service.replicas_by_id for each in listed.replicas)

    def sees(self, service: Service) -> Seen:
        """What a request for `service` came to."""
        return self.seen.get(service.key, Seen.UNKNOWN)
