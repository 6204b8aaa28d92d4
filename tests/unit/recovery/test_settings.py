"""What the recovery function is told by its environment."""

import pytest

from paramedic.recovery.settings import RecoverySettings
from paramedic.settings import InvalidSettingError

ENVIRONMENT = {"TABLE_PREFIX": "p-", "ALERT_TOPIC_ARN": "arn:aws:sns:x", "IDEMPOTENCY_TABLE": "p-idempotency"}


def test_networks_are_read_as_the_prober_reads_them() -> None:
    settings = RecoverySettings.from_env(ENVIRONMENT | {"ALLOWED_CIDRS": "10.0.0.0/8, 127.0.0.0/8"})
    assert settings.allowed_cidrs == ("10.0.0.0/8", "127.0.0.0/8")


def test_empty_parameters_of_the_stack_mean_their_defaults() -> None:
    settings = RecoverySettings.from_env(ENVIRONMENT | {"ALLOWED_CIDRS": "", "LAUNCHER_PROFILES": ""})
    assert (settings.allowed_cidrs, settings.launcher_profiles) == ((), "{}")


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(InvalidSettingError, match=f"{name}: is not set"):
        RecoverySettings.from_env({key: value for key, value in ENVIRONMENT.items() if key != name})
