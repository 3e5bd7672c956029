"""An NGO's adapter with a clock for its keys that the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hub.adapters.partners.links import Link
from hub.adapters.partners.ngo.adapter import Ngo
from hub.adapters.partners.ngo.keys import KeyCache
from tests.integration.partners.conftest import Partner
from tests.integration.partners.hub import SimulatedHub


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.now = 0.0

    def __call__(self) -> float:
        """Give the seconds."""
        return self.now


@contextmanager
def running(partner: Partner, hub: SimulatedHub, kind: type[Ngo] = Ngo, **more: Any) -> Iterator[Ngo]:
    """Run an adapter with a clock for its keys that the test moves."""
    found_settings = partner.configure(hub, **more)
    ngo = kind(found_settings, Link.of(found_settings), keys=KeyCache(Clock()))
    try:
        yield ngo
    finally:
        ngo.close()
