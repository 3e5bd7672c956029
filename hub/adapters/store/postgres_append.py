"""One append on PostgreSQL: `Alongside` as plain arrays for the function `hub_append`, and its answers."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson
import psycopg
from eventsourcing.persistence import StoredEvent

from hub.adapters.store.guards import blocked, key_destroyed, key_unknown, no_grant, not_active
from hub.adapters.store.postgres_binary import Statement
from hub.errors import HubError
from hub.ports import Alongside

PARAMETERS = 44
_PLACES = ", ".join(f"${n}" for n in range(1, PARAMETERS + 1))
append = Statement("append", f"SELECT status, detail, numbers FROM hub_append({_PLACES})")  # noqa: S608 (places alone)


def parameters(events: Sequence[StoredEvent], a: Alongside | None) -> list[Any]:
    """The function's parameters, in its order. An empty array goes as NULL."""
    if a is None:
        return [None] * 20 + _events(events) + [None] * 20
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
        _array(a.ends_grants),
        len(groups),
        _array(grant for group in groups for grant in group),
        _array(number for number, group in enumerate(groups) for _ in group),
        _array(a.needs_keys),
        _array(a.needs_partners),
        _array(streams),
        login,
    ]


def _keys_and_grants(a: Alongside) -> list[Any]:
    keys, grants = a.new_keys, a.new_grants
    return [
        _array(key.key_id for key in keys),
        _array(key.epoch for key in keys),
        _array(key.wrapped for key in keys),
        _array(grant.grant_id for grant in grants),
        _array(grant.recipient for grant in grants),
        _array(grant.ends_at for grant in grants),
        _array(grant.key.epoch for grant in grants),
        _array(grant.key.wrapped for grant in grants),
    ]


def _events(events: Sequence[StoredEvent]) -> list[Any]:
    return [
        _array(event.originator_id for event in events),
        _array(event.originator_version for event in events),
        _array(event.topic for event in events),
        _array(event.state for event in events),
    ]


def _messages(a: Alongside) -> list[Any]:
    wraps = [(m.message_id, grant, wrapped) for m in a.messages for grant, wrapped in m.wraps.items()]
    wraps += a.wraps
    return [
        _array(message.message_id for message in a.messages),
        _array(message.recipient for message in a.messages),
        _array(message.sealed for message in a.messages),
        _array(not message.wraps for message in a.messages),
        _array(message_id for message_id, _, _ in wraps),
        _array(grant for _, grant, _ in wraps),
        _array(wrapped for _, _, wrapped in wraps),
    ]


def _rest(a: Alongside) -> list[Any]:
    p = a.partner
    return [
        _array(blind for blind, _ in a.blind_index),
        _array(case_id for _, case_id in a.blind_index),
        _array(due for due, _ in a.timers),
        _array(case_id for _, case_id in a.timers),
        *((None,) * 5 if p is None else (p.slug, p.kind, p.active, p.sealing_key, p.signing_key)),
        _array(stream for stream, _ in a.blocks),
        _array(login for _, login in a.blocks),
        _array(stream for stream, _ in a.unblocks),
        _array(login for _, login in a.unblocks),
    ]


def _array(values: Iterable[Any]) -> list[Any] | None:
    return list(values) or None
