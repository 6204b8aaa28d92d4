"""Asks for `/health` again and again, each time on a new connection, as probes do.

`python -m benchmarks.controller_parts.health_watch HOST PORT PAUSE` goes on until its standard input is closed and then
prints what it saw as JSON.
"""

import http.client
import json
import select
import sys
import time
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict

PATIENCE_SECONDS = 10.0


class Answers(BaseModel):
    """How long answers took; one that never came took as long as was waited for it."""

    model_config = ConfigDict(frozen=True)

    milliseconds: tuple[float, ...]
    not_ok: int

    def percentile(self, share: float) -> float:
        """The answer that so many are not slower than."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main(host: str, port: int, pause: float) -> None:
    """Ask until told to stop."""
    milliseconds: list[float] = []
    not_ok = 0
    while not select.select([sys.stdin], [], [], pause)[0]:
        started = time.monotonic()
        not_ok += not _is_ok(host, port)
        milliseconds.append((time.monotonic() - started) * 1000)
    print(Answers(milliseconds=tuple(milliseconds), not_ok=not_ok).model_dump_json())


def _is_ok(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except (OSError, http.client.HTTPException):
        return False
    else:
        return answer.status == HTTPStatus.OK and body["status"] == "ok"
    finally:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
