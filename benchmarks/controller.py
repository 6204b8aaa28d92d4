"""What a controller does under a hundred users at once, how soon a killed one is back, and what an idle one costs.

The controller is the real process; its launcher sleeps like a cloud. Name parts to measure only those. The last line
is one JSON object; the exit code says whether every goal that was measured was met.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.controller_parts import burst, idle, recover, standby
from benchmarks.controller_parts.lab import Lab
from benchmarks.report import Parts, run

PARTS: Parts[Lab] = {"burst": burst, "recover": recover, "standby": standby, "idle": idle}


@contextmanager
def lab() -> Iterator[Lab]:
    """Where all parts are measured."""
    # A short path: a unix socket lies in it.
    with tempfile.TemporaryDirectory(prefix="pctl-", dir="/tmp") as folder, Lab(Path(folder)) as made:
        yield made


if __name__ == "__main__":
    sys.exit(run("controller", __doc__, PARTS, lab))
