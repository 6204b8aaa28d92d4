"""A replica that takes its time and no care: SIGTERM ends it at once, whatever it is at."""

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.rpartition("/")[2]))
        body = f'{{"name": "{os.environ["PARAMEDIC_REPLICA_ID"]}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


if __name__ == "__main__":
    address = (os.environ["PARAMEDIC_REPLICA_HOST"], int(os.environ["PARAMEDIC_REPLICA_PORT"]))
    ThreadingHTTPServer(address, _Handler).serve_forever()
