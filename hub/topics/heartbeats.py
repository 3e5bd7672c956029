"""Heartbeats: who was sent nothing for a while is told that nothing was missed.

A reader finds what it missed by the number of what comes next. Where nothing comes next, the end of a topic
that was lost would not show, and the referral in it would never come; so the next thing comes within the
hour. Each heartbeat follows one number, once, whatever was restarted and however many processes ask.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from hub.aggregates.base import Actor
from hub.application import Hub
from hub.application.committing import Command
from hub.ports import Store

BEATER: Final = Actor("hub", "hub", "heartbeat", "hub")
QUIET: Final = timedelta(hours=1)
_EVER: Final = 2**63 - 1


class Heartbeats:
    """Watches the last number of each recipient."""

    def __init__(self, store: Store, hub: Hub, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock
        self._last: dict[str, tuple[tuple[int, int], datetime]] = {}

    def step(self) -> int:
        """Send one to each active recipient whose last number has stood for an hour; how many."""
        sent, now = 0, self._clock()
        for slug in [partner.slug for partner in self._store.partners() if partner.active]:
            number = self._store.number_at(slug, _EVER)
            before, since = self._last.get(slug, (None, now))
            if number != before:
                self._last[slug] = number, now
            elif now - since >= QUIET:
                epoch, sequence = number
                self._hub.send_heartbeat(Command(by=BEATER, key=f"heartbeat:{slug}:{epoch}.{sequence}"), slug)
                sent += 1
        return sent
