"""What `paramedic scale` may change depends on what the service is scaled by."""

from typing import Any

import pytest

from paramedic.services.replica_policy import ReplicaPolicy
from paramedic_cli.commands.changes import scaled
from paramedic_cli.usage import UsageError

BY_CPU: dict[str, Any] = {"min_replicas": 1, "max_replicas": 3, "target_utilization": {"metric": "cpu", "target": 0.7}}
BY_RATE: dict[str, Any] = {"min_replicas": 1, "max_replicas": 3, "target_qps_per_replica": 2}


@pytest.mark.parametrize("policy", [BY_CPU, BY_RATE])
def test_a_service_scaled_by_figures_takes_bounds_and_no_number(policy: dict[str, Any]) -> None:
    before = ReplicaPolicy.model_validate(policy)
    after = scaled(before, None, 2, 9)
    assert (after.min_replicas, after.max_replicas) == (2, 9)
    assert after.target_utilization == before.target_utilization
    with pytest.raises(UsageError, match="--min, --max"):
        scaled(before, 4, None, None)


def test_a_fixed_number_takes_a_number_and_no_bounds() -> None:
    fixed = ReplicaPolicy.model_validate({"min_replicas": 2})
    assert scaled(fixed, 4, None, None).maximum == 4
    with pytest.raises(UsageError, match="--replicas"):
        scaled(fixed, None, 1, 2)
