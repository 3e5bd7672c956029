"""One append on PostgreSQL: `Alongside` as plain arrays for the function `hub_append`, and its answers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
import psycopg
from eventsourcing.persistence import StoredEvent

from hub.adapters.store.guards import blocked, key_destroyed, key_unknown, no_grant, not_active
from hub.adapters.store.postgres_binary import Statement
from hub.errors import HubError
from hub.ports import Alongside

PARAMETERS = 46
_PLACES = ", ".join(f"${n}" for n in range(1, PARAMETERS + 1))
append = Statement("append", f"SELECT status, detail, numbers FROM hub_append({_PLACES})")  # noqa: S608 (places alone)


def parameters(events: Sequence[StoredEvent], a: Alongside | None) -> list[Any]:
    """The function's parameters, in its order. An empty array goes as NULL."""
    if a is None:
        return [None] * 20 + _events(events) + [None] * 22
    return _guards(a) + _keys_and_grants(a) + _events(events) + _messages(a) + _rest(a)


def refusal_of(error: psycopg.Error) -> HubError | None:
    """What a guard of the function said."""
    said = error.diag.message_primary or ""
    match error.sqlstate:
        case "TV001":
            return no_grant()
        case "TV002":
            state, _, key_id = said.partition(" ")
            return key_unknown(UUID(key_id)) if state == "unknown" else key_destroyed()
        case "TV003":
            return not_active(said)
        case "TV004":
            return blocked()
    return None


def _guards(a: Alongside) -> list[Any]:
    i = a.idempotency
    done = (None, None, None) if i is None else (i.key, i.body_mac, orjson.dumps(dict(i.ids)).decode())
    groups = (*((grant,) for grant in a.needs_grants), *a.needs_any_grant)
    streams, login = a.needs_unblocked or ((), None)
    return [
        a.now,
        *done,
        a.ends_grants or None,
        len(groups),
        *_columns(2, [(grant, number) for number, group in enumerate(groups) for grant in group]),
        a.needs_keys or None,
        a.needs_partners or None,
        streams or None,
        login,
    ]


def _keys_and_grants(a: Alongside) -> list[Any]:
    grants = a.new_grants
    return [
        *_columns(3, [(key.key_id, key.epoch, key.wrapped) for key in a.new_keys]),
        *_columns(5, [(g.grant_id, g.recipient, g.ends_at, g.key.epoch, g.key.wrapped) for g in grants]),
    ]


def _events(events: Sequence[StoredEvent]) -> list[Any]:
    return _columns(4, [(e.originator_id, e.originator_version, e.topic, e.state) for e in events])


def _messages(a: Alongside) -> list[Any]:
    wraps = [(m.message_id, grant, wrapped) for m in a.messages for grant, wrapped in m.wraps.items()]
    return [
        *_columns(4, [(m.message_id, m.recipient, m.sealed, not m.wraps) for m in a.messages]),
        *_columns(3, [*wraps, *a.wraps]),
    ]


def _rest(a: Alongside) -> list[Any]:
    p = a.partner
    return [
        *_columns(2, a.blind_index),
        *_columns(2, a.timers),
        *((None,) * 5 if p is None else (p.slug, p.kind, p.active, p.sealing_key, p.signing_key)),
        *_columns(2, a.blocks),
        *_columns(2, a.unblocks),
        *_columns(2, a.blind_gone),
    ]


def _columns(count: int, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The rows' columns, so many; each is NULL where there are no rows."""
    return list(zip(*rows, strict=True)) if rows else [None] * count
