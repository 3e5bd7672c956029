"""The published vectors, opened by hand from the page and by the client; altered, nothing opens."""

import base64
import json
import struct
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from contracts.client.errors import BadSignature, SealedForSomeoneElse, Tampered
from contracts.client.keys import Identity, PublicKeys
from contracts.client.sealed import open_control, open_head, open_inbound, open_part
from contracts.client.signing import message_signed, verify
from contracts.envelope import BadEnvelope, from_headers, from_json, to_json
from contracts.vectors import make

FOLDER = Path(make.__file__).parent
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def vectors(name: str) -> Any:
    """Read one file of vectors."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def party(name: str) -> Identity:
    """Give the keys of one side."""
    found = vectors("keys")[name]
    return Identity(
        X25519PrivateKey.from_private_bytes(bytes.fromhex(found["sealing_private"])),
        Ed25519PrivateKey.from_private_bytes(bytes.fromhex(found["signing_private"])),
    )


def names(*texts: str) -> bytes:
    """Length and text, one after the other."""
    return b"".join(struct.pack(">B", len(text)) + text.encode() for text in texts)


@pytest.fixture(scope="module")
def message() -> Any:
    """Give the data message."""
    return vectors("message")


@pytest.fixture(scope="module")
def value(message: Any) -> bytes:
    """Give its sealed bytes."""
    return base64.b64decode(message["json"]["value"])


def test_they_are_what_the_code_makes() -> None:
    """What follows from seeds is byte for byte the same: layout, order of fields, times as text."""
    assert vectors("keys") == make.keys()
    assert vectors("message") == make.message()
    assert vectors("refusals") == make.refusals(make.message())


def test_a_message_opens_by_hand(message: Any, value: bytes) -> None:
    """Sections 2 to 4, written out: offsets, associated data, padding, signature."""
    message_id = UUID(message["message_id"])
    bound = names("eksempel", "lyspunktet") + message_id.bytes
    assert message["associated_data"] == [
        (b"tvaers-head-1" + bound).hex(),
        (b"tvaers-part-1" + bound + b"\x00\x01").hex(),
        (b"tvaers-part-1" + bound + b"\x00\x02").hex(),
    ]
    keys = [bytes.fromhex(key) for key in message["keys"]]
    plain = AESGCM(keys[0]).decrypt(value[:12], value[12:1024], b"tvaers-head-1" + bound)
    assert len(value) == 4096
    assert len(plain) == 996
    head = json.loads(plain)
    lengths = head.pop("parts")
    assert head == message["head"]
    assert set(head) | {"parts"} == {"kind", "thread", "urgency", "deadline", "recorded", "refs", "parts"}
    start = 1024
    for n, length in enumerate(lengths, 1):
        piece = value[start : start + length]
        data = b"tvaers-part-1" + bound + struct.pack(">H", n)
        assert json.loads(AESGCM(keys[n]).decrypt(piece[:12], piece[12:], data)) == message["parts"][n - 1]
        start += length
    signed = b"tvaers-message-1" + names("eksempel", "lyspunktet") + struct.pack(">QQ", 1, 7)
    signed += message_id.bytes + sha256(value).digest()
    assert message["signed"] == signed.hex()
    signature = base64.urlsafe_b64decode(message["headers"]["ce_signature"] + "==")
    Ed25519PublicKey.from_public_bytes(party("hub").public.signing).verify(signature, signed)


def test_a_message_opens_with_the_client(message: Any, value: bytes) -> None:
    """Headers and JSON give the same envelope; its signature holds; head and parts are what was told."""
    headers = [(name, text.encode()) for name, text in message["headers"].items()]
    envelope = from_headers(headers, value)
    assert envelope == from_json(message["json"])
    assert to_json(envelope) == message["json"]
    PublicKeys(b"", party("hub").public.signing).verify("eksempel", "lyspunktet", envelope)
    keys = [bytes.fromhex(key) for key in message["keys"]]
    head = open_head(value, keys[0], "eksempel", "lyspunktet", envelope.message_id)
    assert json.loads(head.model_dump_json(exclude={"parts"})) == message["head"]
    for n, told in enumerate(message["parts"], 1):
        part = open_part(value, head, n, keys[n], "eksempel", "lyspunktet", envelope.message_id)
        assert json.loads(part.model_dump_json()) == told
    with pytest.raises(SealedForSomeoneElse):
        party("partner").control("eksempel", "lyspunktet", envelope)


ALTERED: list[tuple[str, str, UUID]] = [
    ("eksempe", "llyspunktet", UUID(int=0)),
    ("eksempel", "mandecentret", UUID(int=0)),
    ("odense", "lyspunktet", UUID(int=0)),
    ("eksempel", "lyspunktet", UUID(int=1)),
]


def place(altered: tuple[str, str, UUID], true_id: str) -> tuple[str, str, UUID]:
    """Fill in the true message id where it is not the one that was altered."""
    town, other, message_id = altered
    return town, other, message_id if message_id.int else UUID(true_id)


@pytest.mark.parametrize("altered", ALTERED)
def test_under_another_name_nothing_opens(message: Any, value: bytes, altered: tuple[str, str, UUID]) -> None:
    """Another municipality, reader or message id, even when the texts joined are the same."""
    town, reader, message_id = place(altered, message["message_id"])
    true_id = UUID(message["message_id"])
    keys = [bytes.fromhex(key) for key in message["keys"]]
    head = open_head(value, keys[0], "eksempel", "lyspunktet", true_id)
    with pytest.raises(Tampered):
        open_head(value, keys[0], town, reader, message_id)
    for n in (1, 2):
        with pytest.raises(Tampered):
            open_part(value, head, n, keys[n], town, reader, message_id)
    signature = base64.urlsafe_b64decode(message["headers"]["ce_signature"] + "==")
    with pytest.raises(BadSignature):
        verify(
            party("hub").public.signing,
            signature,
            message_signed(
                value, municipality=town, recipient=reader, epoch=1, sequence=7, message_id=message_id
            ),
        )


def test_parts_do_not_change_places_or_keys(message: Any, value: bytes) -> None:
    """Part 1 is not part 2, a part is not the head, and one part's key opens no other."""
    true_id = UUID(message["message_id"])
    keys = [bytes.fromhex(key) for key in message["keys"]]
    head = open_head(value, keys[0], "eksempel", "lyspunktet", true_id)
    first, second = (
        value[start : start + n] for start, n in zip((1024, 1024 + head.parts[0]), head.parts, strict=True)
    )
    swapped = value[:1024] + second + first + value[1024 + sum(head.parts) :]
    turned = head.model_copy(update={"parts": head.parts[::-1]})
    for sealed, by, n, key in (
        (swapped, turned, 1, keys[2]),
        (swapped, turned, 2, keys[1]),
        (value, head, 1, keys[2]),
        (value, head, 2, keys[0]),
    ):
        with pytest.raises(Tampered):
            open_part(sealed, by, n, key, "eksempel", "lyspunktet", true_id)


