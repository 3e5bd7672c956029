"""A reporter's outbox on disk: what was accepted from an officer or a nurse is here before anything is sent.

States: `not_yet_delivered` → `delivered` | `refused`. The body lies sealed to the reporter's own key. A body
that was delivered is kept for some days, for the hub may be put back from a backup of before: then it is not
yet delivered once more. Id, state and receipt stay. A refused body stays, sealed, until it is handed back.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

from contracts.message_v1 import Receipt, ReceiptStatus
from hub.adapters.partners import retracting, taking_up
from hub.adapters.partners.disk import Disk, NotScrubbed
from hub.adapters.partners.retracting import Retraction

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS reports (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    report_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('not_yet_delivered', 'delivered', 'refused')),
    since TEXT NOT NULL,
    body BLOB,
    sent_at TEXT,
    number TEXT, receipt TEXT, on_call TEXT,
    note TEXT
);
CREATE TABLE IF NOT EXISTS position (
    only INTEGER PRIMARY KEY CHECK (only = 1), epoch INTEGER NOT NULL, sequence INTEGER NOT NULL
);
INSERT OR IGNORE INTO position VALUES (1, 0, 0)
"""
_STATUS: Final = (
    "SELECT report_id, reports.state AS state, since, number, "
    "CASE WHEN receipt IN ('received', 'read') AND report_id IN (SELECT report_id FROM taken_up) "
    "THEN 'taken_up' ELSE receipt END AS receipt, on_call, "
    "coalesce(reports.note, CASE WHEN reports.state = 'not_yet_delivered' AND sent_at IS NOT NULL "
    "THEN 'sent, not yet answered' END) AS note, body IS NOT NULL AS held, "
    "retractions.state AS retraction, retractions.note AS why FROM reports "
    "LEFT JOIN retractions USING (report_id) WHERE ? IS NULL OR report_id = ? ORDER BY place"
)
_AT_ONCE: Final = 100
_FIRST_EPOCH: Final = 1
_RESTORED: Final = "the municipality's hub was put back from a backup: it is handed over again"


class State(StrEnum):
    """How far a report has come on its way out of this house."""

    NOT_YET_DELIVERED = "not_yet_delivered"
    DELIVERED = "delivered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """One report as a list shows it: nothing of what it says."""

    report_id: UUID
    state: State
    since: datetime
    number: str | None
    """The municipality's number, to read out on the phone."""
    receipt: str | None
    """How far it has come over there: `received` is not read by a person."""
    on_call: str | None
    note: str | None
    """Why it was refused, or what stands in its way."""
    held: bool
    """Whether the body is still here, sealed."""
    retraction: Retraction | None = None
    """How far it has come that it is taken back."""
    retraction_note: str | None = None
    """Why that was refused, or what stands in its way."""


