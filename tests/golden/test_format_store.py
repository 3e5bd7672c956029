"""Stored bytes, pinned (docs/format.md sections 1 to 3 and 8): what one release wrote, every later one reads.

Each constant is read by our code, put together by hand from the page, and written again by our code with
the constant's own nonces.
"""

import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid5

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import StoredEvent

from contracts.terms import Urgency
from hub.adapters.store.mapper import HubMapper
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.events import ReportReceived
from hub.aggregates.sealing import AboutPerson, CouldKill, could_kill_key
from hub.errors import KeyDestroyed
from hub.keys.keyring import LocalKek, store_key_id
from hub.ports import KeyRing, WrappedKey

PINNED: dict[str, Any] = json.loads((Path(__file__).parent / "format_store.json").read_text())

STORE_ID = bytes(range(16))
CASE = UUID("6f1c2d3e-4a5b-4c6d-8e7f-901234567890")
MAN = UUID("0b9a8c7d-6e5f-4a3b-9c1d-2e3f4a5b6c7d")
REPORT = UUID("11111111-2222-4333-8444-555555555555")
KEYS = {CASE: b"C" * 32, MAN: b"P" * 32, could_kill_key(CASE): b"K" * 32}
VERSION = 2
TOPIC = "case.report_received"


class Keys:
    """The keys of this page."""

    def key(self, key_id: UUID) -> bytes:
        if key_id not in KEYS:
            raise KeyDestroyed("")
        return KEYS[key_id]

    def erasures(self) -> int:
        return 0


def mapper() -> HubMapper:
    return HubMapper(cast(KeyRing, Keys()), STORE_ID)


def event() -> ReportReceived:
    event_class: Any = ReportReceived
    made: ReportReceived = event_class(
        originator_id=CASE,
        originator_version=VERSION,
        timestamp=datetime(2026, 3, 2, 3, 4, 5, 678901, tzinfo=UTC),
        by=Actor("sub-17", "Birgit Prøve", "caseworker", "voldsteam"),
        report_id=REPORT,
        reporter="politi-oest",
        number="7KQM-2RXD",
        reference="0000-11111-22222-26",
        urgency=Urgency.URGENT,
        happened={"at": "2026-03-02T02:10:00+01:00"},
        contents={"incident": {"violence_forms": ["physical"]}},
        others=(AboutPerson(MAN, {"role": "perpetrator", "contents": {}}),),
        could_kill=(CouldKill({"address": "Opdigtet Allé 7"}), CouldKill({"work": "Lageret"}, MAN)),
        free_text={"narrative": "Hun sidder hos søsteren."},
        basis={"rule": "authority_duty", "bans": []},
        warnings=("safe_contact",),
        staff_involved=False,
    )
    return made


ATTRIBUTES = (
    '{"timestamp":"2026-03-02T03:04:05.678901+00:00",'
    '"by":{"person":"sub-17","name":"Birgit Prøve","role":"caseworker","organisation":"voldsteam"},'
    '"report_id":"11111111-2222-4333-8444-555555555555","reporter":"politi-oest","number":"7KQM-2RXD",'
    '"reference":"0000-11111-22222-26","urgency":"urgent","happened":{"at":"2026-03-02T02:10:00+01:00"},'
    '"contents":{"incident":{"violence_forms":["physical"]}},"others":[{"$part":1}],'
    '"could_kill":[{"$part":2},{"$part":3}],"free_text":{"narrative":"Hun sidder hos søsteren."},'
    '"basis":{"rule":"authority_duty","bans":[]},"warnings":["safe_contact"],"staff_involved":false}'
).encode()
COULD_KILL = uuid5(CASE, "could-kill")
SECTIONS: list[tuple[list[UUID], bytes]] = [
    ([CASE], ATTRIBUTES),
    ([CASE, MAN], b'{"role":"perpetrator","contents":{}}'),
    ([CASE, COULD_KILL], '{"address":"Opdigtet Allé 7"}'.encode()),
    ([CASE, COULD_KILL, MAN], b'{"work":"Lageret"}'),
]


def all_of(keys: list[bytes]) -> bytes:
    """HKDF-SHA256 (RFC 5869) by hand."""
    if len(keys) == 1:
        return keys[0]
    extracted = hmac.digest(bytes(32), b"".join(keys), "sha256")
    return hmac.digest(extracted, b"tvaers-all-1\x01", "sha256")


def by_hand(nonces: list[bytes]) -> bytes:
    """The stored event, as the page says."""
    out = bytes([1, len(SECTIONS)])
    for i, (ids, plaintext) in enumerate(SECTIONS):
        key_ids = b"".join(key_id.bytes for key_id in ids)
        aad = b"tvaers-event-1" + STORE_ID + CASE.bytes + VERSION.to_bytes(8, "big")
        aad += len(TOPIC).to_bytes(2, "big") + TOPIC.encode() + bytes([i]) + key_ids
        ct = AESGCM(all_of([KEYS[key_id] for key_id in ids])).encrypt(nonces[i], plaintext, aad)
        sealed = nonces[i] + ct
        out += bytes([len(ids)]) + key_ids + len(sealed).to_bytes(4, "big") + sealed
    return out


def nonces_of(state: bytes) -> Iterator[bytes]:
    at = 2
    for _ in range(state[1]):
        at += 1 + 16 * state[at]
        yield state[at + 4 : at + 16]
        at += 4 + int.from_bytes(state[at : at + 4], "big")


@pytest.fixture
def state() -> bytes:
    return bytes.fromhex(PINNED["stored_event"])


def test_what_was_stored_is_read(state: bytes) -> None:
    """The very event."""
    stored = StoredEvent(CASE, VERSION, TOPIC, state)
    assert mapper().to_domain_event(stored) == event()


def test_it_is_what_the_page_says(state: bytes) -> None:
    """Byte for byte."""
    assert by_hand(list(nonces_of(state))) == state


def test_it_is_what_we_write(state: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same nonces; no other code of ours draws random bytes on the way."""
    nonces = nonces_of(state)
    monkeypatch.setattr("hub.keys.sealing.os.urandom", lambda _: next(nonces))
    stored = mapper().to_stored_event(event())
    assert (stored.originator_id, stored.originator_version, stored.topic) == (CASE, VERSION, TOPIC)
    assert stored.state == state
    assert list(nonces) == []


def test_a_wrapped_key() -> None:
    """Under the key-encryption key of its epoch."""
    wrapped = bytes.fromhex(PINNED["wrapped_key"])
    kek = LocalKek({7: b"E" * 32}, 7)
    assert kek.unwrap(STORE_ID, WrappedKey(CASE, 7, wrapped)) == KEYS[CASE]
    aad = b"tvaers-key-1" + STORE_ID + CASE.bytes + (7).to_bytes(4, "big")
    assert AESGCM(b"E" * 32).decrypt(wrapped[:12], wrapped[12:], aad) == KEYS[CASE]
    assert len(wrapped) == 12 + 32 + 16


def test_key_ids() -> None:
    """Of the keys whose ids are made from other ids."""
    assert str(could_kill_key(CASE)) == PINNED["could_kill_key_id"]
    assert str(store_key_id(STORE_ID, "index")) == PINNED["index_key_id"]
    assert str(store_key_id(STORE_ID, "idempotency")) == PINNED["idempotency_key_id"]
