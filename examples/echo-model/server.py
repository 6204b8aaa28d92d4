"""A small model server, standard library only: a bigram language model trained on its own source at the start.

GET /health answers 200 once the model is trained. POST /predict {"prompt": "a", "length": 20} continues the prompt,
and so does GET /predict?prompt=a&length=20.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MAX_LENGTH = 500
MAX_BODY_BYTES = 64 * 1024


class BadRequestError(Exception):
    """The request cannot be answered; the message says why."""


class BigramModel:
    """Predicts the character that followed most often in the training text."""

    def __init__(self, text: str) -> None:
        followers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for first, second in pairwise(text):
            followers[first][second] += 1
        self._ranked = {first: [each for each, _ in seen.most_common(5)] for first, seen in followers.items()}

    def complete(self, prompt: str, length: int) -> str:
        """`prompt` and `length` more characters; the same prompt always gives the same text."""
        text = prompt or "a"
        for position in range(length):
            ranked = self._ranked.get(text[-1], ["\n"])
            # Always taking the likeliest would soon go round in circles.
            text += ranked[position % len(ranked)]
        return text


class Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    model: BigramModel

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/health":
            self._answer(HTTPStatus.OK, {"status": "ok"})
        elif url.path == "/predict":
            self._predict(lambda: _from_query(url.query))
        else:
            self._refuse()

    def do_POST(self) -> None:
        if self.path == "/predict":
            self._predict(self._from_body)
        else:
            self._refuse()

    def _predict(self, read: Callable[[], dict[str, Any]]) -> None:
        try:
            prompt, length = _checked(read())
        except BadRequestError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        replica = os.environ.get("PARAMEDIC_REPLICA_ID", "")
        self._answer(HTTPStatus.OK, {"text": self.model.complete(prompt, length), "replica": replica})

    def _refuse(self) -> None:
        self._answer(HTTPStatus.NOT_FOUND, {"error": "there are GET /health, GET /predict and POST /predict"})

    def _from_body(self) -> dict[str, Any]:
        given = self.headers.get("Content-Length", "0")
        if not given.isdecimal():
            raise BadRequestError(f"Content-Length {given!r} is no number")
        size = int(given)
        if size > MAX_BODY_BYTES:
            raise BadRequestError(f"body of {size} bytes is larger than {MAX_BODY_BYTES}")
        try:
            body = json.loads(self.rfile.read(size) or b"{}")
        except ValueError as error:
            raise BadRequestError(f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise BadRequestError("the body must be a JSON object")
        return body

    def _answer(self, code: HTTPStatus, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """One line per request would fill the disk before it helped anyone."""


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    request_queue_size = 128


def _from_query(query: str) -> dict[str, Any]:
    asked: dict[str, Any] = dict(parse_qsl(query))
    if asked.get("length", "").isdecimal():
        asked["length"] = int(asked["length"])
    return asked


def _checked(asked: dict[str, Any]) -> tuple[str, int]:
    prompt, length = asked.get("prompt", ""), asked.get("length", 40)
    if not isinstance(prompt, str) or not isinstance(length, int) or not 0 <= length <= MAX_LENGTH:
        raise BadRequestError(f"prompt must be text and length a number from 0 to {MAX_LENGTH}")
    return prompt, length


def main() -> None:
    """Train, then serve until killed."""
    Handler.model = BigramModel(Path(__file__).read_text(encoding="utf-8"))
    address = os.environ["PARAMEDIC_REPLICA_HOST"], int(os.environ["PARAMEDIC_REPLICA_PORT"])
    Server(address, Handler).serve_forever()


if __name__ == "__main__":
    main()
