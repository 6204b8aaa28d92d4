"""What the prober costs and how sure it is, how soon a failure is known, and how long functions take to begin.

Peers are measured in the same run, in turns. Name parts to measure only those. The last line is one JSON object; the
exit code says whether every goal that was measured was met.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.health_parts import cold_start, crowd, detection, fast_detection, speed
from benchmarks.report import Parts, run

PARTS: Parts[Path] = {
    "speed": speed,
    "crowd": crowd,
    "detection": detection,
    "fast-detection": fast_detection,
    "cold-start": cold_start,
}


@contextmanager
def folder() -> Iterator[Path]:
    """Where all parts leave their files."""
    with tempfile.TemporaryDirectory(prefix="paramedic-health-") as made:
        yield Path(made)


if __name__ == "__main__":
    sys.exit(run("health", __doc__, PARTS, folder))