class Outbox:
    """The reports of one reporter, and how far it has read its own messages."""

    def __init__(self, path: Path, keep_for: timedelta) -> None:
        """Open the file; what an earlier run deleted is scrubbed first. `keep_for`: see `forget`."""
        self._keep_for = keep_for
        self._disk = Disk(path, ";".join((_SCHEMA, taking_up.SCHEMA, retracting.SCHEMA)))
        self.scrub()

    def put(self, report_id: UUID, body: bytes, now: datetime) -> bool:
        """Keep a report as *not yet delivered*; False if one of that id is here already."""
        with self._disk.writing() as sql:
            return bool(
                sql.execute(
                    "INSERT OR IGNORE INTO reports (report_id, state, since, body) VALUES (?, ?, ?, ?)",
                    (str(report_id), State.NOT_YET_DELIVERED, now.isoformat(), body),
                ).rowcount
            )

    def waiting(self, sent_before: datetime) -> Iterator[tuple[UUID, bytes]]:
        """What is to be sent now, oldest first: never sent, or sent before a time and not answered since."""
        rows = self._disk.read(
            "SELECT report_id FROM reports WHERE state = ? AND coalesce(sent_at, '') < ? ORDER BY place",
            (State.NOT_YET_DELIVERED, sent_before.isoformat()),
        )
        for row in rows:
            if (body := self.body(UUID(row["report_id"]))) is not None:
                yield UUID(row["report_id"]), body

    def body(self, report_id: UUID) -> bytes | None:
        """The sealed body, as long as it is here."""
        rows = self._disk.read("SELECT body FROM reports WHERE report_id = ?", (str(report_id),))
        return rows[0]["body"] if rows else None

    def sent(self, report_id: UUID, now: datetime) -> None:
        """It is on its way, and nothing has answered yet."""
        with self._disk.writing() as sql:
            sql.execute(
                "UPDATE reports SET sent_at = ?, note = NULL WHERE report_id = ?",
                (now.isoformat(), str(report_id)),
            )

    def hindered(self, report_id: UUID, note: str) -> None:
        """It could not be sent now; it stays."""
        with self._disk.writing() as sql:
            sql.execute("UPDATE reports SET note = ? WHERE report_id = ?", (note, str(report_id)))

    def delivered(self, receipt: Receipt, now: datetime) -> None:
        """The municipality has it."""
        self.take_in([receipt], taking_up.Came(), self.position, now)

    def take_in(
        self, receipts: Sequence[Receipt], came: taking_up.Came, position: tuple[int, int], now: datetime
    ) -> None:
        """What receipts say, what else came, and how far our messages are read, in one transaction.

        A new epoch says that the hub was put back from a backup, which may not hold what was delivered since.
        """
        with self._disk.writing() as sql:
            for receipt in receipts:
                _told(sql, receipt, now)
            if position[0] > _FIRST_EPOCH:
                _hand_over_again(sql, position[0], now)
                retracting.again(sql, position[0])
            _forget(sql, now - self._keep_for)
            taking_up.take_in(sql, came)
            sql.execute(
                "UPDATE position SET epoch = ?, sequence = ? WHERE (epoch, sequence) < (?, ?)",
                (*position, *position),
            )
        if receipts:
            self.scrub()

    def forget(self, now: datetime) -> None:
        """The bodies that were delivered `keep_for` ago go; so does what is taken back, at once."""
        with self._disk.writing() as sql:
            gone = _forget(sql, now - self._keep_for)
        if gone:
            self.scrub()

    def unopened(self) -> dict[UUID, bytes]:
        """Messages that may say that a report was taken up: the key of the head is to be asked for."""
        return taking_up.unopened(self._disk, _AT_ONCE)

    def opened(self, asked: Mapping[UUID, UUID | None]) -> None:
        """Which of these messages say that a report was taken up, and which report; the others go."""
        with self._disk.writing() as sql:
            taking_up.opened(sql, asked)
        self.scrub()

    def answers(self) -> dict[UUID, bytes]:
        """Answers to revocations that the hub does not have; none while what they say is gone is on disk.

        Raises `NotScrubbed`.
        """
        found = taking_up.answers(self._disk)
        if found:
            self._disk.scrub()
        return found

    def answered(self, message_id: UUID) -> None:
        """The hub has the answer."""
        with self._disk.writing() as sql:
            taking_up.sent(sql, message_id)

    def retract(self, report_id: UUID, message_id: UUID, sealed: bytes) -> None:
        """A report is taken back: kept until the municipality's receipt says so."""
        with self._disk.writing() as sql:
            retracting.keep(sql, report_id, message_id, sealed)

    def retractions(self) -> Iterator[tuple[UUID, UUID, bytes]]:
        """What is to be sent now of that: report, message, sealed body."""
        return retracting.waiting(self._disk)

    def retraction(self, report_id: UUID, state: Retraction, note: str | None = None) -> None:
        """What sending that came to."""
        with self._disk.writing() as sql:
            retracting.came_to(sql, report_id, state, note)

    def refused(self, report_id: UUID, note: str, now: datetime) -> None:
        """The municipality said no, and why."""
        with self._disk.writing() as sql:
            _refused(sql, report_id, note, now)

    def drop_refused(self, report_id: UUID) -> None:
        """The body of a refused report was handed back: it goes."""
        with self._disk.writing() as sql:
            sql.execute(
                "UPDATE reports SET body = NULL WHERE report_id = ? AND state = ?",
                (str(report_id), State.REFUSED),
            )
        self.scrub()

    def status(self) -> list[ReportStatus]:
        """Every report, oldest first."""
        return [_status(*row) for row in self._disk.read(_STATUS, (None, None))]

    def one(self, report_id: UUID) -> ReportStatus | None:
        """One report."""
        rows = self._disk.read(_STATUS, (str(report_id), str(report_id)))
        return _status(*rows[0]) if rows else None

    @property
    def position(self) -> tuple[int, int]:
        """The number of the last message read."""
        row = self._disk.read("SELECT epoch, sequence FROM position")[0]
        return row["epoch"], row["sequence"]

    def scrub(self) -> None:
        """Leave nothing of deleted bodies; if another program reads just now, the next delivery does it."""
        try:
            self._disk.scrub()
        except NotScrubbed:
            return

    def close(self) -> None:
        """Let go of the file."""
        self._disk.close()


