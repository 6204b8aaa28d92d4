"""The shipped manifest: what keeps two controllers from running and lets the next pod take up the last one's state."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from paramedic_controller.settings import Settings

MANIFEST = Path(__file__).parents[3] / "deploy/kubernetes/controller.yaml"
AWS_OWN = {"AWS_REGION"}


@pytest.fixture(scope="module")
def resources() -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in yaml.safe_load_all(MANIFEST.read_text())}


@pytest.fixture(scope="module")
def pod(resources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return dict(resources["Deployment"]["spec"]["template"]["spec"])


def environment(pod: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", "10.0.0.7") for each in pod["containers"][0]["env"]}


def test_the_former_pod_is_gone_before_the_next_one_is_made(resources: dict[str, dict[str, Any]]) -> None:
    spec = resources["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_a_restarted_container_can_tell_that_its_predecessor_is_gone(pod: dict[str, Any]) -> None:
    assert pod["shareProcessNamespace"] is True
    volumes = {each["name"]: each for each in pod["volumes"]}
    mounts = {each["mountPath"]: each for each in pod["containers"][0]["volumeMounts"]}
    own = mounts[environment(pod)["PARAMEDIC_HOST_DIR"]]
    assert "emptyDir" in volumes[own["name"]]
    machine = mounts["/etc/machine-id"]
    assert volumes[machine["name"]]["hostPath"] == {"path": "/etc/machine-id", "type": "File"}
    assert machine["readOnly"] is True


def test_sigterm_reaches_the_controller_which_has_time_for_its_last_word(pod: dict[str, Any]) -> None:
    container = pod["containers"][0]
    assert container["command"] == ["/bin/sh", "-c"]
    assert container["args"][0].endswith("&& exec python -m paramedic_controller")
    settings = Settings.from_env({k: v for k, v in environment(pod).items() if k not in AWS_OWN})
    assert pod["terminationGracePeriodSeconds"] > 2 * settings.stop_grace_seconds


def test_nothing_restarts_a_controller_that_is_merely_waiting(pod: dict[str, Any]) -> None:
    container = pod["containers"][0]
    assert "livenessProbe" not in container
    assert "startupProbe" not in container
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": "http"}


def test_its_settings_are_accepted_and_its_address_is_the_services(
    pod: dict[str, Any], resources: dict[str, dict[str, Any]]
) -> None:
    given = environment(pod)
    assert set(given) - AWS_OWN <= {field.alias for field in Settings.model_fields.values()}
    settings = Settings.from_env(given)
    assert settings.advertised_host == resources["Service"]["metadata"]["name"]
    assert settings.port == resources["Service"]["spec"]["ports"][0]["port"]
    assert settings.port == pod["containers"][0]["ports"][0]["containerPort"]
    assert resources["Service"]["spec"]["publishNotReadyAddresses"] is True


def test_a_controller_gets_no_more_rights_than_it_needs(pod: dict[str, Any]) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
