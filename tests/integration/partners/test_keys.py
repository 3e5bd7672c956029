"""Keys are in memory, for one look, for a minute at most."""

import threading
from uuid import uuid4

import pytest

from hub.adapters.partners.ngo.keys import KeyCache, Look
from tests.integration.partners.running import Clock


def test_a_timer_drops_keys_that_nobody_asks_for_again() -> None:
    """They don't wait in memory for the next look."""
    keys = KeyCache(ttl_s=0.1)
    keys.put(Look(uuid4(), "li-7", "Anne Prøve", "referral"), {0: b"k" * 32}, keys.clock())
    keys.put(Look(uuid4(), "li-7", "Anne Prøve", "referral"), {0: b"k" * 32}, keys.clock())
    for _ in range(100):
        if len(keys) == 0:
            break
        threading.Event().wait(0.05)
    assert len(keys) == 0


def test_keys_are_never_held_longer_than_the_design_says() -> None:
    """Nor for ever, when a clock goes backwards."""
    with pytest.raises(ValueError, match="60 seconds"):
        KeyCache(ttl_s=61)
    clock = Clock()
    keys = KeyCache(clock)
    clock.now = 100.0
    keys.put(Look(uuid4(), "li-7", "Anne Prøve", "referral"), {0: b"k" * 32}, 100.0)
    clock.now = 5.0
    keys.sweep()
    assert len(keys) == 0
