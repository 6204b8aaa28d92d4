"""Launcher `webhook`: the endpoint's word is all the evidence there is."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict

from paramedic.clock import Clock
from paramedic.launchers.interface import (
    Description,
    KeyAlreadyUsedError,
    Launch,
    LauncherError,
    NoPlaceError,
    RunState,
    StopOutcome,
    StopResult,
)
from paramedic.launchers.marks import Marks, shown_environment
from paramedic.launchers.receipts import elsewhere, identity_in, make_receipt, stopped, there, unconfirmed
from paramedic.launchers.stopping import await_end
from paramedic.launchers.webhook.messages import FindAnswer, Found, Launched, RunningAnswer, Status, StopAnswer
from paramedic.launchers.webhook.profile import WebhookProfile
from paramedic.launchers.webhook.signed import SignedRequests, WebhookError, read
from paramedic.state.receipt import Receipt

LAUNCHER = "webhook"


class WebhookIdentity(BaseModel):
    """One workload, as its endpoint knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    id: str
    scope: str
    status_url: str | None = None


@dataclass(frozen=True)
class WebhookLauncher:
    """Runs workloads by asking an endpoint, which must keep the interface's promises."""

    profile: WebhookProfile
    requests: SignedRequests
    clock: Clock

    def launch(self, request: Launch) -> Receipt:
        """Have the workload run, once per key; where that takes a while, the receipt says where to ask.

        Raises:
            EpochRefusedError: the endpoint has seen a higher epoch.
            KeyAlreadyUsedError: the key's workload has ended.
            LauncherError: the endpoint did not take it, or gave no answer.
        """
        message = {**_named(request), "environment": shown_environment(request, self.profile.environment)}
        answer = self._post("launch", message, request.key)
        launched = read(Launched, answer)
        if answer.status_code == HTTPStatus.ACCEPTED and launched.status_url is None:
            raise WebhookError(f"{self.profile.url} accepted the launch and does not say where to ask about it")
        receipt = self._receipt(launched, Marks(request.workload, request.key, request.scope, request.epoch))
        look = self.describe(receipt)
        if look.state is RunState.ABSENT:
            raise KeyAlreadyUsedError(
                f"launch key {request.key!r} of workload {request.workload!r} was used and its workload has ended "
                f"({look.detail}); launch again under a new key"
            )
        return receipt

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt of the key's workload; None when the endpoint says that nothing was started.

        Raises:
            LauncherError: the endpoint did not say.
        """
        found = read(FindAnswer, self._post("find", {"workload": workload, "key": key})).launched
        if found is not None and (found.workload, found.key) != (workload, key):
            raise WebhookError(f"{self.profile.url} answers with {found.key!r} of {found.workload!r} for another key")
        return None if found is None else self._found(found)

    def running(self, scope: str) -> list[Receipt]:
        """What the endpoint says runs for `scope`.

        Raises:
            LauncherError: the endpoint did not say, or that was not all.
        """
        answer = read(RunningAnswer, self._post("running", {"scope": scope}))
        return [self._found(each) for each in answer.running]

    def occupant(self, workload: str) -> Receipt | None:
        """What runs behind an endpoint is known by its launches alone.

        Raises:
            NoPlaceError: always.
        """
        raise NoPlaceError("behind a webhook only its own launches are known, so the profile names no one place")

    def describe(self, receipt: Receipt) -> Description:
        """What the endpoint says of exactly this workload.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """
        foreign = elsewhere(receipt, LAUNCHER)
        if foreign is not None:
            return foreign
        identity = identity_in(receipt, WebhookIdentity)
        if identity.url != self.profile.url:
            return there(identity.url)
        try:
            status = self._status(identity)
        except LauncherError as error:
            return Description(state=RunState.UNKNOWN, detail=str(error))
        return Description(state=status.run_state, detail=f"{identity.id} is {status.state}: {status.detail}")

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """Have the endpoint end exactly this workload; where that takes a while, wait until it says that it has.

        Raises:
            EpochRefusedError: the endpoint has seen a higher epoch.
            InvalidInputError: the receipt's identity is malformed.
        """
        look = self.describe(receipt)
        if look.state is RunState.ELSEWHERE:
            return unconfirmed(look.detail)
        if look.state is RunState.ABSENT:
            return stopped(look.detail)
        identity = identity_in(receipt, WebhookIdentity)
        message = {
            "workload": receipt.workload,
            "key": receipt.key,
            "id": identity.id,
            "scope": scope or identity.scope,
            "epoch": epoch,
            "grace_seconds": grace_seconds,
        }
        confirms = f"{self.profile.url} saying that {identity.id} is absent would confirm it"
        try:
            answer = self._post("stop", message, f"{receipt.key}#stop/{epoch}")
            if answer.status_code == HTTPStatus.OK:
                said = read(StopAnswer, answer)
                over = said.outcome is StopOutcome.STOPPED
                return stopped(said.detail) if over else unconfirmed(f"{said.detail}; {confirms}")
        except WebhookError as error:
            return unconfirmed(f"{error}; {confirms}")
        absent = await_end(receipt, self.describe, self.clock)
        return stopped(absent.detail) if absent is not None else unconfirmed(f"its end was accepted; {confirms}")

    def fence(self, scope: str, epoch: int) -> None:
        """Nothing: each launch and stop carries its epoch, and the endpoint may refuse it."""

    def _post(self, action: str, message: dict[str, Any], key: str | None = None) -> httpx.Response:
        return self.requests.post(self.profile.url, {"action": action, **message}, idempotency_key=key)

    def _status(self, identity: WebhookIdentity) -> Status:
        if identity.status_url is not None:
            # As it was launched or as a row says: either way what is signed goes to no other server.
            return read(Status, self.requests.get(self._same_origin(identity.status_url)))
        return read(Status, self._post("describe", {"id": identity.id}))

    def _found(self, found: Found) -> Receipt:
        launched = Launched(id=found.id, status_url=found.status_url)
        return self._receipt(launched, Marks(found.workload, found.key, found.scope, found.epoch))

    def _receipt(self, launched: Launched, known: Marks) -> Receipt:
        status_url = launched.status_url and self._same_origin(launched.status_url)
        identity = WebhookIdentity(url=self.profile.url, id=launched.id, scope=known.scope, status_url=status_url)
        return make_receipt(LAUNCHER, identity, workload=known.workload, key=known.key, epoch=known.epoch)

    def _same_origin(self, status_url: str) -> str:
        """The URL in full. What is signed for one server is told to no other."""
        own = httpx.URL(self.profile.url)
        try:
            there = own.join(status_url)
        except httpx.InvalidURL as error:
            raise WebhookError(f"{own} answers with a status_url that is none: {error}") from None
        if (there.scheme, there.host, there.port) != (own.scheme, own.host, own.port):
            raise WebhookError(f"{own} answers with a status_url on another server: {there}")
        return str(there)


def _named(request: Launch) -> dict[str, Any]:
    return {
        "workload": request.workload,
        "scope": request.scope,
        "epoch": request.epoch,
        "key": request.key,
    }
