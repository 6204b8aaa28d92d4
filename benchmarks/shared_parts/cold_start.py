"""How long functions take to begin, under AWS's own emulator of the interface that Lambda gives a runtime.

What begins is what `sam build` has made, with the bytecode in its layer. awslambdaric and boto3 come from an
environment of their own, as Lambda's come with its runtime. A processor is all a function's own here; so it is in
Lambda while one begins, whatever its memory. What Lambda does before that, fetching and unpacking, is not in it.
"""

import re
import statistics
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.gateway_parts.processes import NeverAnsweredError, own_address, running
from benchmarks.report import Figures
from paramedic_cli.local.deploy import build
from paramedic_cli.local.project import project_root
from paramedic_cli.local.template_tables import read_template

STARTS = 9
PATIENCE_SECONDS = 20.0
RUNTIME = project_root() / ".tools/lambda-runtime/bin/python"
FROM_LAMBDA = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
}
INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")


@dataclass(frozen=True)
class Function:
    """A function: its name in the template, the settings that it needs of its own, and an event that asks nothing."""

    name: str
    settings: Mapping[str, str]
    event: Mapping[str, object]


def init_figures(functions: Mapping[str, Function], folder: Path) -> Figures:
    """Median and worst milliseconds of several cold starts, by the figure's name; where there are several, in turns.

    Raises:
        NeverAnsweredError: one did not begin.
    """
    built = build().parent
    # Lambda's runtime comes with its bytecode too.
    subprocess.run([RUNTIME, "-m", "compileall", "-q", RUNTIME.parents[1]], check=True)
    for function in functions.values():
        begin(function, built, folder / f"{function.name}-first")
    turns = [
        {name: begin(function, built, folder / f"{function.name}-{turn}") for name, function in functions.items()}
        for turn in range(STARTS)
    ]
    figures: dict[str, float | None] = {}
    for name in functions:
        taken = [turn[name] for turn in turns]
        figures |= {name: round(statistics.median(taken)), f"{name}_worst": round(max(taken))}
    return figures


def begin(function: Function, built: Path, log: Path) -> float:
    """Milliseconds that one cold start of a function takes, up to its handler.

    Raises:
        NeverAnsweredError: it did not begin, or what it was asked failed.
    """
    code = built / function.name
    interface, api = own_address(), own_address()
    environment = {
        **FROM_LAMBDA,
        **settings_of_all(),
        **function.settings,
        "LAMBDA_TASK_ROOT": str(code),
        "PYTHONPATH": str(built / "ParamedicLayer/python"),
    }
    command: list[str | Path] = [
        "env",
        f"--chdir={code}",
        emulator(),
        "--runtime-api-address",
        f"{api.host}:{api.port}",
    ]
    command += ["--runtime-interface-emulator-address", f"{interface.host}:{interface.port}"]
    with running([*command, RUNTIME, "-m", "awslambdaric", "app.handler"], log, environment):
        with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=PATIENCE_SECONDS) as client:
            answer = client.post(f"{interface.url}/2015-03-31/functions/function/invocations", json=function.event)
        said = log.read_text()
    found = INIT.search(said)
    if found is None or "errorType" in answer.text:
        raise NeverAnsweredError(f"{function.name} did not begin: {answer.text}\n{said}")
    return float(found[1])


def settings_of_all() -> Mapping[str, str]:
    """What the template sets alike for every function, as far as it does not depend on the stack."""
    shared = read_template(project_root() / "template.yaml")["Globals"]["Function"]["Environment"]["Variables"]
    return {name: value for name, value in shared.items() if isinstance(value, str)}


def emulator() -> Path:
    """It comes with sam.

    Raises:
        NeverAnsweredError: it is not there.
    """
    found = next((project_root() / ".tools/sam").glob("lib/python*/site-packages/samcli/local/rapid/*-x86_64"), None)
    if found is None or not RUNTIME.exists():
        raise NeverAnsweredError("the emulator or the runtime is not set up: use `make bench`")
    return found