@pytest.mark.parametrize("number", [(2, 7), (1, 8), (7, 1)])
def test_a_message_under_another_number_is_not_signed(
    message: Any, value: bytes, number: tuple[int, int]
) -> None:
    """Nobody can move a message in its recipient's row."""
    signature = base64.urlsafe_b64decode(message["headers"]["ce_signature"] + "==")
    signed = message_signed(
        value,
        municipality="eksempel",
        recipient="lyspunktet",
        epoch=number[0],
        sequence=number[1],
        message_id=UUID(message["message_id"]),
    )
    with pytest.raises(BadSignature):
        verify(party("hub").public.signing, signature, signed)


def test_every_altered_byte_breaks_the_signature_and_the_piece_it_stands_in(
    message: Any, value: bytes
) -> None:
    """The padding too is signed, though nothing seals it."""
    true_id = UUID(message["message_id"])
    keys = [bytes.fromhex(key) for key in message["keys"]]
    head = open_head(value, keys[0], "eksempel", "lyspunktet", true_id)
    ends = [1024, 1024 + head.parts[0], 1024 + sum(head.parts)]
    envelope = from_json(message["json"])
    hub = PublicKeys(b"", party("hub").public.signing)
    for at in (0, 11, 12, 1023, ends[0], ends[1] - 1, ends[1], ends[2] - 1, ends[2], len(value) - 1):
        altered = bytearray(value)
        altered[at] ^= 1
        changed = from_json({**message["json"], "value": base64.b64encode(altered).decode()})
        assert changed.message_id == envelope.message_id
        with pytest.raises(BadSignature):
            hub.verify("eksempel", "lyspunktet", changed)
        place_of = ("eksempel", "lyspunktet", true_id)
        opens: list[Callable[[], object]] = [partial(open_head, bytes(altered), keys[0], *place_of)]
        opens += [partial(open_part, bytes(altered), head, n, keys[n], *place_of) for n in (1, 2)]
        hit = next((n for n, end in enumerate(ends) if at < end), None)
        for n, act in enumerate(opens):
            if n == hit:
                with pytest.raises(Tampered):
                    act()
            else:
                act()


