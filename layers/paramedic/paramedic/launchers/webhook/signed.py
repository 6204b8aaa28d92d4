"""Signed requests to an endpoint: each can be verified, is good for a short time and for once.

docs/launchers.md shows how an endpoint verifies them.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import BaseModel

from paramedic.clock import Clock
from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import EpochRefusedError, KeyAlreadyUsedError, LauncherError
from paramedic.launchers.waiting import unless_busy
from paramedic.launchers.webhook.messages import Refusal
from paramedic.validation import validated_json

TIMEOUT_SECONDS = 20.0
LONGEST_SHOWN = 300


class WebhookError(LauncherError):
    """The endpoint refused, gave no answer, or one that cannot be understood."""


class EndpointBusyError(WebhookError):
    """The endpoint was not reached, or had no time. Asking again by the same key is harmless and may help."""


def signature_of(secret: str, *parts: str) -> str:
    """HMAC-SHA256 of timestamp, delivery, method, path and body, in this order and a line each."""
    return "v1=" + hmac.new(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class SignedRequests:
    """Asks one endpoint. `new_id` names each request, the same one sent again included."""

    client: httpx.Client
    secret: str = field(repr=False)
    clock: Clock
    new_id: Callable[[], str]

    def post(self, url: str, message: Mapping[str, Any], *, idempotency_key: str | None = None) -> httpx.Response:
        """Have something done.

        Raises:
            WebhookError: neither done nor accepted.
            KeyAlreadyUsedError, EpochRefusedError: the endpoint says so.
        """
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return self._send("POST", httpx.URL(url), json.dumps(message), {"Content-Type": "application/json", **headers})

    def get(self, url: str) -> httpx.Response:
        """Ask for a status.

        Raises:
            WebhookError: there is none.
        """
        return self._send("GET", httpx.URL(url), "", {})

    def _send(self, method: str, url: httpx.URL, body: str, headers: Mapping[str, str]) -> httpx.Response:
        def is_busy(error: LauncherError) -> bool:
            return isinstance(error, EndpointBusyError)

        return unless_busy(lambda: self._send_once(method, url, body, headers), is_busy, self.clock)

    def _send_once(self, method: str, url: httpx.URL, body: str, headers: Mapping[str, str]) -> httpx.Response:
        timestamp, delivery = str(int(self.clock.now().timestamp())), self.new_id()
        signed = {
            "Paramedic-Timestamp": timestamp,
            "Paramedic-Delivery": delivery,
            "Paramedic-Signature": signature_of(self.secret, timestamp, delivery, method, url.raw_path.decode(), body),
        }
        try:
            answer = self.client.request(method, url, content=body, headers={**headers, **signed})
        except httpx.ConnectError as error:
            raise EndpointBusyError(f"{method} {url}: not reached: {error!r}") from error
        except httpx.HTTPError as error:
            raise WebhookError(f"{method} {url}: no answer: {error!r}") from error
        if answer.status_code == HTTPStatus.CONFLICT:
            raise _refusal(answer)
        if answer.status_code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            raise EndpointBusyError(f"{method} {url}: {answer.status_code} {answer.text[:LONGEST_SHOWN]}")
        if answer.status_code not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            raise WebhookError(f"{method} {url}: {answer.status_code} {answer.text[:LONGEST_SHOWN]}")
        return answer


def read[M: BaseModel](model: type[M], answer: httpx.Response) -> M:
    """What the endpoint says.

    Raises:
        WebhookError: it cannot be understood.
    """
    try:
        return validated_json(model, answer.content, "answer")
    except InvalidInputError as error:
        raise WebhookError(f"{answer.url} answers something else than {model.__name__}: {error}") from None


def _refusal(answer: httpx.Response) -> LauncherError:
    refusal = read(Refusal, answer)
    kind = KeyAlreadyUsedError if refusal.error == "key_used" else EpochRefusedError
    return kind(f"{answer.url} refuses, {refusal.error}: {refusal.detail}")
