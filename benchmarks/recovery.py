"""What recovering costs beyond the relaunched program's own start, and how long the recovery function takes to begin.

Name parts to measure only those. The last line is one JSON object; the exit code says whether every goal that was
measured was met.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.recovery_parts import cold_start, relaunch
from benchmarks.report import Parts, run

PARTS: Parts[Path] = {"relaunch": relaunch, "cold-start": cold_start}


@contextmanager
def folder() -> Iterator[Path]:
    """Where all parts leave their files."""
    with tempfile.TemporaryDirectory(prefix="paramedic-recovery-") as made:
        yield Path(made)


if __name__ == "__main__":
    sys.exit(run("recovery", __doc__, PARTS, folder))
