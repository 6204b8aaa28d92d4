"""How soon a change in DynamoDB, of replicas or of an option, decides what becomes of requests."""

import time
from collections.abc import Callable
from http import HTTPStatus
from statistics import median

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import Address, NeverAnsweredError, get, post
from benchmarks.gateway_parts.rows import ServiceRow
from benchmarks.report import Figures, at_most

ROUNDS = 8
LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 15.0

BODY = b"two"

GOALS = {"change_to_envoy_seconds_worst": at_most(3), "option_to_envoy_seconds_worst": at_most(3)}


def measure(lab: Lab) -> Figures:
    """The one replica is exchanged for another, then the limit of bodies for another, again and again."""
    with lab.replicas(2) as replicas:
        first, second = (each.address for each in replicas)
        with serving(lab, [first]) as (_, service):
            exchanges = _rounds(lambda number: _exchange(service, first if number % 2 else second))
            options = _rounds(lambda number: _limit(service, len(BODY) - (number + 1) % 2))
    print(f"  replicas {_in_words(exchanges)}")
    print(f"  an option {_in_words(options)}")
    return {
        "change_to_envoy_seconds": round(median(exchanges), 2),
        "change_to_envoy_seconds_worst": round(max(exchanges), 2),
        "option_to_envoy_seconds": round(median(options), 2),
        "option_to_envoy_seconds_worst": round(max(options), 2),
    }


def _rounds(change: Callable[[int], None]) -> list[float]:
    rounds = []
    for number in range(ROUNDS):
        # Not in step with the agent's looks.
        time.sleep(0.13 * number)
        written = time.monotonic()
        change(number)
        rounds.append(time.monotonic() - written)
    return rounds


def _exchange(service: ServiceRow, wanted: Address) -> None:
    service.route([wanted])
    _await(lambda: get(service.address) == (HTTPStatus.OK, wanted.host), f"{service.address.url} to ask {wanted.url}")


def _limit(service: ServiceRow, limit: int) -> None:
    service.limit_bodies(limit)
    wanted = HTTPStatus.OK if len(BODY) <= limit else HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    _await(lambda: post(service.address, BODY) == wanted, f"{service.address.url} to answer {wanted.value}")


def _await(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise NeverAnsweredError(f"waited {PATIENCE_SECONDS:g} s in vain for {what}")
        time.sleep(LOOK_SECONDS)


def _in_words(rounds: list[float]) -> str:
    return ", ".join(f"{each:.2f} s" for each in rounds)
