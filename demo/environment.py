"""Lends this process a stack's environment, and takes it back."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def use(environment: Mapping[str, str]) -> Iterator[None]:
    """Within, AWS clients of this process talk to the stack that `environment` names."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
