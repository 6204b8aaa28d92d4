"""Whoever keeps gateways is stopped at each of its calls: the next run goes on, nothing runs twice or is forgotten."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from paramedic.gateways import acting, leases, reconciling, registering, verbs
from paramedic.state.wanted_gateways import read_desired
from tests.fakes.gateway_world import GATEWAY, GatewayWorld
from tests.fakes.memory_dynamodb import MemoryDynamoDB

pytestmark = pytest.mark.crash

MOST_CALLS = 60
"""More than any of the stories takes."""


class Stopped(BaseException):
    """The function's time was up, or its host went away."""


class Stopper:
    """Counts calls, and stops one of them: before it was made, or before its reply came."""

    def __init__(self, at: int, before: bool) -> None:
        self.at, self.before = at, before
        self.calls = 0

    def around[**P, R](self, call: Callable[P, R]) -> Callable[P, R]:
        def stopped(*args: P.args, **kwargs: P.kwargs) -> R:
            self.calls += 1
            due = self.calls == self.at
            if due and self.before:
                raise Stopped
            result = call(*args, **kwargs)
            if due:
                raise Stopped
            return result

        return stopped


def scale_up(world: GatewayWorld) -> None:
    world.update(replicas=3)


def scale_down(world: GatewayWorld) -> None:
    world.update(replicas=1)


def redeploy(world: GatewayWorld) -> None:
    verbs.redeploy(GATEWAY, "ada", world.clock)


def go_down(world: GatewayWorld) -> None:
    verbs.down(GATEWAY, "ada", world.clock)


def never_connect(world: GatewayWorld) -> None:
    world.hosts["a"].mute = {3}
    world.update(replicas=3)
    world.runs(2)


STORIES = {"up": scale_up, "down": scale_down, "redeploy": redeploy, "gone": go_down, "cleaned up": never_connect}
LEFT = {"up": 3, "down": 1, "redeploy": 2, "gone": 0, "cleaned up": 3}


def at_most_one_each(world: GatewayWorld) -> None:
    running = Counter(world.living())
    assert all(count == 1 for count in running.values()), running


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_stopped_at_any_call_the_next_runs_leave_exactly_what_is_wanted(
    story: str, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The memory takes one caller at a time.
    monkeypatch.setattr(reconciling, "REPLICAS_AT_ONCE", 1)
    monkeypatch.setattr(reconciling, "GATEWAYS_AT_ONCE", 1)
    for at in range(1, MOST_CALLS):
        with MemoryDynamoDB().bound(), monkeypatch.context() as patched:
            world = GatewayWorld("memory-")
            world.serve("chat")
            world.up(replicas=2)
            world.run()
            STORIES[story](world)
            stopper = Stopper(at, before)
            for module in (acting, leases, registering, reconciling):
                patched.setattr(module, "transact", stopper.around(module.transact))
            launcher = world.hosts["a"].launcher
            patched.setattr(launcher, "launch", stopper.around(launcher.launch))
            patched.setattr(launcher, "stop", stopper.around(launcher.stop))
            for _ in range(10):
                with suppress(Stopped):
                    world.run()
                at_most_one_each(world)
                world.hosts["a"].mute = set()
            assert len(world.living()) == LEFT[story], (at, world.living())
            if story == "gone":
                assert read_desired(GATEWAY) is None
            else:
                assert set(world.statuses().values()) == {"running"}, (at, world.statuses())
                assert sorted(world.living()) == [f"gateway:web/{number}" for number in sorted(world.statuses())]
            if stopper.calls < at:
                return
    raise AssertionError(f"a story of more than {MOST_CALLS} calls was not gone through")
