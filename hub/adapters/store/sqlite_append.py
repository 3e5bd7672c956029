"""One append on SQLite: everything of `Alongside`, in its order, inside one immediate transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from eventsourcing.persistence import StoredEvent

from hub.adapters.store.database import Execute
from hub.adapters.store.guards import blocked, key_destroyed, key_unknown, no_grant, not_active
from hub.adapters.store.sqlite_database import SqliteDatabase
from hub.errors import SameKeyOtherBody
from hub.ports import Alongside, Done, DoneBefore, Idempotency

_END = "UPDATE grants SET state = 'ended', wrapped = NULL WHERE grant_id = ?"
_ANY_LIVING = """SELECT 1 FROM grants
    WHERE grant_id = ANY(?) AND state = 'living' AND (ends_at IS NULL OR ends_at > ?) LIMIT 1"""

_BLOCKED = "SELECT 1 FROM block_list WHERE person = ? AND case_id = ANY(?) LIMIT 1"


class SqliteAppend:
    """Writes one command; the transaction has begun, so every read here sees the world under the lock."""

    def __init__(self, database: SqliteDatabase, execute: Execute) -> None:
        self._execute = execute
        self._uuid = database.uuid
        self._time = database.time

    def write(self, events: Sequence[StoredEvent], a: Alongside) -> list[int]:
        """The numbers of the events in the log. Raises what the guards raise, or `DoneBefore`."""
        if a.idempotency is not None:
            self._refuse_repeat(a.idempotency)
        for grant in a.ends_grants:
            self._run(_END, self._uuid(grant))
        self._guard(a)
        self._keys_and_grants(a)
        numbers = insert_events(self._execute, events)
        position = max(numbers) if numbers else self._last()
        self._messages(a, position)
        self._rest(a)
        if a.idempotency is not None:
            self._remember(a.idempotency, position)
        return numbers

    def _run(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self._execute(sql, params)

    def _refuse_repeat(self, idempotency: Idempotency) -> None:
        rows = self._run("SELECT body_mac, position, ids FROM idempotency WHERE key = ?", idempotency.key)
        for body_mac, position, ids in rows:
            if body_mac != idempotency.body_mac:
                raise SameKeyOtherBody("this Idempotency-Key was used for another request: take a new one")
            raise DoneBefore(Done(position, orjson.loads(ids)))

    def _guard(self, a: Alongside) -> None:
        now = self._time(a.now)
        for grants in (*((grant,) for grant in a.needs_grants), *a.needs_any_grant):
            ids = [self._uuid(grant) for grant in grants]
            if not self._run(_ANY_LIVING, ids, now):
                raise no_grant()
        for key_id in a.needs_keys:
            self._key_lives(key_id)
        for slug in a.needs_partners:
            if not self._run("SELECT 1 FROM partners WHERE slug = ? AND active", slug):
                raise not_active(slug)
        if a.needs_unblocked is not None:
            streams, login = a.needs_unblocked
            if self._run(_BLOCKED, login, [self._uuid(stream) for stream in streams]):
                raise blocked()

    def _key_lives(self, key_id: UUID) -> None:
        rows = self._run("SELECT state FROM keys WHERE key_id = ?", self._uuid(key_id))
        if not rows:
            raise key_unknown(key_id)
        if rows[0][0] != "active":
            raise key_destroyed()

    def _keys_and_grants(self, a: Alongside) -> None:
        for key in a.new_keys:
            key_id = self._uuid(key.key_id)
            if self._run("SELECT 1 FROM keys WHERE key_id = ? AND state = 'destroyed'", key_id):
                raise key_destroyed()
            self._run("INSERT INTO keys VALUES (?, 'active', ?, ?)", key_id, key.epoch, key.wrapped)
        for grant in a.new_grants:
            ends_at = None if grant.ends_at is None else self._time(grant.ends_at)
            self._run(
                "INSERT INTO grants VALUES (?, ?, 'living', ?, ?, ?)",
                self._uuid(grant.grant_id),
                grant.recipient,
                ends_at,
                grant.key.epoch,
                grant.key.wrapped,
            )

    def _messages(self, a: Alongside, position: int) -> None:
        for message in a.messages:
            message_id = self._uuid(message.message_id)
            self._run(
                "INSERT INTO messages (recipient, epoch, sequence, message_id, position, sealed, control)"
                " SELECT g.recipient, s.epoch, coalesce((SELECT max(m.sequence) FROM messages m"
                " WHERE m.recipient = g.recipient AND m.epoch = s.epoch), 0) + 1, ?, ?, ?, ?"
                " FROM store s, (SELECT ? AS recipient) g",
                message_id,
                position,
                message.sealed,
                not message.wraps,
                message.recipient,
            )
            for grant, wraps in message.wraps.items():
                self._run("INSERT INTO message_wraps VALUES (?, ?, ?)", message_id, self._uuid(grant), wraps)

        for told, grant, wraps in a.wraps:
            key = (self._uuid(told), self._uuid(grant))
            if wraps:
                self._run("INSERT OR REPLACE INTO message_wraps VALUES (?, ?, ?)", *key, wraps)
            else:
                self._run("DELETE FROM message_wraps WHERE message_id = ? AND grant_id = ?", *key)

    def _rest(self, a: Alongside) -> None:
        for blind, case_id in a.blind_gone:
            key = (blind, self._uuid(case_id))
            self._run("DELETE FROM blind_index WHERE blind = ? AND case_id = ?", *key)
        for blind, case_id in a.blind_index:
            self._run("INSERT OR IGNORE INTO blind_index VALUES (?, ?)", blind, self._uuid(case_id))
        for due, case_id in a.timers:
            self._run("INSERT OR IGNORE INTO timers VALUES (?, ?)", self._time(due), self._uuid(case_id))
        if a.partner is not None:
            p = a.partner
            row = (p.slug, p.kind, p.active, p.sealing_key, p.signing_key)
            self._run("INSERT OR REPLACE INTO partners VALUES (?, ?, ?, ?, ?)", *row)
        for stream, login in a.blocks:
            self._run("INSERT OR IGNORE INTO block_list VALUES (?, ?)", self._uuid(stream), login)
        for stream, login in a.unblocks:
            self._run("DELETE FROM block_list WHERE case_id = ? AND person = ?", self._uuid(stream), login)

    def _last(self) -> int:
        ((last,),) = self._run("SELECT coalesce(max(notification_id), 0) FROM stored_events")
        return int(last)

    def _remember(self, idempotency: Idempotency, position: int) -> None:
        self._run(
            "INSERT INTO idempotency VALUES (?, ?, ?, ?)",
            idempotency.key,
            idempotency.body_mac,
            position,
            orjson.dumps(dict(idempotency.ids)).decode(),
        )


def insert_events(execute: Execute, events: Sequence[StoredEvent]) -> list[int]:
    """Insert the events; a version that is taken fails with the library's `IntegrityError`."""
    return [
        execute(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
            " VALUES (?, ?, ?, ?) RETURNING notification_id",
            (_hex(event), event.originator_version, event.topic, event.state),
        )[0][0]
        for event in events
    ]


def _hex(event: StoredEvent) -> str:
    stream = event.originator_id
    return stream.hex if isinstance(stream, UUID) else stream
