"""The vectors of every step, by the client and by hand; and that the page quotes them rightly."""

import base64
import json
import re
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from contracts.client.errors import BadMessage, SealedForSomeoneElse
from contracts.client.party import Party
from contracts.client.sealed import open_head, open_part
from contracts.envelope import from_json
from contracts.vectors import make
from tests.contract.test_envelope_vectors import FOLDER, party, vectors

PAGE = (FOLDER.parent / "BYTES.md").read_text(encoding="utf-8")
NGO = Party("eksempel", "lyspunktet", party("partner"), party("hub").public)


def test_they_follow_from_their_seeds() -> None:
    """Made anew they are byte for byte the same, sealing included."""
    made = make.message()
    assert vectors("hpke") == make.hpke()
    assert vectors("revocation") == make.revocation()
    assert vectors("bad_messages") == make.bad_messages(made)
    assert vectors("http") == make.http(made)
    assert vectors("login") == make.login()


def test_hpke_step_by_step_is_hpke() -> None:
    """What the library opens, and each step from the one before it, from the reader's side."""
    found, suite = vectors("hpke"), Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    sealed, info = base64.b64decode(found["value"]), bytes.fromhex(found["info"])
    assert suite.decrypt(sealed, NGO.identity.sealing, info).decode().rstrip(" ") == found["plaintext"]
    steps = {name: bytes.fromhex(step) for name, step in found["steps"].items()}
    assert sealed[:32] == steps["enc"]
    opened = AESGCM(steps["key"]).decrypt(steps["base_nonce"], sealed[32:], b"")
    assert opened.decode().rstrip(" ") == found["plaintext"]


def test_a_revocation_and_its_answer() -> None:
    """The partner opens and answers; the hub takes the answer."""
    found = vectors("revocation")
    told = from_json(found["message"])
    NGO.verify(told)
    assert json.loads(NGO.control(told).model_dump_json(exclude_none=True)) == found["control"]
    posted = from_json(found["answer"]["posted"])
    inbound = party("hub").receive("eksempel", "lyspunktet", posted, NGO.identity.public)
    assert json.loads(inbound.model_dump_json()) == found["answer"]["plaintext"]
    assert inbound.body["revocation"] == str(told.message_id)
    assert str(posted.message_id) == found["answer"]["message_id"]


@pytest.mark.parametrize("number", range(len(vectors("bad_messages"))))
def test_a_bad_message_is_reported_with_its_reason(number: int) -> None:
    """By the order of a reader: signature, then our own key, then the keys of the hub."""
    found = vectors("bad_messages")[number]
    assert reason(found["json"]) == found["reason"]


def test_the_good_message_is_not() -> None:
    """An oracle that always says no is none."""
    assert reason(vectors("message")["json"]) == ""


def reason(envelope: Any) -> str:
    """Why a reader can't use this message; nothing if it can."""
    keys = [bytes.fromhex(key) for key in vectors("message")["keys"]]
    try:
        found = from_json(envelope)
        NGO.verify(found)
        try:
            NGO.control(found)
        except SealedForSomeoneElse:
            place = ("eksempel", "lyspunktet", found.message_id)
            head = open_head(found.value, keys[0], *place)
            for n in range(1, len(head.parts) + 1):
                open_part(found.value, head, n, keys[n], *place)
    except BadMessage as error:
        return error.reason.value
    return ""


def test_the_exchange_over_http_is_of_the_message() -> None:
    """Its keys open what it pulled."""
    pull, heads, parts = vectors("http")
    envelope = from_json(pull["answer"]["messages"][0])
    key = base64.b64decode(heads["answer"]["keys"][str(envelope.message_id)])
    head = open_head(envelope.value, key, "eksempel", "lyspunktet", envelope.message_id)
    assert {"0", "1", "2"} == set(parts["answer"]["keys"])
    assert len(head.parts) == 2
    assert parts["ask"].split("/")[3] == str(envelope.message_id)


def test_an_assertion_is_signed_by_the_partner_for_one_endpoint() -> None:
    """By hand: three pieces joined by dots, the signature over the first two as they stand."""
    found = vectors("login")
    said, signature = found["signed"], make.from_base64url(found["signature"])
    Ed25519PublicKey.from_public_bytes(NGO.identity.public.signing).verify(signature, said.encode())
    header, claims = (json.loads(make.from_base64url(piece)) for piece in said.split("."))
    assert (header, claims) == (found["header"], found["claims"])
    assert header == {"alg": "EdDSA", "typ": "JWT"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("lyspunktet", "lyspunktet", found["endpoint"])
    assert claims["exp"] - claims["iat"] == 60
    assert found["form"]["client_assertion"] == f"{said}.{found['signature']}"


def test_the_page_quotes_the_vectors() -> None:
    """Every long run of hex in the page is in a vector: joined, and in order."""
    known = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.json")))
    known = known.replace("-", "")
    long = re.findall(r"\b[0-9a-f]{16,}\b", PAGE)
    assert len(long) >= 10
    assert [one for one in long if one not in known] == []
    short = re.findall(r"`([0-9a-f]{8})…([0-9a-f]{4})`", PAGE)
    assert len(short) == 2
    for start, end in short:
        assert re.search(rf'"{start}[0-9a-f]{{52}}{end}"', known), start
    message = vectors("message")
    blocks = re.findall(r"```\n([^`]*?)```", PAGE)
    assert any(re.sub(r"\s", "", block) == message["signed"] for block in blocks)
    assert any(re.sub(r"\s", "", b.splitlines()[0]) == message["associated_data"][0] for b in blocks if b)
    signature = base64.urlsafe_b64decode(message["headers"]["ce_signature"] + "==")
    signing = bytes.fromhex(vectors("keys")["hub"]["signing_public"])
    Ed25519PublicKey.from_public_bytes(signing).verify(signature, bytes.fromhex(message["signed"]))
    assert UUID(message["message_id"]).hex in PAGE


def test_the_page_names_every_file_there_is() -> None:
    """And every rule once, in order."""
    for path in FOLDER.glob("*.json"):
        assert f"`{path.name}`" in PAGE
    rules = re.findall(r"^- \*\*R(\d+) ", PAGE, re.MULTILINE)
    assert rules == [str(n) for n in range(1, len(rules) + 1)]
