"""Following the log: pull, never be fed (design: *Own `Follower.step(limit)`*)."""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

from eventsourcing.persistence import Notification

from hub.errors import Corrupt
from hub.ports import Row, View
from hub.projections import disclosures

log = logging.getLogger("hub.following")


class Log(Protocol):
    """The log as a follower reads it."""

    def notifications(self, after: int, limit: int) -> Sequence[Notification]:
        """The events after a position, in the order they were committed."""

    def open(self, stored: Notification) -> Any:
        """The event behind a notification. Raises `Corrupt`."""


class Follower:
    """Keeps the view of disclosures up with the log. Rows and position commit together."""

    def __init__(self, source: Log, view: View) -> None:
        self._source, self._view = source, view

    def step(self, limit: int) -> int:
        """Take in at most `limit` events; how many there were."""
        _, position = self._view.position(disclosures.OWNER)
        found = self._source.notifications(position, limit)
        if not found:
            return 0
        rows = [row for n in found if (row := self._row(n)) is not None]
        self._view.apply(disclosures.OWNER, (1, found[-1].id), rows, ())
        return len(found)

    def _row(self, notification: Notification) -> Row | None:
        try:
            event = self._source.open(notification)
        except Corrupt as error:
            # One stream that fails its tag must not stop every other (design: that stream alone stops).
            log.error("an event cannot be opened", extra={"slug": error.slug, "position": notification.id})
            return None
        return disclosures.row_of(event, notification.id)
