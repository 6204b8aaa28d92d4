"""Nothing is depended on without a reason, and no reason outlives its dependency."""

import re
from collections.abc import Iterator

from paramedic_cli.local.project import project_root


def required() -> Iterator[str]:
    root = project_root()
    for path in (*root.glob("requirements/*.in"), root / "layers/paramedic/requirements.in"):
        for line in path.read_text().splitlines():
            if name := re.match(r"[A-Za-z][\w-]*", line):
                yield name[0]


def explained() -> Iterator[str]:
    for line in (project_root() / "docs/dependencies.md").read_text().splitlines():
        if (row := re.match(r"\| ([\w-]+) \| .+ \|$", line)) and row[1] != "package":
            yield row[1]


def test_every_direct_dependency_has_its_line_and_every_line_its_dependency() -> None:
    assert set(explained()) == set(required())
