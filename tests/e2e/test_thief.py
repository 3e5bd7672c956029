"""The NGO as a thief, on a broker with logins and rights: it kept every key that it was ever given, its
tokens, its private keys and its disk, reads its topic with its own login, and tries all of it on everything.
"""

import base64
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.client.errors import SealedForSomeoneElse
from contracts.client.http_profile import HttpHub
from contracts.client.kafka_login import KafkaLogin
from contracts.client.keys import Identity
from contracts.client.logins import by_key
from contracts.client.sealed import HEAD_BYTES, bound, open_head
from contracts.envelope import Envelope, from_headers
from contracts.message_v1 import Head, Revoked
from hub.adapters.partners.ngo.adapter import Ngo
from hub.demo.stage import NGO, OTHER_NGO, POLICE, Stage
from hub.settings import Settings
from tests.e2e.test_after_withdrawal import Told, bytes_of, until
from tests.support.canaries import forms
from tests.support.kafka import SecureKafka
from tests.world import ON_CALL

SECRETS = ("Maja Eksempelsen", "7403912006", "Opdigtet Allé", "Prøvevænget", "Jonas Prøvegaard", "00 31 00")
STEP = 16
"""Keys lie on no odd place in a SQLite page or a PEM; the head of every field is tried beside these."""


@pytest.fixture
def stage(tmp_path: Path, database_url: str, secure_kafka: SecureKafka) -> Iterator[Stage]:
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path / "hub",
            "municipality": f"m{uuid4().hex[:12]}",
            "database_url": database_url,
            "kafka_bootstrap": secure_kafka.bootstrap,
            "kafka_ca": secure_kafka.ca_path,
            "kafka_username": secure_kafka.admin_user,
            "kafka_password": secure_kafka.admin_password,
            "on_call": ON_CALL,
        }
    )
    with Stage(settings) as stage:
        stage.register_partners()
        stage.start_workers()
        yield stage


