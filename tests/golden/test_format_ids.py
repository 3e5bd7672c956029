"""Ids, keys, messages and names in the store, pinned (docs/format.md sections 1, 2, 4, 5, 7 and 8).

Commands are played on SQLite; what each row and line must be is worked out by hand, from the keys as they lie
in the files.
"""

import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.inbound_v1 import Inbound
from contracts.terms import Category
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.aggregates.citizen_case.terms import ErasureGround
from hub.aggregates.disclosure_ledger import Disclosed
from hub.operating.restoring import restore
from hub.topics.heartbeats import QUIET, Heartbeats
from tests.golden.test_format_store import PINNED, REPORT, all_of
from tests.support.api import Api, clock_now
from tests.world import (
    CASEWORKER,
    CHILDREN,
    EVERYTHING,
    NGO,
    OPERATOR,
    PARTNERS,
    POLICE,
    TOVHOLDER,
    UNIT,
    World,
    at,
)

AS_JSON: str = PINNED["report_as_json"]
"""The report that each test begins with, as the bytes that its `body_mac` is made of."""


class Ids:
    """Random ids, each kept."""

    def __init__(self) -> None:
        self.given: list[UUID] = []

    def __call__(self) -> UUID:
        self.given.append(uuid4())
        return self.given[-1]


@pytest.fixture
def ids() -> Ids:
    return Ids()


@pytest.fixture
def world(tmp_path: Path, ids: Ids) -> Iterator[World]:
    with closing(World.built(tmp_path / "hub", new_id=ids)) as world:
        yield world


@pytest.fixture
def case(world: World) -> UUID:
    """Give an open case with its tovholder; the police handed its report over by topic."""
    answer = world.send(POLICE, Inbound.report(json.loads(AS_JSON)))
    assert answer is not None
    case = UUID(answer.ids["case"])
    world.open(case)
    world.coordinator(case)
    return case


# --- what lies in the files ---------------------------------------------------------------------------


def rows(world: World, query: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(world.parts.settings.data_dir / "hub.db")) as database:
        return database.execute(query, values).fetchall()


def fence(world: World) -> list[str]:
    return (world.parts.settings.data_dir / "fence" / "destroyed").read_text().splitlines()


def store_id(world: World) -> bytes:
    ((found,),) = rows(world, "SELECT store_id FROM store")
    return bytes(found)


def unwrapped(world: World, key_id: UUID, epoch: int, wrapped: bytes) -> bytes:
    kek = json.loads((world.parts.settings.data_dir / "keys" / "kek.json").read_text())["keys"][str(epoch)]
    aad = b"tvaers-key-1" + store_id(world) + key_id.bytes + epoch.to_bytes(4, "big")
    return AESGCM(base64.b64decode(kek)).decrypt(wrapped[:12], wrapped[12:], aad)


def key(world: World, key_id: UUID) -> bytes:
    ((epoch, wrapped),) = rows(world, "SELECT epoch, wrapped FROM keys WHERE key_id = ?", key_id.bytes)
    return unwrapped(world, key_id, epoch, wrapped)


def of_index(world: World, data: bytes) -> bytes:
    return hmac.digest(key(world, uuid5(UUID(bytes=store_id(world)), "index")), data, "sha256")


def of_number(world: World, data: bytes) -> bytes:
    return hmac.digest(key(world, uuid5(UUID(bytes=store_id(world)), "idempotency")), data, "sha256")


def streams(world: World, topic: str) -> set[UUID]:
    found = rows(world, "SELECT originator_id FROM stored_events WHERE topic = ?", topic)
    return {UUID(stream) for (stream,) in found}


def bound_to(world: World, name: str) -> bytes:
    """The `body_mac` under a name."""
    key = of_number(world, name.encode())
    ((body_mac,),) = rows(world, "SELECT body_mac FROM idempotency WHERE key = ?", key)
    return bytes(body_mac)