@pytest.mark.parametrize("index", range(4))
def test_control_messages_open_with_the_recipients_key_alone(index: int) -> None:
    """By hand and with the client; not with the hub's own key, nor under another name or id."""
    told = vectors("controls")[index]
    sealed, message_id = base64.b64decode(told["value"]), UUID(told["message_id"])
    info = b"tvaers-control-1" + names("eksempel", "lyspunktet") + message_id.bytes
    assert told["info"] == info.hex()
    assert len(sealed) in (4096, 8192)
    partner, hub = party("partner"), party("hub")
    assert json.loads(SUITE.decrypt(sealed, partner.sealing, info)) == told["control"]
    control = open_control(sealed, partner.sealing, "eksempel", "lyspunktet", message_id)
    assert json.loads(control.model_dump_json(exclude_none=True)) == told["control"]
    with pytest.raises(InvalidTag):
        SUITE.decrypt(sealed, hub.sealing, info)
    for altered in ALTERED:
        with pytest.raises(SealedForSomeoneElse):
            open_control(sealed, partner.sealing, *place(altered, told["message_id"]))
    with pytest.raises(SealedForSomeoneElse):
        open_inbound(sealed, partner.sealing, "eksempel", "lyspunktet", message_id)


def test_an_inbound_message_opens_with_the_hubs_key_alone() -> None:
    """By hand and with the client; the partner is who signed, not who says so."""
    told = vectors("inbound")
    envelope = from_json(told["json"])
    headers = [(name, text.encode()) for name, text in told["headers"].items()]
    assert from_headers(headers, envelope.value) == envelope
    bound = b"tvaers-inbound-1" + names("eksempel", "lyspunktet") + envelope.message_id.bytes
    assert told["info"] == bound.hex()
    assert told["signed"] == (bound + sha256(envelope.value).digest()).hex()
    hub, partner = party("hub"), party("partner")
    assert json.loads(SUITE.decrypt(envelope.value, hub.sealing, bound)) == told["plaintext"]
    public = Ed25519PublicKey.from_public_bytes(partner.public.signing)
    public.verify(envelope.signature, bytes.fromhex(told["signed"]))
    with pytest.raises(InvalidSignature):
        public.verify(envelope.signature, bytes.fromhex(told["signed"])[:-1])
    answer = hub.receive("eksempel", "lyspunktet", envelope, partner.public)
    assert json.loads(answer.model_dump_json()) == told["plaintext"]
    for town, name in (("odense", "lyspunktet"), ("eksempel", "mandecentret")):
        with pytest.raises(BadSignature):
            hub.receive(town, name, envelope, partner.public)
    with pytest.raises(BadSignature):
        hub.receive("eksempel", "lyspunktet", envelope, hub.public)


@pytest.mark.parametrize("wrong", vectors("refusals"), ids=lambda wrong: wrong["why"])
def test_a_wrong_envelope_is_refused_by_the_name_of_its_header(wrong: Any) -> None:
    """The error says which header, and not what stood in it."""
    with pytest.raises(BadEnvelope, match=f"{wrong['names']}|ce_epoch, ce_sequence") as refused:
        from_json(wrong["json"])
    assert not [text for text in wrong["json"].values() if len(text) > 12 and text in str(refused.value)] or (
        wrong["names"] in ("content-type", "ce_type")
    )