@dataclass
class Loot:
    """What the NGO kept, against every rule of its own program."""

    keys: set[bytes] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)

    def take(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Copy whatever the hub gives the program from now on."""
        asked, opened = HttpHub.head_keys, HttpHub.open

        def head_keys(hub: HttpHub, *arguments: Any, **named: Any) -> dict[UUID, bytes]:
            found = asked(hub, *arguments, **named)
            self.keys |= set(found.values())
            self.tokens.add(hub._tokens())
            return found

        def open_message(hub: HttpHub, *arguments: Any, **named: Any) -> dict[int, bytes]:
            found = opened(hub, *arguments, **named)
            self.keys |= set(found.values())
            return found

        monkeypatch.setattr(HttpHub, "head_keys", head_keys)
        monkeypatch.setattr(HttpHub, "open", open_message)


def read_as(stage: Stage, login: str, slug: str) -> list[Envelope]:
    """A topic from its first record, with that login's own password, group and rights."""
    kafka = stage.partner_settings(login).kafka
    assert kafka is not None
    assert kafka.password is not None
    own = KafkaLogin(kafka.bootstrap, kafka.ca, kafka.username, kafka.password.get_secret_value())
    consumer = own.consumer(f"{stage.settings.municipality}.to.{slug}", f"{login}.{uuid4()}")
    try:
        records = until(lambda: next(iter(consumer.poll(timeout_ms=500).values()), []), tries=20)
    finally:
        consumer.close()
    return [from_headers(record.headers, record.value) for record in records]


def sealed_pieces(record: Envelope, head: Head, municipality: str) -> list[tuple[bytes, bytes]]:
    """Each part of a body with what it is bound to: where they begin says the head it once opened."""
    start, found = HEAD_BYTES, []
    for number, length in enumerate(head.parts, 1):
        data = bound(b"tvaers-part-1", municipality, NGO, record.message_id) + number.to_bytes(2, "big")
        found.append((record.value[start : start + length], data))
        start += length
    return found


def opens(keys: set[bytes], pieces: list[tuple[bytes, bytes]]) -> int:
    """How many pieces any of the keys opens."""
    found = 0
    for key, (piece, data) in product([AESGCM(key) for key in keys], pieces):
        try:
            key.decrypt(piece[:12], piece[12:], data)
        except InvalidTag:
            continue
        found += 1
    return found


def windows(raw: bytes) -> set[bytes]:
    """Whatever on a disk could be a key, raw or written down."""
    found = {raw[at : at + 32] for at in range(0, len(raw) - 32, STEP)}
    words = b"".join(bytes([c]) if chr(c).isalnum() or c in b"+/=-_" else b" " for c in raw).split()
    for word in words:
        if len(word) in (43, 44, 64):
            for decode in (bytes.fromhex, base64.b64decode, base64.urlsafe_b64decode):
                try:
                    key = decode(word.decode() + ("=" if len(word) == 43 else ""))
                except ValueError:
                    continue
                found |= {key} if len(key) == 32 else set()
    return found


def test_the_thief_opens_nothing_that_it_had_not_opened_before(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loot, municipality = Loot(), stage.settings.municipality
    loot.take(monkeypatch)
    adapter = Ngo.of(stage.partner_settings(NGO))
    told = Told(stage, adapter)
    opened, unopened = told.messages[0], told.messages[1:]
    adapter.open_message(opened, person="anna", name="Anna Rådgiver", purpose="referral")
    assert unopened
    until(lambda: len(read_as(stage, NGO, NGO)) >= len(told.messages))
    before = tmp_path / "copied"
    shutil.copytree(stage.settings.data_dir / "partners" / NGO, before)
    earlier = {record.message_id: record for record in read_as(stage, NGO, NGO)}
    heads = {m: _head(earlier[m], loot.keys, municipality) for m in told.messages}

    told.withdraw()
    until(
        lambda: any(isinstance(_control(r, before, municipality), Revoked) for r in read_as(stage, NGO, NGO))
    )

    # Its topic holds what it held; what it did not open before opens with nothing that it has.
    topic = {record.message_id: record for record in read_as(stage, NGO, NGO)}
    kept = [(topic[m].value, heads[m]) for m in told.messages]
    assert all(value == earlier[m].value for m, (value, _) in zip(told.messages, kept, strict=True))
    pieces = [piece for m in unopened for piece in sealed_pieces(topic[m], heads[m], municipality)]
    assert pieces
    identity = Identity.load(before / "keys")
    own = {identity.sealing.private_bytes_raw(), identity.signing.private_bytes_raw()}
    disk = bytes_of(before)
    candidates = loot.keys | own | windows(disk) | {identity.public.sealing, identity.public.signing}
    assert len(loot.keys) > len(told.messages), "it did keep keys: the opened message's parts among them"
    assert opens(loot.keys, sealed_pieces(topic[opened], heads[opened], municipality)) > 0, "the search works"
    assert opens(candidates, pieces) == 0
    # Nor did its own program write down a key, though the thief had them in memory.
    assert not [key for key in loot.keys for form in _written(key) if form in disk]

    # The hub gives nothing any more: by no token, for nobody, for no purpose, taken over or not.
    tokens = loot.tokens | {
        stage.partner_login(NGO)._http.post("/token", data=_login(stage)).json()["access_token"]
    }
    with httpx2.Client(base_url=stage.url) as client:
        for token, message in product(tokens, told.messages):
            headers = {"Authorization": f"Bearer {token}"}
            asked = {"messages": [str(message)], "rebuild": True}
            found = client.post("/v1/messages/head-keys", json=asked, headers=headers)
            assert found.json() == {"keys": {}}
            for taken_over, person in product((True, False), ("anna", "per")):
                body = {"person": person, "name": "X", "purpose": "safety", "taken_over": taken_over}
                answer = client.post(f"/v1/messages/{message}/open", json=body, headers=headers)
                assert answer.status_code == 404
        again = client.get("/v1/messages", params={"after": "0.0"}, headers=headers).json()["messages"]
    values = {m["ce_id"]: base64.b64decode(m["value"]) for m in again}
    assert not {values[str(m)] for m in told.messages} & {earlier[m].value for m in told.messages}, "blanks"

    # And nothing of it all says who.
    held = disk + b"".join(r.value for r in topic.values()) + b"".join(values.values())
    assert [s for s in SECRETS for raw in forms(s).values() if raw in held] == []
    adapter.close()


def test_the_thief_reads_no_other_topic_and_writes_for_nobody_else(stage: Stage) -> None:
    from kafka.errors import KafkaError

    for other in (OTHER_NGO, POLICE, stage.settings.unit):
        with pytest.raises(KafkaError):
            read_as(stage, NGO, other)
    kafka = stage.partner_settings(NGO).kafka
    assert kafka is not None
    assert kafka.password is not None
    login = KafkaLogin(
        kafka.bootstrap, kafka.ca, kafka.username, kafka.password.get_secret_value(), timeout_s=4
    )
    municipality = stage.settings.municipality
    for topic in (f"{municipality}.from.{POLICE}", f"{municipality}.to.{OTHER_NGO}", f"{municipality}.dead"):
        producer = login.producer()
        with pytest.raises(KafkaError):
            producer.send(topic, value=b"x", partition=0).get(timeout=5)
        login.close_producer(producer)


def _login(stage: Stage) -> dict[str, str]:
    """What its program logs in with: no secret that could lie anywhere else."""
    settings = stage.partner_settings(NGO)
    endpoint = f"{stage.url}/token"
    return dict(by_key(settings.username, endpoint, Identity.load(settings.keys).signing)())


def _head(record: Envelope, keys: set[bytes], municipality: str) -> Head:
    from contracts.client.errors import Tampered

    for key in keys:
        try:
            return open_head(record.value, key, municipality, NGO, record.message_id)
        except Tampered:
            continue
    raise AssertionError("the program was given the key of every head")


def _control(record: Envelope, copied: Path, municipality: str) -> object:
    try:
        return Identity.load(copied / "keys").control(municipality, NGO, record)
    except SealedForSomeoneElse:
        return None


def _written(key: bytes) -> list[bytes]:
    return [key, key.hex().encode(), base64.b64encode(key), base64.urlsafe_b64encode(key)]
