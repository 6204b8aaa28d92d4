"""Transactions over rows, with bounded retries that never mistake trouble for refusal.

`TransactionConflict`, throttling and a silent DynamoDB are retried within a budget. A failed condition, and a write
that DynamoDB will never accept, are errors of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.state.connection import RETRY_SECONDS, patiently, shared_connection
from paramedic.state.tables import Row, StateUnreachableError

MAX_CHANGES = 100
"""DynamoDB's limit on items in one transaction."""

_TRANSIENT_CODES = frozenset(
    {
        "TransactionInProgressException",
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "InternalServerError",
        "ServiceUnavailable",
    }
)
_TRANSIENT_REASONS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})

_REFUSALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "IdempotentParameterMismatchException",
        "ItemCollectionSizeLimitExceeded",
        "ItemCollectionSizeLimitExceededException",
        "ResourceNotFoundException",
        "ValidationError",
        "ValidationException",
    }
)
"""Codes, of a whole call or of one of its rows, that the same call meets every time."""


@dataclass(frozen=True)
class Put:
    """Write a whole new row."""

    row: Row
    condition: Condition | None = None


@dataclass(frozen=True)
class Update:
    """Change attributes of the row with this key (created when absent, unless the condition forbids it)."""

    row: Row
    actions: tuple[Action, ...]
    condition: Condition | None = None


@dataclass(frozen=True)
class Check:
    """Require a condition of a row that is not changed."""

    model: type[Row]
    hash_key: object
    range_key: object | None
    condition: Condition


@dataclass(frozen=True)
class Delete:
    """Remove the row with this key."""

    row: Row
    condition: Condition | None = None


type Change = Put | Update | Check | Delete

# TransactWrite sends its items grouped in this order, and cancellation reasons come back in it.
_SEND_ORDER: tuple[type[Change], ...] = (Check, Delete, Put, Update)


class ConditionFailedError(ParamedicError):
    """At least one condition did not hold, and nothing was written by the last try.

    An earlier try of the same call may have been applied without its answer arriving, so a caller reads what it
    wrote before it believes the refusal.

    Attributes:
        failed: indexes, into the changes given, of the conditions that did not hold.
    """

    def __init__(self, failed: tuple[int, ...], text: str) -> None:
        self.failed = failed
        super().__init__(f"condition of change {', '.join(map(str, failed))} did not hold: {text}")


class TransactionRefusedError(ParamedicError):
    """DynamoDB answered that it does not accept this write, and nothing was written: repeating it changes nothing.

    Attributes:
        code: DynamoDB's own word for it.
    """

    def __init__(self, code: str, rows: str, why: str) -> None:
        self.code = code
        super().__init__(f"DynamoDB refuses to write {rows} ({code}): {why}")


class TooManyChangesError(ParamedicError):
    """More changes than fit one transaction; the caller must split them."""


class _TransientError(Exception):
    pass


def put_new(row: Row) -> Put:
    """Put `row` only where no row with its key exists."""
    return Put(row, type(row).hash_key_attribute().does_not_exist())


def transact(changes: Sequence[Change], clock: Clock, *, token: str | None = None) -> None:
    """Apply all `changes` or none.

    Raises:
        ConditionFailedError: a condition did not hold.
        TooManyChangesError: more than 100 changes.
        TransactionRefusedError: DynamoDB does not accept one of the changes, or the caller may not make them.
        StateUnreachableError: no final answer within the retry budget; re-read before deciding anything.
    """
    if len(changes) > MAX_CHANGES:
        raise TooManyChangesError(f"{len(changes)} changes do not fit one transaction of {MAX_CHANGES}")
    try:
        patiently(_Attempt(changes, token), _TransientError, clock)
    except _TransientError as error:
        raise StateUnreachableError(f"transaction got no final answer in {RETRY_SECONDS} s: {error}") from error


class _Attempt:
    """One transaction as sent again and again."""

    def __init__(self, changes: Sequence[Change], token: str | None) -> None:
        self._order = sorted(range(len(changes)), key=lambda i: _SEND_ORDER.index(type(changes[i])))
        self._changes = changes
        self._token = token

    def __call__(self) -> None:
        try:
            with TransactWrite(connection=shared_connection(), client_request_token=self._token) as transaction:
                for index in self._order:
                    _add(transaction, self._changes[index])
        except TransactWriteError as error:
            raise self._classified(error) from error
        except PynamoDBException as error:
            raise StateUnreachableError(f"transaction failed: {error}") from error

    def _classified(self, error: TransactWriteError) -> Exception:
        codes = [reason.code if reason else "None" for reason in error.cancellation_reasons]
        failed = self._where(codes, frozenset({"ConditionalCheckFailed"}))
        if failed:
            return ConditionFailedError(failed, self._describe(failed))
        if any(code in _TRANSIENT_REASONS for code in codes):
            return _TransientError(error)
        if isinstance(error.cause, BotoCoreError) or error.cause_response_code in _TRANSIENT_CODES:
            return _TransientError(error)
        return self._refusal(error, codes) or StateUnreachableError(f"transaction refused: {error}")

    def _refusal(self, error: TransactWriteError, codes: Sequence[str]) -> TransactionRefusedError | None:
        """What DynamoDB will never accept: one row, where it says which, or the call as a whole."""
        rows = self._where(codes, _REFUSALS)
        if rows:
            code = next(code for code in codes if code in _REFUSALS)
            return TransactionRefusedError(code, self._describe(rows), str(error.cause_response_message))
        code = error.cause_response_code or ""
        if code not in _REFUSALS:
            return None
        every = self._describe(tuple(range(len(self._changes))))
        return TransactionRefusedError(code, every, str(error.cause_response_message))

    def _where(self, codes: Sequence[str], wanted: frozenset[str]) -> tuple[int, ...]:
        """Indexes, into the changes given, of those that ended with one of the codes `wanted`."""
        return tuple(self._order[i] for i, code in enumerate(codes) if code in wanted)

    def _describe(self, failed: tuple[int, ...]) -> str:
        return "; ".join(_name(self._changes[i]) for i in failed)


def _name(change: Change) -> str:
    if isinstance(change, Check):
        return f"{change.model.__name__}[{change.hash_key}, {change.range_key}]"
    return f"{type(change.row).__name__}[{change.row.key_text()}]"


def _add(transaction: TransactWrite, change: Change) -> None:
    match change:
        case Check(model, hash_key, range_key, condition):
            transaction.condition_check(model, _key(hash_key), _key(range_key), condition=condition)
        case Delete(row, condition):
            transaction.delete(row, condition=condition)
        case Put(row, condition):
            transaction.save(row, condition=condition)
        case Update(row, actions, condition):
            transaction.update(row, actions=list(actions), condition=condition)


def _key(value: object) -> Any:
    return value
