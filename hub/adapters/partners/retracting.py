"""That a report is taken back, as a reporter keeps it: sealed until the municipality's receipt says so.

It is sent once the report is delivered, under one message id, so that sending again does nothing twice.
"""

import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from typing import Final
from uuid import UUID

from hub.adapters.partners.disk import Disk

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS retractions (
    report_id TEXT PRIMARY KEY, message_id TEXT NOT NULL, sealed BLOB,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'refused')), note TEXT
) WITHOUT ROWID;
"""


class Retraction(StrEnum):
    """How far it has come that a report is taken back. Once its receipt says so, the receipt alone tells."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"


def keep(sql: sqlite3.Connection, report_id: UUID, message_id: UUID, sealed: bytes) -> None:
    """Keep it until it is sent, in the place of one that was refused."""
    sql.execute(
        "INSERT OR REPLACE INTO retractions VALUES (?, ?, ?, ?, NULL)",
        (str(report_id), str(message_id), sealed, Retraction.WAITING),
    )


def waiting(disk: Disk) -> Iterator[tuple[UUID, UUID, bytes]]:
    """Report, message and sealed body of what is to be sent now: the municipality has the report."""
    rows = disk.read(
        "SELECT report_id, message_id, sealed FROM retractions JOIN reports USING (report_id) "
        "WHERE retractions.state = ? AND reports.state = 'delivered' ORDER BY reports.place",
        (Retraction.WAITING,),
    )
    for row in rows:
        yield UUID(row["report_id"]), UUID(row["message_id"]), row["sealed"]


def came_to(sql: sqlite3.Connection, report_id: UUID, state: Retraction, note: str | None) -> None:
    """What sending it came to. A refused one says nothing more than why."""
    sql.execute(
        "UPDATE retractions SET state = :state, note = :note, "
        "sealed = CASE :state WHEN 'refused' THEN NULL ELSE sealed END WHERE report_id = :report_id",
        {"state": state, "note": note, "report_id": str(report_id)},
    )


def again(sql: sqlite3.Connection, epoch: int) -> None:
    """In a new epoch the hub may have forgotten what was sent and has no receipt yet."""
    sql.execute(
        "UPDATE retractions SET state = ? WHERE state = ? AND ? > (SELECT epoch FROM position)",
        (Retraction.WAITING, Retraction.SENT, epoch),
    )


def forget(sql: sqlite3.Connection) -> int:
    """How many went: the report is taken back, or was never taken in."""
    return sql.execute(
        "DELETE FROM retractions WHERE report_id IN "
        "(SELECT report_id FROM reports WHERE receipt = 'retracted' OR state = 'refused')"
    ).rowcount
