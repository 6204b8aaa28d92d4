"""Ten uploads of 100 MB at once, and how much memory the gateway needs to pass them on."""

import http.client
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import Address, memory_mb
from benchmarks.gateway_parts.skyserve import skyserve
from benchmarks.report import Figures, at_least, at_most

UPLOADS = 10
UPLOAD_BYTES = 100_000_000
PIECE_BYTES = 1_000_000
PATIENCE_SECONDS = 180.0

GOALS = {"uploads_done_gateway": at_least(UPLOADS), "uploads_peak_mb_gateway": at_most(150)}


def measure(lab: Lab) -> Figures:
    """The gateway first, then SkyServe, with the same replicas."""
    with lab.replicas(2) as running:
        replicas = [each.address for each in running]
        with serving(lab, replicas) as (gateway, service):
            done = _upload_all(service.address)
            peak = gateway.peak_memory_mb
        with skyserve(lab, replicas) as peer:
            peer_done = _upload_all(peer.address)
            peer_peak = memory_mb(peer.process.pid, peak=True)
    return {
        "uploads_done_gateway": done,
        "uploads_peak_mb_gateway": round(peak, 1),
        "uploads_done_skyserve": peer_done,
        "uploads_peak_mb_skyserve": round(peer_peak, 1),
    }


def _upload_all(target: Address) -> int:
    """How many of the uploads arrived whole."""
    with ThreadPoolExecutor(UPLOADS) as pool:
        return sum(pool.map(_upload, [target] * UPLOADS))


def _upload(target: Address) -> bool:
    connection = http.client.HTTPConnection(target.host, target.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/upload", body=_pieces(), headers={"content-length": str(UPLOAD_BYTES)})
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK and answer.read().decode() == str(UPLOAD_BYTES)
    except (OSError, http.client.HTTPException) as error:
        print(f"  an upload to {target.url} failed: {error!r}")
        return False
    finally:
        connection.close()


def _pieces() -> Iterator[bytes]:
    piece = os.urandom(PIECE_BYTES)
    for _ in range(UPLOAD_BYTES // PIECE_BYTES):
        yield piece
