"""Whatever order things happen in, a launcher never has two workloads live and never calls one stopped that lives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramedic.launchers.interface import LauncherError, RunState
from paramedic.state.receipt import Receipt
from tests.fakes.launchers.stages import CLOUDS, SCOPE, Stage, make_stage, request_for
from tests.fakes.launchers.trouble import Trouble

EVENTS = ("launch", "launch again", "reply lost", "look", "stop", "succeed", "end", "wait", "trouble", "calm")


@dataclass
class Story:
    """What recoveries do with one launcher: they launch under an epoch, and succeed only whom they saw gone."""

    stage: Stage
    epoch: int = 3
    receipts: dict[int, Receipt] = field(default_factory=dict)

    def happen(self, event: str) -> None:
        match event:
            case "launch" | "launch again":
                self.launch()
            case "reply lost":
                self.stage.lose_reply()
                self.launch()
            case "look" if self.epoch in self.receipts:
                self.stage.launcher.describe(self.receipts[self.epoch])
            case "stop" if self.epoch in self.receipts:
                self.stop(self.receipts[self.epoch])
            case "succeed":
                self.succeed()
            case "end":
                self.stage.end()
            case "wait":
                self.stage.clock.sleep(30)
            case "trouble":
                self.trouble(Trouble.THROTTLED)
            case "calm":
                self.trouble(None)

    def launch(self) -> None:
        try:
            receipt = self.stage.launch(self.epoch)
        except LauncherError:
            return
        assert self.receipts.setdefault(self.epoch, receipt) == receipt

    def stop(self, receipt: Receipt) -> bool:
        gone = self.stage.stop(receipt, self.epoch + 1) == "stopped"
        if gone:
            assert self.stage.launcher.describe(receipt).state is RunState.ABSENT or self.stage.line is None
            assert not self.stage.living()
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

    def trouble(self, trouble: Trouble | None) -> None:
        assert self.stage.line is not None
        self.stage.line.trouble = trouble


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
