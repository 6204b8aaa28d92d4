"""Table `dstack_gateways`: what gateways of dstack should have, and what was found of each of their replicas.

No key is in these rows, but where keys are sent: whoever writes them could have them sent to another place.
"""

import zlib
from collections.abc import Mapping
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from paramedic.state.tables import InvalidRowError, Row, TableMeta

TABLE = "dstack_gateways"

DESIRED = "desired"
SERVICE = "service#"


def replica_item(replica: str) -> str:
    """The range key of a gateway replica."""
    return f"replica#{replica}"


def service_item(key: str) -> str:
    """The range key of a service, which `key` names with its project."""
    return f"{SERVICE}{key}"


class _Note(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Problem(StrEnum):
    """What keeps a service, or one of its replicas, from being as desired."""

    REFUSED = "refused"
    UNANSWERED = "unanswered"
    NOT_SERVING = "not_serving"


class Trouble(_Note):
    """A problem with what a gateway knows as `id`. After `attempts` nothing is tried before `retry_at`.

    `said` is for people.
    """

    id: str
    problem: Problem
    attempts: int
    retry_at: AwareDatetime
    said: str


class ReplicaNotes(_Note):
    """What later passes must know of a gateway replica.

    `registered` are the services, with their ids, of which a request through its data plane last succeeded. `unknown`
    are those, with their ids, that were listed in the last pass and that nobody asked for. `closed_passes` are passes
    in a row, three at most, in which its API refused connections while its nginx answered.
    """

    registered: Mapping[str, str] = {}
    unknown: Mapping[str, str] = {}
    troubles: Mapping[str, Trouble] = {}
    closed_passes: int = 0


class DstackGateway(Row):
    """What people asked for but for the services, as JSON; every change, of services too, moves `revision` by one."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=DESIRED)
    desired = UnicodeAttribute()
    revision = NumberAttribute()
    changed_by = UnicodeAttribute()
    changed_at = UnicodeAttribute()


class DstackService(Row):
    """One service as JSON; changed together with its gateway's row only."""

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    desired = UnicodeAttribute()


class DstackReplica(Row):
    """One gateway replica; every change of its notes is conditional on `version`.

    They are compressed JSON: thousands of replicas that are all refused fit one row.
    """

    class Meta(TableMeta):
        pass

    gateway = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    packed = BinaryAttribute(legacy_encoding=False)
    version = NumberAttribute()

    def notes(self) -> ReplicaNotes:
        """What was noted.

        Raises:
            InvalidRowError: it cannot be understood.
        """
        try:
            return ReplicaNotes.model_validate_json(zlib.decompress(self.packed))
        except (zlib.error, ValidationError) as error:
            raise InvalidRowError(self.Meta.table_name, self.key_text(), "packed", "bytes", str(error)) from error


MODELS = (DstackGateway, DstackService, DstackReplica)


def packed_notes(notes: ReplicaNotes) -> bytes:
    """`notes` as a row keeps them."""
    return zlib.compress(notes.model_dump_json().encode())
