"""What only the contract suites need."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture
def broker_may_die() -> Iterator[None]:
    """For tests that kill a broker: kafka-python drops a socket that was refused without closing it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()
