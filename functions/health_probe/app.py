"""`health_probe`: targets in, outcomes out. Imports no AWS client, and its role may do nothing with one."""

# isort: off
from paramedic import cold_start  # before all that it is to hasten

# isort: on
import asyncio
import os
import random
from typing import Any, Protocol

import uvloop

from paramedic.health.addresses import AddressGuard
from paramedic.health.outcomes import ProbeBatch
from paramedic.health.probe_settings import ProbeSettings
from paramedic.health.sentinels import probe_beside_sentinels
from paramedic.validation import validated

ANSWER_SECONDS = 2.0

cold_start.imported()


class Context(Protocol):
    """What is used of the context Lambda passes."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends this invocation."""


def handler(event: object, context: Context) -> dict[str, Any]:
    """Probe an event's targets, answering in time whatever they do.

    Raises:
        InvalidInputError: the event is no `ProbeBatch`, or a setting is malformed; names the field.
    """
    batch = validated(ProbeBatch, event)
    settings = ProbeSettings.from_env(os.environ)
    guard = AddressGuard(settings.allowed_cidrs)
    budget = max(context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS, 0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(
            probe_beside_sentinels(
                batch, settings.sentinel_urls, guard=guard, rng=random.Random(), budget_seconds=budget
            )
        )
    return report.model_dump(mode="json")
