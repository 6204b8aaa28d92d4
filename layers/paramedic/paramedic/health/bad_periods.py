"""Stores what is wrong with a target: one conditional update each time that changes."""

from pynamodb.exceptions import PynamoDBException, UpdateError
from pynamodb.expressions.update import Action

from paramedic.errors import ParamedicError
from paramedic.state.tables import StateUnreachableError
from paramedic.state.targets import BadPeriod, Beginnings, Target


class JudgedElsewhereError(ParamedicError):
    """Another check changed the target's record since it was read, or the target was removed."""


def store_bad_period(row: Target, bad: BadPeriod | None, beginnings: Beginnings | None = None) -> None:
    """Replace what is recorded of `row`'s target, None for nothing; `row` then holds what is stored.

    `beginnings` replaces those stored, unless it is None.

    Raises:
        JudgedElsewhereError: the record is not as it was read; nothing was written.
        StateUnreachableError: DynamoDB did not answer.
    """
    seen = row.bad_version
    unchanged = Target.bad_version == seen if seen else Target.bad_version.does_not_exist()
    actions: list[Action] = [
        Target.bad.remove() if bad is None else Target.bad.set(bad),
        # The version outlives the record: removed and made again, it is still another one.
        Target.bad_version.set(int(seen or 0) + 1),
    ]
    if beginnings is not None:
        actions.append(Target.beginnings.set(beginnings))
    try:
        row.update(actions=actions, condition=Target.target_id.exists() & unchanged)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            raise JudgedElsewhereError(f"target {row.target_id} was judged or removed meanwhile") from error
        raise StateUnreachableError(f"verdict of {row.target_id}: {error}") from error
    except PynamoDBException as error:
        raise StateUnreachableError(f"verdict of {row.target_id}: {error}") from error
