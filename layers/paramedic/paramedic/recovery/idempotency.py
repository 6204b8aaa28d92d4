"""One answer per request id, also when a person's client gave up waiting and asked again."""

from collections.abc import Callable
from typing import Any, cast

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

REMEMBER_SECONDS = 3600


def once_per_request(
    action: Callable[[], dict[str, Any]], *, request_id: str, table: str, context: Any
) -> dict[str, Any]:
    """Run `action`, or return what it returned to the same `request_id` within the last hour.

    Raises:
        IdempotencyAlreadyInProgressError: the first request is still being worked on.
    """
    config = IdempotencyConfig(expires_after_seconds=REMEMBER_SECONDS, lambda_context=context)
    store = DynamoDBPersistenceLayer(table_name=table)

    @idempotent_function(data_keyword_argument="request", config=config, persistence_store=store)  # type: ignore[untyped-decorator]
    def remembered(*, request: str) -> dict[str, Any]:  # noqa: ARG001 - what it is remembered by
        return action()

    return cast(dict[str, Any], remembered(request=request_id))
