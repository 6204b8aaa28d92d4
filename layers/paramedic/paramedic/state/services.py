"""Table `services`: desired state (users), observed state (controller), fences, specs and reservations."""

from enum import StrEnum

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.downtimes import PlannedDowntime
from paramedic.state.tables import Row, TableMeta

TABLE = "services"

KEPT_VERSIONS = 10
"""Specs older than the last ones are removed: nobody goes back further, and a service's partition stays small."""

RUNNING, PAUSED, DOWN = "running", "paused", "down"


class PausedBy(StrEnum):
    """Who may start a paused service again: the end of its downtime, or only a person."""

    DOWNTIME = "downtime"
    PERSON = "person"


def fence_item(service: str) -> str:
    """Range key of the service's fence."""
    return f"fence#{service}"


def desired_item(service: str) -> str:
    """Range key of what users want."""
    return f"desired#{service}"


def observed_item(service: str) -> str:
    """Range key of what the controller last saw."""
    return f"observed#{service}"


def spec_item(service: str, version: int) -> str:
    """Range key of one immutable spec version."""
    return f"spec#{service}#{version:08d}"


def gateway_partition(gateway: str) -> str:
    """Hash key under which a gateway's ports and service names are reserved."""
    return f"gateway/{gateway}"


def port_item(port: int) -> str:
    """Range key of one port's reservation."""
    return f"port#{port:05d}"


def name_item(service: str) -> str:
    """Range key of one service name's reservation."""
    return f"name#{service}"


class ServiceFence(Row):
    """Who may write the service's rows. Never deleted; `last_write` tells a lost reply from a refused write."""

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    owner_epoch = NumberAttribute()
    seq = NumberAttribute()
    last_write = UnicodeAttribute(null=True)

    @property
    def service(self) -> str:
        """The service's name."""
        return str(self.item).removeprefix("fence#")


class DesiredService(Row):
    """What users want; every change is conditional on the `revision` that was read.

    `generation` is the first of the versions whose replicas run what `version` says; absent, it is `version` itself.
    While the state is paused, `paused_by` is one of `PausedBy`, and `pause_reason` is for people. `resumed_at` is when
    a person last resumed it: a downtime that had begun by then does not pause it again. `move_to` is the controller
    that it is to be handed over to.
    """

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    uid = UnicodeAttribute()
    revision = NumberAttribute()
    version = NumberAttribute()
    generation = NumberAttribute(null=True)
    state = UnicodeAttribute()
    gateway = UnicodeAttribute()
    port = NumberAttribute()
    changed_by = UnicodeAttribute()
    changed_at = UnicodeAttribute()
    paused_by = UnicodeAttribute(null=True)
    pause_reason = UnicodeAttribute(null=True)
    resumed_at = UnicodeAttribute(null=True)
    move_to = UnicodeAttribute(null=True)

    @property
    def service(self) -> str:
        """The service's name."""
        return str(self.item).removeprefix("desired#")


class ObservedService(Row):
    """What the controller made of it; written only with the fence. `next_replica_id` never goes back.

    `generation` is the one that serves; `settled_revision` and `failed_revision` are the last desired revisions that
    were reached, and that could not be; after `failures` in a row nothing is launched before `retry_at`.
    """

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    uid = UnicodeAttribute()
    revision = NumberAttribute()
    version = NumberAttribute()
    status = UnicodeAttribute()
    message = UnicodeAttribute(default_for_new="")
    next_replica_id = NumberAttribute()
    generation = NumberAttribute(null=True)
    settled_revision = NumberAttribute(null=True)
    failed_revision = NumberAttribute(null=True)
    failures = NumberAttribute(null=True)
    retry_at = UnicodeAttribute(null=True)


class ServiceSpecRow(Row):
    """One version of the spec as JSON text, immutable."""

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    uid = UnicodeAttribute()
    spec = UnicodeAttribute()


class PortReservation(Row):
    """A gateway's port belongs to one service uid; put if absent, deleted with the service."""

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    service = UnicodeAttribute()
    uid = UnicodeAttribute()


class NameReservation(Row):
    """A service name of a gateway belongs to one service uid of the controller `owner`, or to nobody.

    Never deleted: `route_revision` is the last one of the name's services that ended, and the next one continues from
    there, so that no gateway sees a revision go back.
    """

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    owner = UnicodeAttribute(null=True)
    uid = UnicodeAttribute(null=True)
    route_revision = NumberAttribute(null=True)


MODELS = (
    ServiceFence,
    DesiredService,
    ObservedService,
    ServiceSpecRow,
    PortReservation,
    NameReservation,
    PlannedDowntime,
)
