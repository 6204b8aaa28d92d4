"""One answer per request id, also when a person's client gave up waiting and asked again."""

from collections.abc import Callable
from typing import Any, cast

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyValidationError

from paramedic.errors import InvalidInputError
from paramedic.recovery.messages import ByHand

REMEMBER_SECONDS = 3600


def once_per_request(
    action: Callable[[], dict[str, Any]], *, request: ByHand, table: str, context: Any
) -> dict[str, Any]:
    """Run `action`, or return what it returned to the same request within the last hour.

    Raises:
        InvalidInputError: another request had that id.
        IdempotencyAlreadyInProgressError: the first request is still being worked on.
    """
    config = IdempotencyConfig(
        event_key_jmespath="request_id",
        payload_validation_jmespath="request",
        expires_after_seconds=REMEMBER_SECONDS,
        lambda_context=context,
    )
    store = DynamoDBPersistenceLayer(table_name=table)

    @idempotent_function(data_keyword_argument="request", config=config, persistence_store=store)  # type: ignore[untyped-decorator]
    def remembered(*, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - what it is remembered by
        return action()

    asked = {"request_id": request.request_id, "request": request.model_dump(mode="json")}
    try:
        return cast(dict[str, Any], remembered(request=asked))
    except IdempotencyValidationError as error:
        problem = "was another request's within the last hour; send one of its own"
        raise InvalidInputError("event.request_id", request.request_id, problem) from error
