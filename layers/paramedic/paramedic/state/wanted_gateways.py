"""What people want of gateways, and what was done for it: rows of table `gateways`, apart from what replicas say.

They lie under `desired_key` of a gateway's name, where no gateway replica may write.
"""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Predecessor
from paramedic.state.tables import OptionalJsonAttribute, Row, TableMeta

TABLE = "gateways"

DESIRED = "desired/"
"""What the partitions begin with in which no gateway replica writes; no gateway's name has a slash."""

GATEWAY_ITEM = 0
"""The number under which the gateway itself stands among its replicas, which count from 1."""


def desired_key(gateway: str) -> str:
    """The partition that holds what is wanted of `gateway`."""
    return f"{DESIRED}{gateway}"


class GatewayNames(Row):
    """The names of all gateways that somebody wants, or that are being taken down: one look finds them."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True, default=DESIRED)
    replica_num = NumberAttribute(range_key=True, default=GATEWAY_ITEM)
    names = UnicodeSetAttribute(null=True)


class GatewayState(StrEnum):
    """What people want of a gateway."""

    WANTED = "wanted"
    DOWN = "down"


class DesiredGateway(Row):
    """What people want: `spec` as JSON text. `revision` grows with every change, `version` with those that replace
    replicas.

    `lease_owner` works on the gateway until `lease_until` (seconds since 1970).
    """

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    replica_num = NumberAttribute(range_key=True, default=GATEWAY_ITEM)
    spec = UnicodeAttribute()
    revision = NumberAttribute()
    version = NumberAttribute()
    state = UnicodeAttribute()
    changed_by = UnicodeAttribute()
    changed_at = UnicodeAttribute()
    lease_owner = UnicodeAttribute(null=True)
    lease_until = NumberAttribute(null=True)

    @property
    def name(self) -> str:
        """The gateway's name."""
        return str(self.gateway).removeprefix(DESIRED)


class Phase(StrEnum):
    """Where a placed replica stands. `WAITING`: until it may be tried again. `ENDING`: what came to nothing is stopped,
    and tried again. `LEAVING`: it is stopped for good.
    """

    WAITING = "waiting"
    LAUNCHING = "launching"
    LAUNCHED = "launched"
    SERVING = "serving"
    ENDING = "ending"
    LEAVING = "leaving"


class RouteSeen(BaseModel):
    """What a request for a service through a replica's data plane came to, when the service stood at `revision`.

    Not `reached`: the service had no ready replica then, so there was nothing to reach.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    revision: int
    reached: bool = True


class RoutesSeen(BaseModel):
    """By service; what is not named was not seen yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    services: Mapping[str, RouteSeen] = {}


class ToStop(BaseModel):
    """Everything that may still act for older epochs of a replica."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    predecessors: tuple[Predecessor, ...] = ()


class PlacedReplica(Row):
    """One replica that is to be, is, or was: launched under `epoch` by `profile` for `version` of its gateway.

    `phase_at` is since when it stands where it does, `not_before` until when it waits, `reason` why, for people.
    `attempts` are those in a row that came to nothing; `to_stop` is what an ending or leaving one has to see end.
    `change` makes every change a compare-and-set.
    """

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    replica_num = NumberAttribute(range_key=True)
    epoch = NumberAttribute()
    version = NumberAttribute()
    profile = UnicodeAttribute()
    phase = UnicodeAttribute()
    phase_at = UnicodeAttribute()
    attempts = NumberAttribute(default_for_new=0)
    not_before = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    receipt = OptionalJsonAttribute(Receipt)
    to_stop = OptionalJsonAttribute(ToStop)
    routes = OptionalJsonAttribute(RoutesSeen)
    change = NumberAttribute()


def read_names() -> frozenset[str]:
    """The names of all gateways that are wanted or being taken down.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    row = GatewayNames.read(DESIRED, GATEWAY_ITEM)
    return frozenset(row.names or ()) if row is not None else frozenset()


def read_desired(gateway: str) -> DesiredGateway | None:
    """What is wanted of `gateway`; None where nobody wants any.

    Raises:
        InvalidRowError: its row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    return DesiredGateway.read(desired_key(gateway), GATEWAY_ITEM)


def read_placed(gateway: str) -> list[PlacedReplica]:
    """Every replica that was placed for `gateway` and is not gone, in order of number.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    return PlacedReplica.read_all(desired_key(gateway), PlacedReplica.replica_num > GATEWAY_ITEM)


MODELS = (GatewayNames, DesiredGateway, PlacedReplica)
