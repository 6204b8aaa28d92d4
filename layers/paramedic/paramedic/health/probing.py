"""Has targets probed by the `health_probe` function, a few batches of them at once."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from paramedic.errors import ParamedicError
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeReport, ProbeRequest
from paramedic.health.probe_batches import batches_of, payload_of

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

LOG = logging.getLogger(__name__)

INVOCATIONS_AT_ONCE = 4
"""Of each check: two checks and their probes are what a new account can execute at once."""

INVOCATION_READ_SECONDS = 30
"""Longer than the prober's own time-out, so that it is the prober that says what went wrong."""


@dataclass(frozen=True)
class Probed:
    """Exactly one outcome for each target asked, and how many invocations of the prober failed."""

    outcomes: Mapping[str, ProbeOutcome]
    failed_invocations: int = 0


class Prober(Protocol):
    """Whatever can probe."""

    def probe(self, requests: Sequence[ProbeRequest]) -> Probed:
        """Probe all `requests`; what could not be probed is NOT_PROBED, never an error."""


class ProbeInvocationError(ParamedicError):
    """One invocation of the prober gave no usable report."""


class LambdaProber:
    """Probes by invoking a function synchronously. `client` must not retry, or its time-outs add up."""

    def __init__(self, client: "LambdaClient", function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def probe(self, requests: Sequence[ProbeRequest]) -> Probed:
        """Probe all `requests` in as many invocations as they need, a few at once."""
        groups = batches_of(requests)
        if not groups:
            return Probed({})
        with ThreadPoolExecutor(max_workers=min(INVOCATIONS_AT_ONCE, len(groups))) as invokers:
            parts = list(invokers.map(self._probe, groups))
        outcomes: dict[str, ProbeOutcome] = {}
        for part in parts:
            outcomes.update(part.outcomes)
        return Probed(outcomes, sum(part.failed_invocations for part in parts))

    def _probe(self, group: Sequence[ProbeRequest]) -> Probed:
        try:
            report = self._invoke(payload_of(group))
        except ProbeInvocationError as error:
            LOG.error("%d targets were not probed: %s", len(group), error)  # noqa: TRY400 -- expected, says all
            return Probed({request.target_id: _not_probed(request, str(error)) for request in group}, 1)
        reported = {outcome.target_id: outcome for outcome in report.outcomes}
        missing = "the prober reported nothing for this target"
        return Probed({r.target_id: reported.get(r.target_id) or _not_probed(r, missing) for r in group})

    def _invoke(self, payload: str) -> ProbeReport:
        try:
            response = self._client.invoke(
                FunctionName=self._function_name,
                InvocationType="RequestResponse",
                Payload=payload,
            )
            answer = response["Payload"].read()
        except (ClientError, BotoCoreError) as error:
            raise ProbeInvocationError(f"invoking {self._function_name}: {error}") from error
        if response.get("FunctionError"):
            raise ProbeInvocationError(f"{self._function_name} failed: {answer[:300]!r}")
        try:
            return ProbeReport.model_validate_json(answer)
        except ValidationError as error:
            raise ProbeInvocationError(f"{self._function_name} answered something else: {error}") from error


def _not_probed(request: ProbeRequest, detail: str) -> ProbeOutcome:
    return ProbeOutcome(target_id=request.target_id, kind=OutcomeKind.NOT_PROBED, detail=detail, attempts=0)
