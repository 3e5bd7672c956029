"""Following the log: pull, never be fed (design: *Own `Follower.step(limit)`*)."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from eventsourcing.persistence import Notification

from hub.errors import Corrupt, HubError, NoKek, Unavailable
from hub.logs import logger
from hub.ports import Row, View
from hub.projections import disclosures

log = logger("following")


class Log(Protocol):
    """The log as a follower reads it."""

    def notifications(self, after: int, limit: int) -> Sequence[Notification]:
        """The events after a position, in the order they were committed."""

    def open(self, stored: Notification) -> Any:
        """The event behind a notification. Raises `Corrupt`."""

    def event(self, stream: UUID, version: int) -> Any:
        """One event of a stream. Raises `Missing`, `Corrupt`."""


class Follower:
    """Keeps the view of disclosures up with the log. Rows and position commit together."""

    def __init__(self, source: Log, view: View) -> None:
        self._source, self._view = source, view

    def step(self, limit: int) -> int:
        """Take in at most `limit` events; how many there were.

        Raises `Unavailable` where a key-encryption key is not here: all that is under it would be lost.
        """
        since = self._view.position(disclosures.OWNER)
        found = self._source.notifications(since[1], limit)
        if not found:
            return 0
        rows = [row for n in found if (row := self._row(n)) is not None]
        self._view.apply(disclosures.OWNER, (1, found[-1].id), rows, (), since)
        return len(found)

    def _row(self, notification: Notification) -> Row | None:
        try:
            event = self._source.open(notification)
        except NoKek as error:
            raise Unavailable("a key-encryption key is not here: start again with all of them") from error
        except Corrupt as error:
            # One stream that fails its tag must not stop every other (design: that stream alone stops).
            log.error("an event cannot be opened", error=error.slug, position=notification.id)
            return self._damaged(notification)
        return disclosures.row_of(event, notification.id)

    def _damaged(self, notification: Notification) -> Row | None:
        """The pointer all the same, where the stream's other events say which case it belongs to."""
        stream, version = notification.originator_id, notification.originator_version
        if notification.topic not in disclosures.TOPICS or not isinstance(stream, UUID):
            return None
        for beside in (1, version - 1, version + 1):
            try:
                event = self._source.event(stream, beside)
            except HubError:
                continue
            row = disclosures.row_of(event, notification.id)
            if row is not None and beside != version:
                return disclosures.pointer(stream, version, row.thread, notification.id)
        return None
