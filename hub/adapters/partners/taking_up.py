"""That a report was taken up, as a reporter keeps it: the reports' ids, for as long as the basis lives.

It is a disclosure, so it comes as a sealed message whose head says so, and no receipt does (BYTES.md section
3). A message waits here, sealed, until the hub is asked for the key of its head. What says anything else is
dropped: a reporter is no recipient. What is revoked is dropped, also when it comes later, and answered.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from hub.adapters.partners.disk import Disk

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS unopened (message_id TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken_up (message_id TEXT PRIMARY KEY, report_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS closed (message_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    place INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE, sealed BLOB NOT NULL
);
"""


@dataclass(slots=True)
class Came:
    """What came on our topic beside receipts."""

    sealed: dict[UUID, bytes] = field(default_factory=dict, repr=False)
    """Messages, by their id."""
    closed: set[UUID] = field(default_factory=set)
    """Messages of which nothing, or not all, may be kept: then they say nothing more to a reporter."""
    answers: dict[UUID, bytes] = field(default_factory=dict, repr=False)
    """Our answers to revocations, sealed to our own key."""


def take_in(sql: sqlite3.Connection, came: Came) -> None:
    """Keep and drop, inside the caller's transaction. Twice gives the same."""
    closed = [(str(one),) for one in came.closed]
    sql.executemany("INSERT OR IGNORE INTO closed VALUES (?)", closed)
    sql.executemany("DELETE FROM unopened WHERE message_id = ?", closed)
    sql.executemany("DELETE FROM taken_up WHERE message_id = ?", closed)
    sql.executemany(
        "INSERT OR IGNORE INTO unopened SELECT ?1, ?2 WHERE ?1 NOT IN (SELECT message_id FROM closed)",
        [(str(one), sealed) for one, sealed in came.sealed.items()],
    )
    sql.executemany(
        "INSERT OR IGNORE INTO answers (message_id, sealed) VALUES (?, ?)",
        [(str(one), sealed) for one, sealed in came.answers.items()],
    )


def opened(sql: sqlite3.Connection, asked: Mapping[UUID, UUID | None]) -> None:
    """Keep which messages say that which report was taken up; whatever was asked for is asked for no more."""
    for message_id, report_id in asked.items():
        still_here = sql.execute("DELETE FROM unopened WHERE message_id = ?", (str(message_id),)).rowcount
        if report_id is not None and still_here:
            sql.execute("INSERT INTO taken_up VALUES (?, ?)", (str(message_id), str(report_id)))


def unopened(disk: Disk, limit: int) -> dict[UUID, bytes]:
    """Messages whose heads' keys are to be asked for."""
    rows = disk.read("SELECT message_id, sealed FROM unopened ORDER BY message_id LIMIT ?", (limit,))
    return {UUID(row["message_id"]): row["sealed"] for row in rows}


def answers(disk: Disk) -> dict[UUID, bytes]:
    """What waits to be sent, in order."""
    rows = disk.read("SELECT message_id, sealed FROM answers ORDER BY place")
    return {UUID(row["message_id"]): row["sealed"] for row in rows}


def sent(sql: sqlite3.Connection, message_id: UUID) -> None:
    """The hub has the answer."""
    sql.execute("DELETE FROM answers WHERE message_id = ?", (str(message_id),))
