"""An in-memory DynamoDB for tests of one thread; what races is tested on the embedded one."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from paramedic.state import tables
from paramedic.state.controllers import ControllerHeartbeat
from paramedic.state.targets import Target


@pytest.fixture
def memory_tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Empty tables `targets` and `controllers`."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        tables.bind("memory-")
        for model in (Target, ControllerHeartbeat):
            model.create_table(billing_mode="PAY_PER_REQUEST")
        yield
