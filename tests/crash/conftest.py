"""Where stories are told hundreds of times, by one thread each, the tables are in memory."""

from collections.abc import Iterator

import pytest

from tests.fakes.memory_dynamodb import MemoryDynamoDB


@pytest.fixture
def memory_prefix() -> Iterator[str]:
    """The prefix of empty tables in memory."""
    prefix = "memory-"
    with MemoryDynamoDB().bound(prefix):
        yield prefix
