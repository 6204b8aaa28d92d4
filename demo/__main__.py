"""`python -m demo`: exit code 0 only when everything came back as it must."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from demo import scenario
from demo.client import Client
from demo.command import CommandFailedError
from demo.comparison import rows_table
from demo.counted import NothingCountedError
from demo.kill import NotRunningError
from demo.scenario import Loss, NothingHappenedError, Round, Stage
from demo.snapshot import IncompleteError, Snapshot
from demo.timeline import NotRecoveredError
from demo.traffic import phases, problems, verdict
from paramedic.errors import ParamedicError
from paramedic_cli.local.errors import LocalStackError, tail


@dataclass(frozen=True)
class Disturbance:
    """What goes on while there is no controller: uploads that its clients hold open, and what else is killed."""

    held: int
    act: Callable[[Stage, Snapshot], Loss]


UPLOADS_HELD = Disturbance(held=2, act=scenario.nothing_else)

# An upload that a killed replica was reading is lost with it, and must not be sent again by anybody but its client.
REPLICA_KILLED = Disturbance(held=0, act=scenario.kill_replica)

_KNOWN_FAILURES = (
    CommandFailedError,
    IncompleteError,
    LocalStackError,
    NothingHappenedError,
    NotRecoveredError,
    NotRunningError,
    NothingCountedError,
    ParamedicError,
)


class Teller:
    """Says what happens, with the seconds since the start."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, width=100) if not sys.stdout.isatty() else Console(highlight=False)
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(f"{time.monotonic() - self._started:6.1f} s  {text}", markup=False, soft_wrap=True)

    def show(self, finished: Round) -> None:
        """A round's timeline, table and figures."""
        comeback = finished.comeback
        self.console.rule(finished.title)
        self.console.print(comeback.table())
        self.console.print()
        self.console.print(rows_table("Before and after", ("before", "after"), finished.rows))
        detected = comeback.seconds_to_detected
        words = "asked for by hand" if detected is None else f"detected {detected:.1f} s"
        self.console.print(
            f"\nkill → {words}, epoch opened {comeback.seconds_to_opened:.1f} s, "
            f"relaunched {comeback.seconds_to_relaunched:.1f} s, recovered {comeback.seconds_to_recovered:.1f} s",
            markup=False,
        )
        for part in comeback.recovery.story.restored.split(", "):
            if part.startswith("Unfinished"):
                self.console.print(part, markup=False)
        self.console.rule()


def tell(state_dir: Path, disturb: Disturbance, teller: Teller) -> bool:
    """Run the whole story; True when every row holds."""
    teller.say("starting the embedded AWS; sam builds and deploys template.yaml onto it")
    with scenario.deployed(state_dir) as stage:
        teller.say(f"deployed at {stage.stack.endpoint}, IAM enforced, schedule rate(1 minute)")
        serving = scenario.serve(stage)
        ids = ", ".join(f"{replica.replica_id} at {replica.url}" for replica in serving.replicas)
        teller.say(f"controller at {serving.controller_url}, epoch {serving.epoch}; replicas {ids}")
        url = scenario.open_gateway(stage, serving.load_balancer_port)
        with Client(url, scenario.RATE, disturb.held) as client:
            teller.say(f"gateway at {url}; its clients send {scenario.RATE:.0f} GETs a second from now on")
            rounds = lose_twice(stage, client, disturb, teller)
            scenario.serve_on(client, rounds[0].comeback)
        counted = scenario.all_counted(stage, client, serving.service_uid)
    return judge(rounds, client, counted, teller)


def lose_twice(stage: Stage, client: Client, disturb: Disturbance, teller: Teller) -> tuple[Round, Round]:
    """Lose the controller under traffic, and lose it again."""
    scaled = scenario.scale_and_want_more(stage, client)
    count, target = scaled.scaler.upscale_count, scaled.scaler.target
    teller.say(f"the autoscaler went to {target} by what the gateway counted, and counts {count} towards more")
    teller.say("kill -9 of the controller's process group; now only the deployed schedule can help")
    by_itself = scenario.lose_and_regain(stage, "By itself", client, lambda before: disturb.act(stage, before))
    teller.show(by_itself)
    settled = scenario.settle(stage)
    teller.say(f"the autoscaler went on counting where it stopped, and to {settled.scaler.target} replicas")
    scenario.quiet(stage)
    teller.say("kill -9 once more; this time a person types `paramedic recover`")

    def by_person(before: Snapshot) -> Loss:
        teller.say(scenario.recover_by_hand(stage))
        return scenario.nothing_else(stage, before)

    by_hand = scenario.lose_and_regain(stage, "By hand", client, by_person)
    teller.show(by_hand)
    return by_itself, by_hand


def judge(rounds: tuple[Round, Round], client: Client, counted: tuple[int, int], teller: Teller) -> bool:
    """Show what the clients saw; True when that and every row holds."""
    comebacks = [each.comeback for each in rounds]
    sent, uploads = client.requests, client.uploads
    rows = verdict(comebacks[0], sent, uploads, counted)
    teller.console.print(phases(comebacks, sent))
    teller.console.print()
    teller.console.print(rows_table("Each request", ("clients", "stack"), rows))
    for problem in problems([*sent, *uploads]):
        teller.say(problem)
    wrong = [row.what for row in [*rounds[0].rows, *rounds[1].rows, *rows] if not row.holds]
    teller.say(f"WRONG: {', '.join(wrong)}" if wrong else "everything came back as it must, and no request failed")
    return not wrong


def main() -> int:
    """Read the options and run the demo in a folder of its own, which is kept only when something went wrong."""
    options = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    options.add_argument(
        "--kill-replica",
        dest="disturb",
        action="store_const",
        const=REPLICA_KILLED,
        default=UPLOADS_HELD,
        help="also kill -9 a replica while there is no controller",
    )
    disturb: Disturbance = options.parse_args().disturb
    signal.signal(signal.SIGTERM, _end)
    state_dir = Path(tempfile.mkdtemp(prefix="paramedic-demo-"))
    teller = Teller()
    try:
        came_back = tell(state_dir, disturb, teller)
    except _KNOWN_FAILURES as error:
        teller.say(f"FAILED: {error}")
        _show_log(state_dir / "controller.log", teller)
        teller.say(f"logs and state are kept in {state_dir}")
        return 1
    except KeyboardInterrupt:
        teller.say("interrupted; everything that was started has been ended")
        came_back = False
    shutil.rmtree(state_dir, ignore_errors=True)
    return 0 if came_back else 1


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _show_log(log: Path, teller: Teller) -> None:
    if log.exists():
        teller.say(f"the end of {log}:\n{tail(log.read_text(errors='replace'))}")


if __name__ == "__main__":
    sys.exit(main())
