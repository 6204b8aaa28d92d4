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
    deployment.backend.end()
    deployment.backend.lagging = True
    (left,) = deployment.backend.objects["replicasets"].values()
    left["metadata"]["generation"] = 2
    result = deployment.launcher.stop(receipt, epoch=4, grace_seconds=0)
    assert not deployment.living()
    assert (result.outcome, "replicaset" in result.detail) == ("unconfirmed", True)
    left["status"]["observedGeneration"] = 2
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


def test_a_deployment_whose_status_changes_meanwhile_is_read_again_and_launched(deployment: Stage) -> None:
    deployment.backend.others_changes = [{"status": {"replicas": 0}}]
    receipt = deployment.launch(3)
    assert deployment.launcher.describe(receipt).state is RunState.RUNNING


def test_a_deployment_that_somebody_changes_meanwhile_is_not_changed_over_them(deployment: Stage) -> None:
    deployment.backend.others_changes = [{"spec": {"strategy": {"type": "RollingUpdate"}}}]
    with pytest.raises(LauncherError, match="RollingUpdate"):
        deployment.launch(3)
    assert not deployment.backend.told


def test_a_deployment_that_others_change_each_time_is_left_to_them(deployment: Stage) -> None:
    deployment.backend.others_changes = [{"status": {}}] * 10
    with pytest.raises(LauncherError, match="409"):
        deployment.launch(3)
    assert not deployment.backend.told


def test_an_api_that_is_busy_for_a_moment_fails_no_launch_and_no_stop(deployment: Stage, jobs: Stage) -> None:
    for stage in (deployment, jobs):
        stage.backend.busy = 2
        receipt = stage.launch(3)
        stage.backend.busy = 2
        assert stage.stop(receipt) == "stopped"


def test_a_launch_is_not_over_before_the_cluster_has_taken_in_that_it_is_held(deployment: Stage) -> None:
    deployment.backend.lagging = True
    receipt = deployment.launch(3)
    result = deployment.launcher.stop(receipt, epoch=4, grace_seconds=0)
    assert (result.outcome, "not taken in yet" in result.detail) == ("unconfirmed", True)
    deployment.backend.lagging = False
    assert deployment.stop(receipt) == "stopped"
    assert not deployment.living()


def test_a_pod_that_is_called_failed_while_its_node_shows_it_running_is_not_over_and_not_forgotten(
    deployment: Stage, jobs: Stage
) -> None:
    for stage in (deployment, jobs):
        receipt = stage.launch(3)
        (pod,) = stage.backend.living()
        pod["status"] = {"phase": "Failed", "containerStatuses": [{"name": "controller", "state": {"running": {}}}]}
        result = stage.launcher.stop(receipt, epoch=4, grace_seconds=0)
        assert (result.outcome, "the node answering again" in result.detail) == ("unconfirmed", True)
        assert pod["metadata"]["name"] in stage.backend.objects["pods"]
        pod["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 137}}
        assert stage.stop(receipt) == "stopped"


def test_pods_that_a_deployment_left_behind_are_found_by_their_key(deployment: Stage) -> None:
    receipt = deployment.launch(3)
    deployment.backend.lost_node = True
    deployment.backend.objects["deployments"][kubernetes.DEPLOYMENT]["spec"]["template"]["metadata"] = {}
    assert deployment.launcher.find(SCOPE, receipt.key) == receipt
    assert deployment.stop(receipt) == "unconfirmed"


def test_what_a_key_labels_and_nothing_tells_of_any_more_is_an_error_and_never_nothing_there(
    deployment: Stage, jobs: Stage
) -> None:
    receipt = deployment.launch(3)
    template = deployment.backend.objects["deployments"][kubernetes.DEPLOYMENT]["spec"]["template"]
    del template["metadata"]["annotations"]
    with pytest.raises(LauncherError, match="does not say so"):
        deployment.launcher.find(SCOPE, receipt.key)
    receipt = jobs.launch(3)
    jobs.backend.objects["jobs"].clear()
    with pytest.raises(LauncherError, match="nothing tells any more"):
        jobs.launcher.find(SCOPE, receipt.key)


def test_a_launch_of_another_deployment_is_elsewhere_and_left_alone(deployment: Stage) -> None:
    receipt = deployment.launch(3)
    other = receipt.model_copy(update={"identity": {**receipt.identity, "name": "controller-other"}})
    assert deployment.launcher.describe(other).state is RunState.ELSEWHERE
    assert deployment.stop(other) == "unconfirmed"
    assert len(deployment.living()) == 1


def test_a_held_job_that_somebody_lets_go_on_is_not_over(jobs: Stage) -> None:
    receipt = jobs.launch(3)
    assert jobs.stop(receipt) == "stopped"
    (job,) = jobs.backend.objects["jobs"].values()
    job["spec"]["suspend"] = False
    assert jobs.launcher.describe(receipt).state is RunState.RUNNING


def test_a_job_starts_one_pod_and_never_another(jobs: Stage) -> None:
    template = jobs.backend.objects["cronjobs"][kubernetes.CRONJOB]["spec"]["jobTemplate"]["spec"]
    ignored = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    template |= {"backoffLimit": 6, "podFailurePolicy": {"rules": ignored}}
    jobs.launch(3)
    ((_, _, job),) = jobs.backend.told
    spec = job["spec"]
    assert "podFailurePolicy" not in spec
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


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ({"ready": False, "started": True, "state": {"running": {}}}, True),
        ({"ready": True, "started": True, "state": {"running": {}}}, False),
        ({"ready": False, "started": False, "state": {"running": {}}}, False),
        ({"ready": False, "started": True, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}, False),
        ({"name": "sidecar", "ready": False, "started": True, "state": {"running": {}}}, False),
    ],
)
def test_a_pod_is_ailing_only_while_its_own_container_runs_and_its_readiness_probe_fails(
    deployment: Stage, status: dict[str, Any], found: bool
) -> None:
    receipt = deployment.launch(3)
    (pod,) = deployment.backend.living()
    pod["status"] = {"phase": "Running", "containerStatuses": [{"name": "controller", **status}]}
    look = deployment.launcher.describe(receipt)
    assert (look.state, bool(look.ailing)) == (RunState.RUNNING, found)
