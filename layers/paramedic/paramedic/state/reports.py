"""Table `reports`: what targets say of themselves. Each has a partition of its own, so that IAM can tell them apart.

Whoever reports writes nothing but these rows, which are made and removed with their targets.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import PynamoDBException, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from paramedic.clock import to_iso
from paramedic.errors import ParamedicError
from paramedic.state.connection import patiently
from paramedic.state.tables import InvalidRowError, Row, StateUnreachableError, TableMeta

TABLE = "reports"


class UnknownReporterError(ParamedicError):
    """No target of this name waits for reports."""


class Report(Row):
    """The last report of a target; without `reported_at`, none was made since the target was added.

    `reported_at` is the reporter's own time. `problem` is there while it says that it is not well.
    """

    class Meta(TableMeta):
        pass

    target_id = UnicodeAttribute(hash_key=True)
    reported_at = UnicodeAttribute(null=True)
    problem = UnicodeAttribute(null=True)

    @classmethod
    def change(cls, target_id: str, actions: Sequence[Action], condition: Condition) -> None:
        """Update a row and have nothing of it returned, which a reporter need not be allowed to see.

        Raises:
            UpdateError: DynamoDB did not answer, or refused.
        """
        cls._get_connection().update_item(target_id, actions=actions, condition=condition)


MODELS = (Report,)


def report(target_id: str, problem: str | None, now: datetime) -> None:
    """Say that a target is well, or what its `problem` is. One update, and nothing is read.

    Raises:
        UnknownReporterError: it was never added, or was removed.
        StateUnreachableError: DynamoDB did not answer, or does not allow it; repeating it is harmless.
    """
    said = Report.problem.set(problem) if problem else Report.problem.remove()
    actions = (Report.reported_at.set(to_iso(now)), said)
    patiently(lambda: _write(target_id, actions), StateUnreachableError)


def _write(target_id: str, actions: Sequence[Action]) -> None:
    # Not conditional on the last report: one from a clock that was ahead would outlast all true ones.
    there = Report.target_id.exists()
    try:
        Report.change(target_id, actions, there)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            raise UnknownReporterError(f"target {target_id} is not registered, so nobody waits for it") from error
        raise StateUnreachableError(f"report of {target_id}: {error}") from error
    except PynamoDBException as error:
        raise StateUnreachableError(f"report of {target_id}: {error}") from error


def read_reports(target_ids: Sequence[str]) -> Mapping[str, Report | InvalidRowError]:
    """The reports of these targets by id, strongly consistent, or why one cannot be understood.

    Targets without a row are left out.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    found = Report.read_many([(each,) for each in target_ids])
    return {target_id: _with_a_moment(row) for (target_id,), row in found.items()}


def _with_a_moment(row: Report | InvalidRowError) -> Report | InvalidRowError:
    try:
        if isinstance(row, Report) and row.reported_at:
            row.moment("reported_at")
    except InvalidRowError as error:
        return error
    return row
