"""An endpoint of an operator's own, as docs/launchers.md describes it, verifying requests as that says."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from paramedic_cli.local.project import project_root
from tests.fakes.clock import FakeClock
from tests.fakes.launchers.trouble import Line, Trouble

URL = "https://runner.example/paramedic"
SECRET = "s3cret"


def documented_verifier() -> Callable[..., bool]:
    """`verified` of the documentation: whoever copies it has what is tested here."""
    text = (project_root() / "docs/launchers.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102
    verifier: Callable[..., bool] = names["verified"]
    return verifier


class EndpointBackend:
    """Runs workloads in a dict. Where `slow`, it accepts and tells by a status URL; `stuck` ones never end.

    Unless it `remembers_ends` it answers a used key as it did at first. It has no time for the next `busy` requests.
    """

    def __init__(self, clock: FakeClock, line: Line) -> None:
        self.clock = clock
        self.line = line
        self.slow = True
        self.stuck = False
        self.partial = False
        self.busy = 0
        self.remembers_ends = True
        self.status_url = "/paramedic/status/{id}"
        self.started: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx.Request] = []
        self._verified = documented_verifier()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.line.trouble is Trouble.UNREACHABLE:
            raise httpx.ConnectError("no route")
        if self.line.trouble is not None:
            return httpx.Response(403 if self.line.trouble is Trouble.DENIED else 429)
        if self.busy:
            self.busy -= 1
            return httpx.Response(503)
        path = request.url.raw_path.decode()
        now = self.clock.now().timestamp()
        if not self._verified(SECRET, request.method, path, request.headers, request.content.decode(), now):
            return httpx.Response(401)
        self.requests.append(request)
        if request.method == "GET":
            return self._status(path.rpartition("/")[2])
        message = json.loads(request.content)
        answer: httpx.Response = getattr(self, f"_{message['action']}")(message, request.headers)
        if self.line.loses(message["action"]):
            raise httpx.ReadTimeout("no reply")
        return answer

    def settle(self) -> None:
        """What the endpoint does meanwhile."""
        for each in self.started.values():
            if each["state"] == "ending" and not self.stuck:
                each["state"] = "absent"

    def living(self) -> list[dict[str, Any]]:
        """What may still act."""
        return [each for each in self.started.values() if each["state"] != "absent"]

    def _launch(self, message: Mapping[str, Any], headers: httpx.Headers) -> httpx.Response:
        key = headers["idempotency-key"]
        known = self.started.get(key)
        if known is not None and known["state"] == "absent" and self.remembers_ends:
            return httpx.Response(409, json={"error": "key_used", "detail": "it has ended"})
        made = known or {"id": f"w-{len(self.started)}", "state": "running", **message}
        self.started[key] = made
        return httpx.Response(202 if self.slow else 200, json=self._named(made))

    def _find(self, message: Mapping[str, Any], headers: httpx.Headers) -> httpx.Response:
        known = self.started.get(message["key"])
        return httpx.Response(200, json={"launched": known and self._named(known)})

    def _running(self, message: Mapping[str, Any], headers: httpx.Headers) -> httpx.Response:
        found = [self._named(each) for each in self.living() if each["scope"] == message["scope"]]
        return httpx.Response(200, json={"running": found, "complete": not self.partial})

    def _describe(self, message: Mapping[str, Any], headers: httpx.Headers) -> httpx.Response:
        return self._status(message["id"])

    def _stop(self, message: Mapping[str, Any], headers: httpx.Headers) -> httpx.Response:
        (known,) = [each for each in self.started.values() if each["id"] == message["id"]]
        known["state"] = "ending"
        return httpx.Response(202, json={})

    def _status(self, workload_id: str) -> httpx.Response:
        state = next((each["state"] for each in self.started.values() if each["id"] == workload_id), "unknown")
        return httpx.Response(200, json={"state": "running" if state == "ending" else state})

    def _named(self, each: Mapping[str, Any]) -> dict[str, Any]:
        told = {name: each[name] for name in ("id", "workload", "key", "scope", "epoch")}
        return {**told, "status_url": self.status_url.format(id=each["id"])} if self.slow else told
