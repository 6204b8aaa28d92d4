"""What a gateway replica serves, carries and survives, beside SkyServe's load balancer and a hand-written Envoy.

Every peer is measured in the same run, in turns. Name parts to measure only those. The last line is one JSON object;
the exit code says whether every goal that was measured was met.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.gateway_parts import (
    change,
    churn,
    dead_replica,
    killed_gateway,
    many_replicas,
    many_services,
    replacement,
    restart,
    throughput,
    uploads,
)
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.peers_environment import peers_python
from benchmarks.report import Parts, run

PARTS: Parts[Lab] = {
    "throughput": throughput,
    "uploads": uploads,
    "dead-replica": dead_replica,
    "churn": churn,
    "replacement": replacement,
    "restart": restart,
    "change": change,
    "killed-gateway": killed_gateway,
    "many-services": many_services,
    "many-replicas": many_replicas,
}


@contextmanager
def lab() -> Iterator[Lab]:
    """Where all parts are measured."""
    # A short path: unix sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="pgw-", dir="/tmp") as folder:
        yield Lab(Path(folder), peers_python())


if __name__ == "__main__":
    sys.exit(run("gateway", __doc__, PARTS, lab))
