"""All replicas are replaced, one after the other, while requests run that take longer than the replacement.

What a controller does is done here: a successor is listed, its predecessor only drains, and it is killed once it says
that it has nothing left to do.
"""

import http.client
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.lab import Lab, Replica
from benchmarks.gateway_parts.processes import Address, get, kill
from benchmarks.gateway_parts.rows import ServiceRow
from benchmarks.report import Figures, at_least, at_most

REPLICAS = 3
REQUESTS = 30
REQUEST_SECONDS = 20
BETWEEN_SECONDS = 3.0
"""Longer than a change may take to be seen, shorter than all requests."""

BACKGROUND_CONNECTIONS = 4

GOALS = {"replacement_done": at_least(REQUESTS), "replacement_failed_in_background": at_most(0)}


def measure(lab: Lab) -> Figures:
    """Long requests throughout, and short ones beside them."""
    with ExitStack() as cleanup:
        old, new = (cleanup.enter_context(lab.replicas(REPLICAS)) for _ in range(2))
        _, service = cleanup.enter_context(serving(lab, [each.address for each in old]))
        pool = cleanup.enter_context(ThreadPoolExecutor(REQUESTS))
        load = cleanup.enter_context(lab.load(service.address, BACKGROUND_CONNECTIONS, REQUEST_SECONDS + 5))
        answers = pool.map(_long_request, [service.address] * REQUESTS)
        time.sleep(1)
        waiting = [_unfinished(each) for each in old]
        _replace(service, old, new)
        _retire(service, old, new)
        done = sum(answers)
        seen = load.result()
    print(f"  the replaced had {waiting} unfinished requests when it began; failures beside them: {seen.failures}")
    return {
        "replacement_done": done,
        "replacement_unfinished_at_start": sum(waiting),
        "replacement_failed_in_background": seen.failed,
    }


def _replace(service: ServiceRow, old: Sequence[Replica], new: Sequence[Replica]) -> None:
    """Bring in one successor after the other."""
    for number in range(1, len(old) + 1):
        listed = [each.address for each in (*old[number:], *new[:number])]
        service.route(listed, [each.address for each in old[:number]])
        time.sleep(BETWEEN_SECONDS)


def _retire(service: ServiceRow, old: Sequence[Replica], new: Sequence[Replica]) -> None:
    """Kill each that has nothing left to do, and no earlier."""
    draining = list(old)
    while draining:
        for each in [each for each in draining if _unfinished(each) == 0]:
            draining.remove(each)
            service.route([each.address for each in new], [each.address for each in draining])
            kill(each.process)
        time.sleep(0.1)


def _unfinished(replica: Replica) -> int:
    return int(get(replica.address, "/unfinished")[1])


def _long_request(target: Address) -> bool:
    try:
        status, _ = get(target, f"/sleep/{REQUEST_SECONDS}", patience=2 * REQUEST_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        print(f"  a request of {REQUEST_SECONDS} s failed: {error!r}")
        return False
    return status == http.HTTPStatus.OK
