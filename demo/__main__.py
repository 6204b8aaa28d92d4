"""`python -m demo`: exit code 0 only when everything came back as it must."""

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from rich.console import Console

from demo import scenario
from demo.command import CommandFailedError
from demo.comparison import comparison_table
from demo.kill import NotRunningError
from demo.scenario import NothingHappenedError, Round
from demo.snapshot import IncompleteError
from demo.timeline import NotRecoveredError
from paramedic.errors import ParamedicError
from paramedic_cli.local.errors import LocalStackError, tail

_KNOWN_FAILURES = (
    CommandFailedError,
    IncompleteError,
    LocalStackError,
    NothingHappenedError,
    NotRecoveredError,
    NotRunningError,
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
        self.console.print(comparison_table(finished.rows))
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


def tell(state_dir: Path, teller: Teller) -> bool:
    """Run the whole story; True when every row holds."""
    teller.say("starting the embedded AWS; sam builds and deploys template.yaml onto it")
    with scenario.deployed(state_dir) as stage:
        teller.say(f"deployed at {stage.stack.endpoint}, IAM enforced, schedule rate(1 minute)")
        serving = scenario.serve(stage)
        ids = ", ".join(f"{replica.replica_id} at {replica.url}" for replica in serving.replicas)
        teller.say(f"controller at {serving.controller_url}, epoch {serving.epoch}; replicas {ids}")
        with scenario.traffic(stage, serving.service_uid) as feeder:
            scaled = scenario.scale_up(stage, feeder)
            teller.say(f"traffic came; the autoscaler went from {serving.scaler.target} to {scaled.scaler.target}")
            wanting = scenario.want_more(stage, feeder)
            teller.say(f"more traffic; the autoscaler has counted {wanting.scaler.upscale_count} tick towards one more")
            teller.say("kill -9 of the controller's process group; now only the deployed schedule can help")
            by_itself = scenario.lose_and_regain(stage, "By itself", feeder, lambda: None)
            teller.show(by_itself)
            settled = scenario.settle(stage)
            teller.say(f"the autoscaler went on counting where it stopped, and to {settled.scaler.target} replicas")
            scenario.quiet(stage)
            teller.say("kill -9 once more; this time a person types `paramedic recover`")
            by_hand = scenario.lose_and_regain(
                stage, "By hand", feeder, lambda: teller.say(scenario.recover_by_hand(stage))
            )
            teller.show(by_hand)
    wrong = [row.what for finished in (by_itself, by_hand) for row in finished.rows if not row.holds]
    teller.say(f"WRONG: {', '.join(wrong)}" if wrong else "everything came back as it must")
    return not wrong


def main() -> int:
    """Run the demo in a folder of its own, which is kept only when something went wrong."""
    signal.signal(signal.SIGTERM, _end)
    state_dir = Path(tempfile.mkdtemp(prefix="paramedic-demo-"))
    teller = Teller()
    try:
        came_back = tell(state_dir, teller)
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
