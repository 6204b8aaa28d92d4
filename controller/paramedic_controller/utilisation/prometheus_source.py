"""Source `prometheus`: a gauge that the replica itself shows to Prometheus."""

import asyncio
import math
from typing import TYPE_CHECKING

from paramedic_controller.utilisation.sources import Gauge, UsageTarget, UsageUnreadableError

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 5.0
"""For a whole answer: a busy replica may be slow, but three ticks later its figure would be out of date."""

MAX_BODY_BYTES = 4 * 2**20
"""Far more than model servers show; what is longer would keep the controller from its work."""

HEADERS = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "identity"}

GAUGES = frozenset({"gauge", "unknown"})


class PrometheusSource:
    """Asks replicas over HTTP, each for itself."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    def gauge(self, target: UsageTarget) -> Gauge:
        """The sum of all samples of that name."""
        if self._client is None:
            import httpx

            # Each replica has one request at a time: a pool of fewer would have those that hang delay the others.
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
            self._client = httpx.AsyncClient(trust_env=False, limits=limits, timeout=TIMEOUT_SECONDS, headers=HEADERS)
        return _PrometheusGauge(self._client, target)

    async def close(self) -> None:
        """End its connections."""
        if self._client is not None:
            await self._client.aclose()


class _PrometheusGauge:
    def __init__(self, client: "httpx.AsyncClient", target: UsageTarget) -> None:
        self._client = client
        self._target = target

    async def read(self) -> float | None:
        import httpx

        asked = f"GET {self._target.path}"
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                text = await self._text()
        except TimeoutError:
            raise UsageUnreadableError(f"{asked} had no answer within {TIMEOUT_SECONDS:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise UsageUnreadableError(f"{asked} failed: {type(error).__name__}: {error}") from error
        return gauge_of(text, self._target.metric)

    async def _text(self) -> str:
        asked = f"GET {self._target.path}"
        async with self._client.stream("GET", self._target.url + self._target.path) as answer:
            if answer.status_code != 200:  # noqa: PLR2004
                raise UsageUnreadableError(f"{asked} answered {answer.status_code}")
            if "content-encoding" in answer.headers:
                raise UsageUnreadableError(f"{asked} answered in {answer.headers['content-encoding']}, unasked")
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise UsageUnreadableError(f"{asked} answered more than {MAX_BODY_BYTES} bytes")
        return body.decode(errors="replace")


def gauge_of(text: str, metric: str) -> float:
    """The sum of all samples of `metric` in Prometheus' text format.

    Raises:
        UsageUnreadableError: there is none, it is no gauge, or no amount.
    """
    from prometheus_client.parser import text_string_to_metric_families

    # Everything else is left out first: pages are long, and parsing them whole costs far more than scraping them.
    lines = [line for line in text.split("\n") if line.startswith(metric) or _is_type_of(line, metric)]
    values = []
    try:
        for family in text_string_to_metric_families("\n".join([*lines, ""])):
            found = [float(sample.value) for sample in family.samples if sample.name == metric]
            if found and family.type not in GAUGES:
                raise UsageUnreadableError(f"{metric} belongs to a {family.type}, not to a gauge")
            values += found
    except (ValueError, LookupError) as error:
        raise UsageUnreadableError(f"{metric} cannot be read: {error}") from error
    if not values:
        raise UsageUnreadableError(f"{metric} is not shown")
    if not all(math.isfinite(value) and value >= 0 for value in values):
        raise UsageUnreadableError(f"{metric} is {', '.join(map(str, values))}: no amount in use")
    return sum(values)


def _is_type_of(line: str, metric: str) -> bool:
    """Whether `line` says the type of the family that `metric` belongs to, of which some have longer names."""
    return line.startswith("# TYPE ") and metric.startswith(tuple(line.split(maxsplit=3)[2:3]))
