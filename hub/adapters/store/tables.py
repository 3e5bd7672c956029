"""The clear tables beside the events: `ports.Store` and the key table, on either database."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from eventsourcing.persistence import ProgrammingError

from hub.adapters.store.database import SCHEMA_VERSION, Database
from hub.adapters.store.reading import grant_keys
from hub.adapters.store.refused import NotMigrated
from hub.errors import SameKeyOtherBody
from hub.keys.keyring import StoredKey
from hub.ports import Behind, Done, LivingWrap, PartnerRow, StoredMessage, WrappedKey

_LIVING_GRANT = "g.state = 'living' AND (g.ends_at IS NULL OR g.ends_at > ?)"
_MESSAGE = f"""SELECT m.number, m.recipient, m.epoch, m.sequence, m.message_id, m.sealed, m.control,
    m.control OR EXISTS (
        SELECT 1 FROM message_wraps w JOIN grants g ON g.grant_id = w.grant_id
        WHERE w.message_id = m.message_id AND g.recipient = m.recipient AND {_LIVING_GRANT})
    FROM messages m"""  # noqa: S608 (of constants)
_PARTNER = "SELECT slug, kind, active, sealing_key, signing_key FROM partners"


class ClearTables:
    """Reads what stands in the clear; writes the few marks that do not go with events."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store_id = _store_id(database)

    # --- keys and grants --------------------------------------------------------------------------

    def stored_key(self, key_id: UUID) -> StoredKey | None:
        """The row of a key, or None where it has never existed."""
        rows = self._read("SELECT epoch, wrapped FROM keys WHERE key_id = ?", self._id(key_id))
        for epoch, wrapped in rows:
            return StoredKey(None if wrapped is None else WrappedKey(key_id, epoch, wrapped))
        return None

    def destroy_key(self, key_id: UUID) -> None:
        """Drop the wrapped bytes and keep the id; waits for appends, which read it under their lock."""
        with self.database.transaction(append_lock=True) as execute:
            execute(
                "INSERT INTO keys (key_id, state, epoch, wrapped) VALUES (?, 'destroyed', 0, NULL)"
                " ON CONFLICT (key_id) DO UPDATE SET state = 'destroyed', wrapped = NULL",
                [self._id(key_id)],
            )
            # A case's key has the case's id: nobody is found by what only an erased case knew.
            execute("DELETE FROM blind_index WHERE case_id = ?", [self._id(key_id)])
            execute("DELETE FROM block_list WHERE case_id = ?", [self._id(key_id)])
        self.database.scrub()

    def gone(self) -> tuple[set[UUID], set[UUID]]:
        """Keys that are destroyed, and grants that ended."""
        keys = self._read("SELECT key_id FROM keys WHERE state = 'destroyed'")
        grants = self._read("SELECT grant_id FROM grants WHERE state = 'ended'")
        return {self.database.from_uuid(k) for (k,) in keys}, {self.database.from_uuid(g) for (g,) in grants}

    def living(self) -> set[UUID]:
        """Grants that have not ended."""
        rows = self._read("SELECT grant_id FROM grants WHERE state = 'living'")
        return {self.database.from_uuid(grant) for (grant,) in rows}

    def end_grants(self, grants: Iterable[UUID]) -> None:
        """Drop their wrapped bytes and keep the ids; waits for appends, which read them under their lock."""
        with self.database.transaction(append_lock=True) as execute:
            execute(
                "UPDATE grants SET state = 'ended', wrapped = NULL WHERE grant_id = ANY(?)",
                [self._ids(list(grants))],
            )
        self.database.scrub()

    def grant_keys(self, grant_ids: Sequence[UUID]) -> dict[UUID, WrappedKey]:
        """The wrapped keys of those of the grants that have not ended."""
        return grant_keys(self.database, grant_ids)

    # --- messages ---------------------------------------------------------------------------------

    def messages_of(
        self, recipient: str, epoch: int, after: int, limit: int, now: datetime
    ) -> list[StoredMessage]:
        """A recipient's messages with (epoch, sequence) above, in that order."""
        rows = self._read(
            f"{_MESSAGE} WHERE m.recipient = ? AND (m.epoch, m.sequence) > (?, ?)"
            " ORDER BY m.epoch, m.sequence LIMIT ?",
            *(self.database.time(now), recipient, epoch, after, limit),
        )
        return [self._message(row) for row in rows]

    def outbox(self, after: int, limit: int, now: datetime) -> list[StoredMessage]:
        """Messages of all recipients with number above `after`, in order."""
        rows = self._read(
            f"{_MESSAGE} WHERE m.number > ? ORDER BY m.number LIMIT ?",
            *(self.database.time(now), after, limit),
        )
        return [self._message(row) for row in rows]

    def message(self, message_id: UUID, now: datetime) -> StoredMessage | None:
        """One message."""
        rows = self._read(f"{_MESSAGE} WHERE m.message_id = ?", self.database.time(now), self._id(message_id))
        return self._message(rows[0]) if rows else None

    def behind(self, recipient: str, epoch: int, sequence: int) -> Behind:
        """A recipient's messages above (epoch, sequence)."""
        return self._behind("recipient = ? AND (epoch, sequence) > (?, ?)", recipient, epoch, sequence)

    def unsent(self, after: int) -> Behind:
        """Messages of all recipients with number above `after`."""
        return self._behind("number > ?", after)

    def number_at(self, recipient: str, position: int) -> tuple[int, int]:
        """(epoch, sequence) of the last message to `recipient` written at or before the log position."""
        rows = self._read(
            "SELECT epoch, sequence FROM messages WHERE recipient = ? AND position <= ?"
            " ORDER BY epoch DESC, sequence DESC LIMIT 1",
            *(recipient, position),
        )
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def living_wraps(self, message_ids: Sequence[UUID], recipient: str, now: datetime) -> list[LivingWrap]:
        """The wraps that open these messages of this recipient at `now`.

        None for a recipient that is suspended, or that is no partner at all: unknown means no.
        """
        return self.database.living_wraps(message_ids, recipient, now) if message_ids else []

    def wraps_of(self, message_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, bytes]]:
        """(message, grant, wraps) as they lie, whoever may or may not open them now."""
        if not message_ids:
            return []
        rows = self._read(
            "SELECT message_id, grant_id, wraps FROM message_wraps WHERE message_id = ANY(?)",
            self._ids(message_ids),
        )
        uuid = self.database.from_uuid
        return [(uuid(message), uuid(grant), bytes(wraps)) for message, grant, wraps in rows]

    # --- commands done, index, timers -------------------------------------------------------------

    def done(self, key: bytes, body_mac: bytes) -> Done | None:
        """What was answered under this idempotency key; raises `SameKeyOtherBody`."""
        if self._read("SELECT 1 FROM idempotency WHERE key = ? AND body_mac <> ?", key, body_mac):
            raise SameKeyOtherBody("this Idempotency-Key was used for another request: take a new one")
        return self.answered(key)

    def answered(self, key: bytes) -> Done | None:
        """What was answered under this idempotency key, whatever the request was."""
        for position, ids in self._read("SELECT position, ids FROM idempotency WHERE key = ?", key):
            return Done(position, orjson.loads(ids))
        return None

    def cases_of(self, blind: bytes) -> list[UUID]:
        """Cases under a blind value."""
        rows = self._read("SELECT case_id FROM blind_index WHERE blind = ? ORDER BY case_id", blind)
        return [self.database.from_uuid(case) for (case,) in rows]

    def barred(self, streams: Sequence[UUID], logins: Sequence[str]) -> set[tuple[UUID, str]]:
        """The entries of the block list for any of these cases and organisations against any of these."""
        rows = self._read(
            "SELECT case_id, person FROM block_list WHERE person = ANY(?) AND case_id = ANY(?)",
            *(list(logins), self._ids(streams)),
        )
        return {(self.database.from_uuid(stream), login) for stream, login in rows}

    def blocked_from(self, login: str) -> list[UUID]:
        """The cases that a login is blocked from, and the organisation in which it is stopped."""
        rows = self._read("SELECT case_id FROM block_list WHERE person = ? ORDER BY case_id", login)
        return [self.database.from_uuid(stream) for (stream,) in rows]

    def block_list(self) -> list[tuple[UUID, str]]:
        """Every entry: (case or organisation, login)."""
        rows = self._read("SELECT case_id, person FROM block_list ORDER BY case_id, person")
        return [(self.database.from_uuid(stream), login) for stream, login in rows]

    def due(self, now: datetime, limit: int) -> list[tuple[datetime, UUID]]:
        """Timers that are due, oldest first."""
        rows = self._read(
            "SELECT due, case_id FROM timers WHERE due <= ? ORDER BY due, case_id LIMIT ?",
            *(self.database.time(now), limit),
        )
        return [(self.database.from_time(due), self.database.from_uuid(case)) for due, case in rows]

    def timer_done(self, due: datetime, case_id: UUID) -> None:
        """Forget one timer, after what it asked for is stored."""
        self._write(
            "DELETE FROM timers WHERE due = ? AND case_id = ?", self.database.time(due), self._id(case_id)
        )

    def timer_again(self, due: datetime, case_id: UUID) -> None:
        """Set a timer: what was due turned out to be due later."""
        self._write(
            "INSERT INTO timers VALUES (?, ?) ON CONFLICT DO NOTHING",
            *(self.database.time(due), self._id(case_id)),
        )

    # --- partners, marks --------------------------------------------------------------------------

    def partner(self, slug: str) -> PartnerRow | None:
        """A partner's clear row."""
        rows = self._read(f"{_PARTNER} WHERE slug = ?", slug)
        return _partner(rows[0]) if rows else None

    def partners(self) -> list[PartnerRow]:
        """All partners, by slug."""
        return [_partner(row) for row in self._read(f"{_PARTNER} ORDER BY slug")]

    def position(self, name: str) -> int:
        """How far the named follower or relay mark has come; 0 at first."""
        rows = self._read("SELECT position FROM positions WHERE name = ?", name)
        return int(rows[0][0]) if rows else 0

    def set_position(self, name: str, position: int) -> None:
        """Move a mark forward, durably; one that is further on already stays."""
        self._write(
            "INSERT INTO positions AS p VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
            " SET position = excluded.position WHERE p.position < excluded.position",
            *(name, position),
        )

    def single(self, name: str) -> AbstractContextManager[bool]:
        """Whether this process is now the only one that runs `name`."""
        return self.database.single(name)

    def epoch(self) -> int:
        """In which messages are numbered now."""
        ((epoch,),) = self._read("SELECT epoch FROM store")
        return int(epoch)

    def begin_epoch(self) -> int:
        """After a restore: every recipient's sequence starts again at 1 in a new epoch, which is returned."""
        with self.database.transaction(append_lock=True) as execute:
            ((epoch,),) = execute("UPDATE store SET epoch = epoch + 1 RETURNING epoch", [])
        return int(epoch)

    # --- help -------------------------------------------------------------------------------------

    def _behind(self, which: str, *params: Any) -> Behind:
        ((count, first),) = self._read(
            f"SELECT count(*), min(position) FROM messages WHERE {which}",  # noqa: S608 (a condition written above)
            *params,
        )
        return Behind(count, first)

    def _read(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.database.read(sql, params)

    def _write(self, sql: str, *params: Any) -> None:
        self.database.write(sql, params)

    def _id(self, value: UUID) -> Any:
        return self.database.uuid(value)

    def _ids(self, values: Iterable[UUID]) -> list[Any]:
        return [self.database.uuid(value) for value in values]

    def _message(self, row: tuple[Any, ...]) -> StoredMessage:
        number, recipient, epoch, sequence, message_id, sealed, control, living = row
        return StoredMessage(
            number,
            recipient,
            epoch,
            sequence,
            self.database.from_uuid(message_id),
            sealed,
            bool(control),
            bool(living),
        )


def _partner(row: tuple[Any, ...]) -> PartnerRow:
    slug, kind, active, sealing_key, signing_key = row
    return PartnerRow(slug, kind, bool(active), sealing_key, signing_key)


def _store_id(database: Database) -> bytes:
    try:
        rows = database.read("SELECT store_id, schema_version FROM store")
    except (sqlite3.OperationalError, ProgrammingError) as error:
        raise NotMigrated("the store's tables are missing: run `hub migrate` first") from error
    if not rows or rows[0][1] != SCHEMA_VERSION:
        raise NotMigrated(f"the store is not of schema version {SCHEMA_VERSION}: run `hub migrate` first")
    return bytes(rows[0][0])