def number(drawn: UUID) -> str:
    letters = ["23456789ABCDEFGHJKMNPQRSTVWXYZ"[drawn.int // 30**n % 30] for n in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


# --- section 1: streams and numbers -------------------------------------------------------------------


def test_the_stream_of_a_partner(world: World) -> None:
    """From the store's id and the partner's slug."""
    store = UUID(bytes=store_id(world))
    assert streams(world, "partner.registered") == {uuid5(store, f"partner:{slug}") for slug in PARTNERS}


def test_the_ledger_of_a_case_and_a_recipient(world: World, case: UUID) -> None:
    """One for the unit, one for the NGO."""
    world.consent(case, [NGO], [Category.INCIDENT])
    expected = {
        UUID(bytes=of_index(world, b"ledger" + case.bytes + slug)[:16])
        for slug in (b"familieenheden", b"havnen")
    }
    assert streams(world, "ledger.opened") == expected


def test_that_a_report_was_read(world: World, case: UUID) -> None:
    """Its stream, from the case and the report."""
    world.parts.hub.record_reading(world.command(CASEWORKER), case, REPORT)
    expected = UUID(bytes=of_index(world, b"read" + case.bytes + REPORT.bytes)[:16])
    assert streams(world, "receipt.read") == {expected}


def test_that_it_was_seen_that_a_report_was_taken_back(world: World, case: UUID) -> None:
    """Its stream, from the case and the report."""
    world.retract(REPORT)
    world.project()
    world.parts.queries.timeline(TOVHOLDER, world.case(case), "coordination")
    expected = UUID(bytes=of_index(world, b"retraction seen" + case.bytes + REPORT.bytes)[:16])
    assert streams(world, "receipt.retraction_seen") == {expected}


def test_that_a_message_was_first_taken_over(world: World, case: UUID) -> None:
    """Its stream, from the message."""
    world.consent(case, [NGO], [Category.INCIDENT])
    (message, *_) = world.messages_of(NGO)
    world.parts.opener.open(at(NGO), message.message_id, purpose="referral", taken_over=True)
    expected = UUID(bytes=of_index(world, b"taken over" + message.message_id.bytes)[:16])
    assert streams(world, "receipt.opened") == {expected}


def test_the_number_of_a_case_and_of_its_receipt(world: World, ids: Ids, case: UUID) -> None:
    """Eight letters of an alphabet of thirty, from a random id."""
    numbers = {number(drawn) for drawn in ids.given}
    assert world.case(case).report(REPORT).number in numbers
    assert world.case(case).number in numbers


# --- section 2: keys and the fence --------------------------------------------------------------------


def test_the_file_of_the_key_encryption_keys(world: World) -> None:
    """JSON, with the keys in base64."""
    text = (world.parts.settings.data_dir / "keys" / "kek.json").read_text()
    kek = base64.b64decode(json.loads(text)["keys"]["1"], validate=True)
    assert len(kek) == 32
    assert text == '{"current": 1, "keys": {"1": "' + base64.b64encode(kek).decode() + '"}}\n'


def test_what_goes_behind_the_fence_at_an_erasure(world: World, case: UUID) -> None:
    """The grants that end; of the report that it is gone, and on request; the keys, the case's own last."""
    world.consent(case, [NGO], [Category.INCIDENT])
    world.answer_for_children(case)
    grants = {UUID(bytes=grant).hex + " grant" for (grant,) in rows(world, "SELECT grant_id FROM grants")}
    persons = sorted(person.hex for person in world.case(case).persons)
    gone = UUID(bytes=of_index(world, b"gone" + REPORT.bytes + b"politiet")[:16])
    erased = UUID(bytes=of_index(world, b"erased" + REPORT.bytes + b"politiet")[:16])
    asked = world.parts.hub.request_erasure(world.command(CASEWORKER), case, world.clock())
    world.parts.hub.grant_erasure(
        world.command(CASEWORKER),
        case,
        UUID(asked.ids["request"]),
        ground=ErasureGround.CONSENT_WITHDRAWN,
        reason="Intet kræver, at sagen bevares",
        breaches_considered=False,
    )
    keys = [gone.hex, erased.hex, *persons, uuid5(case, "could-kill").hex, case.hex]
    lines = fence(world)
    assert persons
    assert set(lines[: -len(keys)]) == grants
    assert lines[-len(keys) :] == keys
    assert streams(world, "receipt.erased") == {erased}
    destroyed = rows(world, "SELECT key_id FROM keys WHERE state = 'destroyed' AND wrapped IS NULL")
    assert {UUID(bytes=key_id).hex for (key_id,) in destroyed} == set(keys)


def test_what_a_restore_begins(world: World, tmp_path: Path) -> None:
    """Its epoch goes behind the fence, and every partner is told once."""
    with closing(EmbeddedBroker(tmp_path / "broker.db")) as broker:
        restore(world.parts, broker)
    epoch = uuid5(UUID(bytes=store_id(world)), "epoch:2")
    assert fence(world) == [epoch.hex]
    assert rows(world, "SELECT state FROM keys WHERE key_id = ?", epoch.bytes) == [("destroyed",)]
    assert bound_to(world, "hub:hub:heartbeat:havnen:2.0") == of_number(world, b"")


# --- section 4: grants and wraps ----------------------------------------------------------------------


def test_a_grant_ends_at_a_microsecond(world: World, case: UUID) -> None:
    """Since 1970; the unit's own never does."""
    world.clock.now = world.clock.now.replace(microsecond=678901)
    world.consent(case, [NGO], [Category.INCIDENT], lasts=timedelta(days=90))
    ends_at = int(world.clock.now.timestamp()) * 1_000_000 + 678901 + 90 * 86_400_000_000
    found = rows(world, "SELECT DISTINCT recipient, ends_at FROM grants ORDER BY recipient")
    assert found == [("familieenheden", None), ("havnen", ends_at)]


def test_the_wrapped_keys_of_a_message(world: World, case: UUID) -> None:
    """Entry after entry, opened by hand: the keys that the recipient is given."""
    world.consent(case, [NGO], EVERYTHING)
    persons = set()
    for message in world.messages_of(NGO):
        given = world.parts.opener.open(at(NGO), message.message_id, purpose="referral")
        opened = {}
        for grant, epoch, wrapped, wraps in rows(
            world,
            "SELECT grant_id, epoch, wrapped, wraps FROM grants JOIN message_wraps USING (grant_id)"
            " WHERE message_id = ?",
            message.message_id.bytes,
        ):
            grant_key = unwrapped(world, UUID(bytes=grant), epoch, wrapped)
            left = wraps
            while left:
                part, p = left[:2], left[2]
                person, left = left[3 : 3 + 16 * p], left[3 + 16 * p :]
                sealed, left = left[:60], left[60:]
                keys = [grant_key, key(world, UUID(bytes=person))] if p else [grant_key]
                aad = b"tvaers-wrap-1" + message.message_id.bytes + grant + part + person
                opened[int.from_bytes(part, "big")] = AESGCM(all_of(keys)).decrypt(
                    sealed[:12], sealed[12:], aad
                )
                persons.add(p)
        assert opened == given
    assert persons == {0, 1}


# --- section 5: messages ------------------------------------------------------------------------------


def test_a_message_by_its_digest_and_position(world: World, case: UUID) -> None:
    """It stands at the last event of its command; what was told is on record by its digest."""
    (last,) = rows(world, "SELECT max(notification_id) FROM stored_events")
    world.consent(case, [NGO], [Category.INCIDENT])
    digests = {told.message_id: told.digest for told in world.facts(Disclosed)}
    assert digests
    for message_id, digest in digests.items():
        ((sealed, control),) = rows(
            world, "SELECT sealed, control FROM messages WHERE message_id = ?", message_id.bytes
        )
        assert (hashlib.sha256(sealed).hexdigest(), control) == (digest, 0)
    of_consent = rows(world, "SELECT DISTINCT position FROM messages WHERE position > ?", *last)
    assert of_consent == rows(world, "SELECT max(notification_id) FROM stored_events")
    assert rows(world, "SELECT DISTINCT control FROM messages WHERE recipient = 'politiet'") == [(1,)]


# --- section 7: topics --------------------------------------------------------------------------------


def test_the_names_of_topics(world: World) -> None:
    """Two for each partner, and the dead letters."""
    named = world.parts.outgoing.topics(["havnen"])
    assert named == ["eksempel.to.havnen", "eksempel.from.havnen", "eksempel.dead"]


# --- section 8: idempotency, the blind index, the block list -----------------------------------------


def test_a_report_whichever_way_it_comes(world: World, case: UUID) -> None:
    """By its own id with no subject, bound to the JSON of its model."""
    name = of_number(world, b"politiet::report:11111111-2222-4333-8444-555555555555")
    ((body_mac, position, answered),) = rows(
        world, "SELECT body_mac, position, ids FROM idempotency WHERE key = ?", name
    )
    assert body_mac == of_number(world, AS_JSON.encode())
    assert answered == f'{{"case":"{case}","number":"{world.case(case).report(REPORT).number}"}}'
    before_it_was_opened = rows(
        world,
        "SELECT max(notification_id) FROM stored_events WHERE notification_id <"
        " (SELECT notification_id FROM stored_events WHERE topic = 'case.opened')",
    )
    assert [(position,)] == before_it_was_opened


def test_what_else_comes_sealed(world: World, case: UUID) -> None:
    """By the message's id, bound to the JSON of its model."""
    sent = (
        '{"type":"report_retraction","body":{"report_id":"11111111-2222-4333-8444-555555555555",'
        '"reason":"wrong_person","by":{"person":"bodil","name":"Bodil Prøve"},"at":"2026-12-01T09:00:00Z"}}'
    )
    message_id = UUID("22222222-3333-4444-8555-666666666666")
    world.send(POLICE, Inbound.model_validate_json(sent), message_id)
    name = "politiet:bodil:inbound:22222222-3333-4444-8555-666666666666"
    assert bound_to(world, name) == of_number(world, sent.encode())


def test_the_answer_to_a_report_that_was_refused(world: World) -> None:
    """By the message's id, bound to the report's."""
    message_id = UUID("22222222-3333-4444-8555-666666666666")
    message = Inbound.report({"report_id": str(REPORT)})
    public = world.parts.identity.public
    envelope = world.identities[POLICE].send("eksempel", POLICE, message_id, message, public)
    world.parts.inbound.refuse(POLICE, envelope)
    name = "politiet:politiet:refused:22222222-3333-4444-8555-666666666666"
    assert bound_to(world, name) == of_number(world, REPORT.bytes)


def test_a_heartbeat(world: World) -> None:
    """By the number that it follows, bound to nothing."""
    heartbeats = Heartbeats(world.parts.app.store, world.parts.hub, world.clock)
    heartbeats.step()
    world.clock.move(QUIET)
    assert heartbeats.step() == len(PARTNERS)
    assert bound_to(world, "hub:hub:heartbeat:havnen:0.0") == of_number(world, b"")


def test_a_request_over_http(world: World, case: UUID) -> None:
    """By its Idempotency-Key, bound to the method, the path and the body as it came."""
    body = b'{"level": "high",  "reason": "Tr\xc3\xa6der ind"}'
    path = f"/v1/cases/{case}/safety-level"
    world.clock.now = clock_now().now
    tove = Api(world).login("tove", UNIT, Role.TOVHOLDER)
    headers = {"Idempotency-Key": "en-af-mine-egne", "Content-Type": "application/json"}
    answer = tove.call("POST", path, headers=headers, content=body)
    assert answer.is_success, answer.text
    expected = of_number(world, b"POST " + path.encode() + b"\n" + body)
    assert bound_to(world, "familieenheden:tove:en-af-mine-egne") == expected


def test_the_blind_index(world: World, case: UUID) -> None:
    """Of each CPR number in its role, and of who answers for the case."""
    known = [b"exposed:cpr:7403912006", b"perpetrator:cpr:6208881015", b"coordinator:familieenheden:tove"]
    found = rows(world, "SELECT blind FROM blind_index WHERE case_id = ?", case.bytes)
    assert {blind for (blind,) in found} == {of_index(world, one) for one in known}


def test_the_block_list(world: World, case: UUID) -> None:
    """A login under a case, or under the stream of its organisation."""
    world.parts.hub.block_person(
        world.command(CASEWORKER), case, organisation=UNIT, person="bo", name="Bo Blokeret", reason="Bror"
    )
    world.parts.hub.stop_person(world.command(OPERATOR), CHILDREN, "anna", "Har forladt forvaltningen")
    organisation = uuid5(UUID(bytes=store_id(world)), "partner:boern-og-unge")
    assert set(rows(world, "SELECT case_id, person FROM block_list")) == {
        (case.bytes, "familieenheden:bo"),
        (organisation.bytes, "boern-og-unge:anna"),
    }
