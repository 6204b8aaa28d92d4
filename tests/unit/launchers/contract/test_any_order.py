"""Whatever order things happen in, a launcher never has two workloads live and never calls one stopped that lives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramedic.launchers.interface import LauncherError
from paramedic.state.receipt import Receipt
from tests.fakes.launchers.stages import CLOUDS, SCOPE, Stage, make_stage, request_for
from tests.fakes.launchers.trouble import Trouble

EVENTS = ("launch", "reply lost", "look", "stop", "succeed", "end", "wait", "throttled", "answered", "shown late")


@dataclass
class Story:
    """What recoveries do with one launcher: they launch under an epoch, and succeed only whom they saw gone."""

    stage: Stage
    epoch: int = 3
    receipts: dict[int, Receipt] = field(default_factory=dict)

    def happen(self, event: str) -> None:
        match event:
            case "look" | "stop" if self.epoch in self.receipts:
                done = self.stage.launcher.describe if event == "look" else self.stop
                done(self.receipts[self.epoch])
            case "wait":
                self.stage.clock.sleep(30)
            case "throttled" | "answered":
                assert self.stage.line is not None
                self.stage.line.trouble = Trouble.THROTTLED if event == "throttled" else None
            case "shown late" if hasattr(self.stage.backend, "lag"):
                self.stage.backend.lag = 2
            case "reply lost":
                self.stage.lose_reply()
                self.launch()
            case _:
                {"launch": self.launch, "succeed": self.succeed, "end": self.stage.end}.get(event, lambda: None)()

    def launch(self) -> None:
        try:
            receipt = self.stage.launch(self.epoch)
        except LauncherError:
            return
        # Of one key, all receipts are good.
        assert self.receipts.setdefault(self.epoch, receipt).key == receipt.key

    def stop(self, receipt: Receipt) -> bool:
        gone = self.stage.stop(receipt, self.epoch + 1) == "stopped"
        assert not gone or not self.stage.living()
        return gone

    def succeed(self) -> None:
        """As a recovery does: whom nobody recorded is looked for by the key, and nobody is succeeded unseen."""
        receipt = self.receipts.get(self.epoch)
        if receipt is None:
            try:
                receipt = self.stage.launcher.find(SCOPE, request_for(self.epoch).key)
            except LauncherError:
                return
        if receipt is None or self.stop(receipt):
            assert not self.stage.living()
            self.epoch += 1


@pytest.mark.parametrize("name", CLOUDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(st.sampled_from(EVENTS), max_size=14))
def test_no_order_of_events_leaves_two_workloads_or_a_living_one_called_stopped(
    name: str, events: Sequence[str]
) -> None:
    with TemporaryDirectory() as folder:
        story = Story(make_stage(name, Path(folder), Path(folder) / "secret"))
        for event in events:
            story.happen(event)
            assert len(story.stage.living()) <= 1
