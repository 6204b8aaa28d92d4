"""The fence's files: what they refuse, what they remember, and what a broken one does."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.clock import SystemClock
from paramedic.launchers.interface import EpochRefusedError, KeyAlreadyUsedError, Launch
from paramedic.launchers.process.files import HostFileError, HostLockHeldError, locked
from paramedic.launchers.process.host import initialise_host_dir
from paramedic.launchers.process.host_fence import REMEMBERED_KEYS, HostFence, LaunchRecord
from paramedic.launchers.process.launcher import ProcessLauncher, receipt_of_this_process
from paramedic.launchers.process.spawning import SpawnPlan

WORKLOAD = "replica:u1/1"
SCOPE = "controller:main"
WORKLOAD_FILE = "workloads/replica%3Au1%2F1.json"
SCOPE_FILE = "scopes/controller%3Amain.json"


@pytest.fixture
def fence(host_dir: Path) -> HostFence:
    return HostFence(host_dir, SystemClock(), lock_seconds=0.05)


def act(fence: HostFence, epoch: int, *, workload: str = WORKLOAD, scope: str = SCOPE) -> None:
    with fence.admitted(workload=workload, scope=scope, epoch=epoch):
        pass


def test_a_lower_epoch_of_the_scope_is_refused_for_every_workload(fence: HostFence) -> None:
    fence.raise_scope(SCOPE, 5)
    with pytest.raises(EpochRefusedError, match=r"scope 'controller:main' has seen epoch 5.*carries 4"):
        act(fence, 4)
    act(fence, 5)


def test_a_lower_epoch_of_the_workload_is_refused_also_where_the_scope_forgot_it(
    fence: HostFence, host_dir: Path
) -> None:
    act(fence, 7)
    (host_dir / SCOPE_FILE).unlink()
    with pytest.raises(EpochRefusedError, match="workload 'replica:u1/1' has seen epoch 7"):
        act(fence, 6)


def test_epochs_of_whoever_had_a_workload_before_do_not_count_for_who_takes_it_over(fence: HostFence) -> None:
    act(fence, 7)
    act(fence, 2, scope="controller:other")
    act(fence, 3, scope="controller:other")
    with pytest.raises(EpochRefusedError, match="scope 'controller:other' has seen epoch 3"):
        act(fence, 2, scope="controller:other")
    act(fence, 7)


def test_a_workload_launched_by_an_earlier_release_can_be_taken_over(fence: HostFence, host_dir: Path) -> None:
    launches = [{"key": "op-1", "scope": SCOPE, "epoch": 7}]
    (host_dir / WORKLOAD_FILE).write_text(json.dumps({"name": WORKLOAD, "epoch": 7, "launches": launches}))
    with pytest.raises(EpochRefusedError, match="workload 'replica:u1/1' has seen epoch 7"):
        act(fence, 6)
    act(fence, 2, scope="controller:other")


def test_scopes_do_not_fence_each_other(fence: HostFence) -> None:
    fence.raise_scope("controller:other", 9)
    act(fence, 1)


def test_a_scope_is_never_lowered(fence: HostFence) -> None:
    fence.raise_scope(SCOPE, 5)
    fence.raise_scope(SCOPE, 2)
    with pytest.raises(EpochRefusedError):
        act(fence, 4)


def test_raising_a_scope_waits_for_actions_under_way(fence: HostFence) -> None:
    with (
        fence.admitted(workload=WORKLOAD, scope=SCOPE, epoch=1),
        pytest.raises(HostLockHeldError, match=r"controller%3Amain\.lock is still held after 0\.05 s by process \d+"),
    ):
        fence.raise_scope(SCOPE, 2)
    act(fence, 1)


def test_actions_on_different_workloads_of_one_scope_overlap(fence: HostFence) -> None:
    act(fence, 1)
    with fence.admitted(workload=WORKLOAD, scope=SCOPE, epoch=1):
        act(fence, 1, workload="replica:u1/2")


def test_two_actions_on_one_workload_do_not_overlap(fence: HostFence) -> None:
    with fence.admitted(workload=WORKLOAD, scope=SCOPE, epoch=1), pytest.raises(HostLockHeldError):
        act(fence, 1)


def test_used_keys_are_bounded_and_the_newest_are_kept(fence: HostFence, host_dir: Path) -> None:
    with fence.admitted(workload=WORKLOAD, scope=SCOPE, epoch=1) as ledger:
        for number in range(REMEMBERED_KEYS + 3):
            ledger.record(LaunchRecord(key=f"op-{number}", scope=SCOPE, epoch=1))
        assert ledger.launch_of("op-2") is None
        assert ledger.launch_of("op-3") is not None
    assert len(json.loads((host_dir / WORKLOAD_FILE).read_text())["launches"]) == REMEMBERED_KEYS


def test_fields_of_a_newer_release_are_kept(fence: HostFence, host_dir: Path) -> None:
    (host_dir / WORKLOAD_FILE).write_text(json.dumps({"name": WORKLOAD, "epoch": 1, "launches": [], "newer": [1]}))
    act(fence, 2)
    written = json.loads((host_dir / WORKLOAD_FILE).read_text())
    assert (written["epoch"], written["newer"]) == (2, [1])


@pytest.mark.parametrize("file", [WORKLOAD_FILE, SCOPE_FILE])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "Invalid JSON"),
        ('{"name": "x", "epoch": -1}', r"\.json\.epoch: "),
        ('{"name": "x", "epoch": 1}', r"\.json\.name: is 'x'"),
    ],
)
def test_a_malformed_file_refuses_every_action_and_names_file_and_field(
    fence: HostFence, host_dir: Path, file: str, content: str, problem: str
) -> None:
    (host_dir / file).write_text(content)
    with pytest.raises(HostFileError, match=problem) as refusal:
        act(fence, 9)
    assert file in str(refusal.value)
    assert (host_dir / file).read_text() == content


def test_a_malformed_launch_record_is_refused_by_its_path(fence: HostFence, host_dir: Path) -> None:
    content = {"name": WORKLOAD, "epoch": 1, "launches": [{"key": "op-1", "scope": SCOPE, "epoch": "many"}]}
    (host_dir / WORKLOAD_FILE).write_text(json.dumps(content))
    with pytest.raises(HostFileError, match=r"\.json\.launches\.0\.epoch"):
        act(fence, 9)


def test_a_half_written_file_of_a_crashed_writer_does_no_harm(fence: HostFence, host_dir: Path) -> None:
    act(fence, 4)
    (host_dir / f"{WORKLOAD_FILE}.tmp").write_text('{"name": "rep')
    with pytest.raises(EpochRefusedError):
        act(fence, 3)
    act(fence, 5)


def test_long_names_that_share_a_beginning_stay_apart(fence: HostFence) -> None:
    fence.raise_scope("controller:" + "x" * 300 + "1", 9)
    act(fence, 1, scope="controller:" + "x" * 300 + "2")


def test_a_lock_is_free_again_after_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(LookupError), locked(tmp_path / "a.lock", SystemClock(), wait_seconds=0):
        raise LookupError
    with locked(tmp_path / "a.lock", SystemClock(), wait_seconds=0):
        pass


calls = st.lists(st.tuples(st.sampled_from(["launch", "stop", "fence"]), st.integers(0, 4), st.integers(0, 3)))


@settings(max_examples=60, deadline=None)
@given(calls)
def test_accepted_epochs_never_decrease_and_a_key_starts_at_most_one_process(
    sequence: list[tuple[str, int, int]],
) -> None:
    started: list[str] = []

    def spawn(plan: SpawnPlan) -> int:
        started.append(plan.environment["PARAMEDIC_LAUNCH_KEY"])
        return 1  # A number that is surely alive: what matters here is who asked for it.

    with tempfile.TemporaryDirectory() as folder:
        initialise_host_dir(Path(folder))
        launcher = ProcessLauncher(Path(folder), spawn=spawn)
        accepted = [
            epoch for verb, epoch, number in sequence if accepts(launcher, verb, epoch=epoch, key=f"op-{number}")
        ]
    assert accepted == sorted(accepted)
    assert len(started) == len(set(started))


def accepts(launcher: ProcessLauncher, verb: str, *, epoch: int, key: str) -> bool:
    absent = receipt_of_this_process(workload=WORKLOAD, scope=SCOPE, epoch=epoch, key=key)
    absent = absent.model_copy(update={"identity": {**absent.identity, "start_time": "0"}})
    try:
        match verb:
            case "launch":
                launcher.launch(Launch(workload=WORKLOAD, scope=SCOPE, epoch=epoch, key=key, command=("x",)))
            case "stop":
                launcher.stop(absent, epoch=epoch, grace_seconds=0)
            case _:
                launcher.fence(SCOPE, epoch)
                return False  # Lower ones are accepted, without effect.
    except (EpochRefusedError, KeyAlreadyUsedError):
        return False
    return True
