"""What a cluster is asked to do, and when a pod counts as gone."""

from pathlib import Path
from typing import Any

import pytest

from paramedic.launchers.interface import EpochRefusedError, LauncherError, RunState
from tests.fakes.launchers import kubernetes
from tests.fakes.launchers.stages import SCOPE, Stage, make_stage


@pytest.fixture
def deployment(tmp_path: Path) -> Stage:
    return make_stage("kubernetes-deployment", tmp_path, tmp_path / "token")


@pytest.fixture
def jobs(tmp_path: Path) -> Stage:
    return make_stage("kubernetes-job", tmp_path, tmp_path / "token")


def test_a_pod_is_told_its_epoch_and_shows_it(deployment: Stage, jobs: Stage) -> None:
    for stage in (deployment, jobs):
        stage.launch(3)
        (pod,) = stage.backend.living()
        (container,) = pod["spec"]["containers"]
        assert {"name": "PARAMEDIC_EPOCH", "value": "3"} in container["env"]
        assert container["image"] == "controller:1"
        assert pod["metadata"]["annotations"]["paramedic/epoch"] == "3"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"strategy": {"type": "RollingUpdate"}}, "RollingUpdate"),
        ({"strategy": {}}, "Recreate"),
        ({"replicas": 2}, "2 r"),
    ],
)
def test_a_deployment_that_may_run_two_is_refused_and_left_as_it_is(
    deployment: Stage, change: dict[str, Any], named: str
) -> None:
    deployment.backend.objects["deployments"][kubernetes.DEPLOYMENT]["spec"] |= change
    with pytest.raises(LauncherError, match=named):
        deployment.launch(3)
    assert not deployment.backend.told


def test_a_deployment_is_not_taken_back_to_a_lower_epoch(deployment: Stage) -> None:
    deployment.launch(4)
    with pytest.raises(EpochRefusedError, match="at epoch 4"):
        deployment.launch(3)


def test_a_pod_on_a_node_that_does_not_answer_is_unconfirmed_and_never_deleted_by_force(
    deployment: Stage, jobs: Stage
) -> None:
    for stage in (deployment, jobs):
        receipt = stage.launch(3)
        (pod,) = stage.backend.living()
        stage.backend.lost_node = True
        result = stage.launcher.stop(receipt, epoch=4, grace_seconds=0)
        assert result.outcome == "unconfirmed"
        assert pod["metadata"]["uid"] in result.detail
        assert "the node answering again" in result.detail
        assert stage.launcher.describe(receipt).state is RunState.RUNNING
        stage.backend.lost_node = False
        assert stage.stop(receipt) == "stopped"


def test_each_pod_is_deleted_as_the_one_that_it_is(deployment: Stage, jobs: Stage) -> None:
    for stage in (deployment, jobs):
        receipt = stage.launch(3)
        (pod,) = stage.backend.living()
        stage.stop(receipt)
        deleted = [body["uid"] for method, kind, body in stage.backend.told if (method, kind) == ("DELETE", "pods")]
        assert deleted == [pod["metadata"]["uid"]]


def test_a_launch_is_not_over_while_something_left_of_it_may_still_make_a_pod(deployment: Stage) -> None:
    receipt = deployment.launch(3)
    deployment.backend.lagging = True
    result = deployment.launcher.stop(receipt, epoch=4, grace_seconds=0)
    assert not deployment.living()
    assert (result.outcome, "replicaset" in result.detail) == ("unconfirmed", True)
    deployment.backend.lagging = False
    assert deployment.stop(receipt) == "stopped"


def test_a_pod_that_takes_a_pods_name_meanwhile_is_left_alone(deployment: Stage) -> None:
    receipt = deployment.launch(3)
    (pod,) = deployment.backend.living()
    deployment.backend.lost_node = True
    api = deployment.launcher.api  # type: ignore[attr-defined]
    api.delete_exactly("pods", pod["metadata"]["name"], "another-uid", 1)
    assert "deletionTimestamp" not in pod["metadata"]
    assert deployment.launcher.describe(receipt).state is RunState.RUNNING


def test_a_pod_that_a_deployment_makes_anew_is_the_same_workload_and_is_stopped_with_it(deployment: Stage) -> None:
    receipt = deployment.launch(3)
    (pod,) = deployment.backend.living()
    pod["metadata"]["deletionTimestamp"] = "2026-01-05T03:00:00Z"
    deployment.backend.settle()
    (other,) = deployment.backend.living()
    assert other["metadata"]["uid"] != pod["metadata"]["uid"]
    assert deployment.stop(receipt) == "stopped"
    assert not deployment.living()


def test_a_deployment_that_somebody_changes_meanwhile_is_not_changed_over_them(
    deployment: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched = deployment.backend._patch

    def meanwhile(known: dict[str, Any], kind: str, body: dict[str, Any]) -> object:
        known["metadata"]["resourceVersion"] = "7"
        return patched(known, kind, body)

    monkeypatch.setattr(deployment.backend, "_patch", meanwhile)
    with pytest.raises(LauncherError, match="409"):
        deployment.launch(3)
    assert not deployment.backend.told


def test_a_job_starts_one_pod_and_never_another(jobs: Stage) -> None:
    jobs.launch(3)
    ((_, _, job),) = jobs.backend.told
    spec = job["spec"]
    assert (spec["backoffLimit"], spec["parallelism"], spec["completions"]) == (0, 1, 1)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_a_cronjob_that_would_start_workloads_by_itself_is_refused(jobs: Stage) -> None:
    jobs.backend.objects["cronjobs"][kubernetes.CRONJOB]["spec"]["suspend"] = False
    with pytest.raises(LauncherError, match="not suspended"):
        jobs.launch(3)
    assert not jobs.backend.told


def test_a_list_goes_on_over_all_pages(jobs: Stage) -> None:
    receipts = [jobs.launch(epoch) for epoch in (3, 4, 5)]
    assert sorted(jobs.launcher.running(SCOPE), key=lambda each: each.epoch) == receipts