def _told(sql: sqlite3.Connection, receipt: Receipt, now: datetime) -> None:
    if receipt.status is ReceiptStatus.REFUSED:
        _refused(sql, receipt.report_id, "the municipality could not take it in", now)
        return
    sql.execute(
        "UPDATE reports SET since = CASE state WHEN :state THEN since ELSE :now END, state = :state, "
        "number = :number, on_call = coalesce(:on_call, on_call), "
        # A receipt that comes late, as the answer to a report that was sent again, takes nothing back; nor
        # does that somebody read what had been taken back or sent on. Under another number it was taken in
        # anew, by a hub that has forgotten who read it.
        "receipt = CASE WHEN :receipt = 'received' AND number IS NOT :number THEN :receipt "
        "WHEN :receipt = 'received' THEN coalesce(receipt, :receipt) "
        "WHEN :receipt = 'read' AND receipt IN ('retracted', 'forwarded') THEN receipt ELSE :receipt END, "
        "note = NULL WHERE report_id = :report_id",
        {
            "state": State.DELIVERED,
            "now": now.isoformat(),
            "number": receipt.number,
            "receipt": receipt.status,
            "on_call": receipt.on_call,
            "report_id": str(receipt.report_id),
        },
    )


def _hand_over_again(sql: sqlite3.Connection, epoch: int, now: datetime) -> None:
    """What is kept is not yet delivered, as far as anybody knows, once the epoch is a new one."""
    sql.execute(
        "UPDATE reports SET state = ?, since = ?, sent_at = NULL, note = ? "
        "WHERE state = ? AND body IS NOT NULL AND ? > (SELECT epoch FROM position)",
        (State.NOT_YET_DELIVERED, now.isoformat(), _RESTORED, State.DELIVERED, epoch),
    )


def _forget(sql: sqlite3.Connection, delivered_until: datetime) -> int:
    """How many bodies went."""
    bodies = sql.execute(
        "UPDATE reports SET body = NULL WHERE body IS NOT NULL AND state = ? "
        "AND (since <= ? OR receipt = 'retracted')",
        (State.DELIVERED, delivered_until.isoformat()),
    ).rowcount
    return bodies + retracting.forget(sql)


def _refused(sql: sqlite3.Connection, report_id: UUID, note: str, now: datetime) -> None:
    """What was delivered stays delivered."""
    sql.execute(
        "UPDATE reports SET state = ?, since = ?, note = ? WHERE report_id = ? AND state = ?",
        (State.REFUSED, now.isoformat(), note, str(report_id), State.NOT_YET_DELIVERED),
    )


def _status(
    report_id: str,
    state: str,
    since: str,
    number: str | None,
    receipt: str | None,
    on_call: str | None,
    note: str | None,
    held: int,
    retraction: str | None,
    why: str | None,
) -> ReportStatus:
    moment, goes = datetime.fromisoformat(since), Retraction(retraction) if retraction else None
    return ReportStatus(
        UUID(report_id), State(state), moment, number, receipt, on_call, note, bool(held), goes, why
    )
