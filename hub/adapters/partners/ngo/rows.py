"""The rows of the adapter's database, and how one batch of messages changes them.

A closed id is remembered for good (it is random and tells nothing): a message that comes after its
revocation is never kept, so any order of arrival gives the same end. Of a message that is closed in part the
closed bytes are overwritten. With the last message of a referral go its state and its unsent answers.
"""

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from contracts.client.inbox import Position
from contracts.client.sealed import HEAD_BYTES
from contracts.message_v1 import Head
from contracts.terms import MessageKind, ReferralStatus, Urgency

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    message_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
    thread TEXT NOT NULL, kind TEXT NOT NULL, urgency TEXT NOT NULL, deadline TEXT,
    refs TEXT NOT NULL, referral TEXT, sealed BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS closed (
    message_id TEXT NOT NULL, part INTEGER NOT NULL, PRIMARY KEY (message_id, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS opened (message_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken_over (message_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS referrals (
    referral TEXT PRIMARY KEY, answer TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL, note TEXT
);
CREATE TABLE IF NOT EXISTS outgoing (
    place INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE,
    purge INTEGER NOT NULL, referral TEXT, sealed BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS position (
    only INTEGER PRIMARY KEY CHECK (only = 1), epoch INTEGER NOT NULL, sequence INTEGER NOT NULL
);
INSERT OR IGNORE INTO position VALUES (1, 0, 0)
"""
WHOLE: Final = 0
"""Part 0 is the head: a message whose head is closed is closed entirely."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message as a list shows it: its head, never who."""

    message_id: UUID
    number: Position
    thread: UUID
    kind: MessageKind
    urgency: Urgency
    deadline: datetime | None
    refs: Mapping[str, UUID]
    opened: bool
    """Whether somebody of this organisation opened it here."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to a referral here. `state` is waiting, sent or refused."""

    status: ReferralStatus
    state: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What waits to be sent, sealed to our own key."""

    message_id: UUID
    sealed: bytes = field(repr=False)
    purge: bool = False
    """It says that something was purged: not sent before nothing of it is on disk."""
    referral: UUID | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that came with a head we may open."""

    message_id: UUID
    number: Position
    head: Head
    sealed: bytes = field(repr=False)


@dataclass(slots=True)
class Change:
    """What messages up to `position` change."""

    position: Position
    put: list[Kept] = field(default_factory=list)
    close: set[UUID] = field(default_factory=set)
    close_parts: dict[UUID, set[int]] = field(default_factory=dict)
    heads: dict[UUID, Head] = field(default_factory=dict)
    """Heads of messages that are here already and of which parts are closed now."""
    outgoing: list[Outgoing] = field(default_factory=list)


def carry_out(sql: sqlite3.Connection, change: Change) -> None:
    """Write a change and its position, inside the caller's transaction. Twice gives the same."""
    for outgoing in change.outgoing:
        queue(sql, outgoing)
    for message_id, parts in change.close_parts.items():
        _remember(sql, message_id, parts)
        if (head := change.heads.get(message_id)) is not None:
            _overwrite(sql, message_id, head, parts)
    for message_id in change.close:
        _remember(sql, message_id, {WHOLE})
        sql.execute("DELETE FROM messages WHERE message_id = ?", (str(message_id),))
        sql.execute("DELETE FROM opened WHERE message_id = ?", (str(message_id),))
    for kept in change.put:
        _put(sql, kept)
    _forget_referrals(sql)
    sql.execute(
        "UPDATE position SET epoch = ?, sequence = ? WHERE (epoch, sequence) < (?, ?)",
        (*change.position, *change.position),
    )


def queue(sql: sqlite3.Connection, outgoing: Outgoing) -> None:
    """Keep what is to be sent; the same id again is the same message."""
    sql.execute(
        "INSERT OR IGNORE INTO outgoing (message_id, purge, referral, sealed) VALUES (?, ?, ?, ?)",
        (
            str(outgoing.message_id),
            outgoing.purge,
            str(outgoing.referral) if outgoing.referral else None,
            outgoing.sealed,
        ),
    )


def _remember(sql: sqlite3.Connection, message_id: UUID, parts: set[int]) -> None:
    rows = [(str(message_id), part) for part in sorted(parts)]
    sql.executemany("INSERT OR IGNORE INTO closed VALUES (?, ?)", rows)


def _put(sql: sqlite3.Connection, kept: Kept) -> None:
    name, head = str(kept.message_id), kept.head
    closed = {row["part"] for row in sql.execute("SELECT part FROM closed WHERE message_id = ?", (name,))}
    if WHOLE in closed:
        return
    referral = head.refs.get("referral")
    sql.execute(
        "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            name,
            *kept.number,
            str(head.thread),
            head.kind,
            head.urgency,
            head.deadline.isoformat() if head.deadline else None,
            json.dumps({name: str(ref) for name, ref in head.refs.items()}),
            str(referral) if referral else None,
            _blanked(kept.sealed, head, closed),
        ),
    )


def _overwrite(sql: sqlite3.Connection, message_id: UUID, head: Head, parts: set[int]) -> None:
    for row in sql.execute("SELECT sealed FROM messages WHERE message_id = ?", (str(message_id),)).fetchall():
        sql.execute(
            "UPDATE messages SET sealed = ? WHERE message_id = ?",
            (_blanked(row["sealed"], head, parts), str(message_id)),
        )


def _blanked(sealed: bytes, head: Head, parts: set[int]) -> bytes:
    """The message with random bytes where these parts were."""
    found = bytearray(sealed)
    start = HEAD_BYTES
    for number, length in enumerate(head.parts, 1):
        if number in parts:
            found[start : start + length] = os.urandom(length)
        start += length
    return bytes(found)


def _forget_referrals(sql: sqlite3.Connection) -> None:
    """What was about a referral goes with the last message of it."""
    sql.execute(
        "DELETE FROM referrals WHERE referral NOT IN "
        "(SELECT referral FROM messages WHERE referral IS NOT NULL)"
    )
    sql.execute(
        "DELETE FROM outgoing WHERE referral IS NOT NULL AND referral NOT IN "
        "(SELECT referral FROM messages WHERE referral IS NOT NULL)"
    )


def line(row: sqlite3.Row) -> Line:
    """A message's row as a list shows it."""
    return Line(
        message_id=UUID(row["message_id"]),
        number=(row["epoch"], row["sequence"]),
        thread=UUID(row["thread"]),
        kind=MessageKind(row["kind"]),
        urgency=Urgency(row["urgency"]),
        deadline=datetime.fromisoformat(row["deadline"]) if row["deadline"] else None,
        refs={name: UUID(ref) for name, ref in json.loads(row["refs"]).items()},
        opened=bool(row["opened"]),
    )
