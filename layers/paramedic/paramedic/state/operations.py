"""Table `operations`: the journal of intended side effects. Restore reads only the open ones."""

from enum import StrEnum

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.tables import Row, TableMeta

TABLE = "operations"

DONE_ROWS_LIVE_SECONDS = 7 * 24 * 3600
"""How long a finished operation stays readable for people."""


class OperationKind(StrEnum):
    """What is about to be done."""

    LAUNCH = "launch"
    STOP = "stop"


def open_item(operation_id: str) -> str:
    """Range key while the operation is open."""
    return f"open#{operation_id}"


def done_item(operation_id: str) -> str:
    """Range key once its outcome is recorded."""
    return f"done#{operation_id}"


class Operation(Row):
    """One side effect on one replica; its id is the launcher's key, so doing it again does it once."""

    class Meta(TableMeta):
        pass

    service_uid = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute()
    replica_id = NumberAttribute()
    version = NumberAttribute()
    reason = UnicodeAttribute()
    opened_by_epoch = NumberAttribute()
    opened_at = UnicodeAttribute()
    outcome = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)

    @property
    def operation_id(self) -> str:
        """The id without its open/done marker."""
        return str(self.item).partition("#")[2]


MODELS = (Operation,)
