"""Makes the test vectors in this folder: `python -m contracts.vectors.make`.

Everything follows from fixed seeds but for `controls` and `inbound`, whose sender drew a key of its own:
those two are for opening, were made once, and are kept.
"""

import base64
import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.client.keys import Identity
from contracts.client.logins import ASSERTION_TYPE, assertion
from contracts.client.sealed import HPKE_OVERHEAD, bound, build_message, seal_control, size_class
from contracts.client.signing import inbound_signed, message_signed, sign
from contracts.envelope import Envelope, source, to_headers, to_json
from contracts.inbound_v1 import Inbound, Person, PurgeAnswer, PurgeOutcome, ReferralAnswer
from contracts.message_v1 import Ban, Blank, Control, Head, Heartbeat, Part, Revoked
from contracts.terms import Category, MessageKind, ReferralStatus, RejectionReason, Urgency

TOWN: Final = "eksempel"
NGO: Final = "lyspunktet"
AT: Final = datetime(2026, 11, 22, 2, 40, tzinfo=UTC)
Json = dict[str, Any]


class Stream:
    """Bytes that look random and are always the same."""

    def __init__(self, seed: str) -> None:
        """Begin a stream of its own."""
        self._seed, self._count = seed.encode(), 0

    def __call__(self, length: int) -> bytes:
        """The next bytes."""
        out = b""
        while len(out) < length:
            out += sha256(self._seed + self._count.to_bytes(8, "big")).digest()
            self._count += 1
        return out[:length]

    def uuid(self) -> UUID:
        """A version 4 UUID."""
        return UUID(bytes=self(16), version=4)


def identity(seed: str) -> Identity:
    """Keys from a seed."""
    draw = Stream(seed)
    return Identity(
        X25519PrivateKey.from_private_bytes(draw(32)), Ed25519PrivateKey.from_private_bytes(draw(32))
    )


HUB: Final = identity("hub")
PARTNER: Final = identity("partner")


def keys() -> Json:
    """The private keys of both sides. They open nothing but these vectors."""
    return {
        name: {
            "sealing_private": owner.sealing.private_bytes_raw().hex(),
            "sealing_public": owner.public.sealing.hex(),
            "signing_private": owner.signing.private_bytes_raw().hex(),
            "signing_public": owner.public.signing.hex(),
        }
        for name, owner in (("hub", HUB), ("partner", PARTNER))
    }


def message() -> Json:
    """A data message with two parts, with every key, and its envelope."""
    draw = Stream("message")
    message_id, thread, person = draw.uuid(), draw.uuid(), draw.uuid()
    head = Head(
        kind=MessageKind.REFERRAL_REQUESTED,
        thread=thread,
        urgency=Urgency.URGENT,
        deadline=datetime(2026, 11, 29, 11, 0, tzinfo=UTC),
        recorded=AT,
        refs={"referral": draw.uuid()},
    )
    parts = [
        Part(
            category=Category.IDENTITY,
            recorded=AT,
            data={"name": "Ida Opdigtet", "warnings": ["safe_contact"]},
        ),
        Part(
            category=Category.OTHER_PERSONS,
            about=person,
            bans=(Ban.CRIMINAL_INVESTIGATION,),
            recorded=AT,
            data={"role": "perpetrator", "relation": "former_partner", "note": "æøå"},
        ),
    ]
    sealed, part_keys = build_message(TOWN, NGO, message_id, head, parts, entropy=draw)
    signed = message_signed(
        sealed, municipality=TOWN, recipient=NGO, epoch=1, sequence=7, message_id=message_id
    )
    envelope = HUB.numbered(TOWN, NGO, (1, 7), message_id, sealed)
    head_data = bound(b"tvaers-head-1", TOWN, NGO, message_id)
    part_data = bound(b"tvaers-part-1", TOWN, NGO, message_id)
    return {
        "municipality": TOWN,
        "recipient": NGO,
        "message_id": str(message_id),
        "keys": [key.hex() for key in part_keys],
        "associated_data": [head_data.hex(), *((part_data + bytes([0, n])).hex() for n in (1, 2))],
        "head": json.loads(head.model_dump_json(exclude={"parts"})),
        "parts": [json.loads(part.model_dump_json()) for part in parts],
        "epoch": 1,
        "sequence": 7,
        "signed": signed.hex(),
        "headers": {name: value.decode() for name, value in to_headers(envelope)},
        "json": to_json(envelope),
    }


def controls() -> list[Json]:
    """Control messages of each kind that changes something, and a large one."""
    draw = Stream("controls")
    thread = draw.uuid()
    told: list[Control] = [
        Revoked(thread=thread, messages=(draw.uuid(),), parts={draw.uuid(): (1, 3)}, answer_by=AT),
        Revoked(thread=thread, messages=tuple(draw.uuid() for _ in range(150)), answer_by=AT),
        Blank(),
        Heartbeat(at=AT),
    ]
    found = []
    for control in told:
        message_id = draw.uuid()
        sealed = seal_control(TOWN, NGO, message_id, control, PARTNER.public.sealing)
        found.append(
            {
                "municipality": TOWN,
                "recipient": NGO,
                "message_id": str(message_id),
                "info": bound(b"tvaers-control-1", TOWN, NGO, message_id).hex(),
                "control": json.loads(control.model_dump_json(exclude_none=True)),
                "value": base64.b64encode(sealed).decode(),
            }
        )
    return found


def inbound() -> Json:
    """An answer from the partner, sealed to the hub and signed."""
    draw = Stream("inbound")
    message_id = draw.uuid()
    answer = ReferralAnswer(
        thread=draw.uuid(),
        referral=draw.uuid(),
        status=ReferralStatus.REJECTED,
        reason=RejectionReason.NO_CAPACITY,
        by=Person(person="m-17", name="Mona Opdigtet"),
        at=AT,
    )
    told = Inbound.of(answer)
    envelope = PARTNER.send(TOWN, NGO, message_id, told, HUB.public)
    signed = inbound_signed(envelope.value, municipality=TOWN, partner=NGO, message_id=message_id)
    return {
        "municipality": TOWN,
        "partner": NGO,
        "message_id": str(message_id),
        "info": bound(b"tvaers-inbound-1", TOWN, NGO, message_id).hex(),
        "plaintext": json.loads(told.model_dump_json()),
        "signed": signed.hex(),
        "headers": {name: value.decode() for name, value in to_headers(envelope)},
        "json": to_json(envelope),
    }


def refusals(made: Json) -> list[Json]:
    """Envelopes that must be refused, by the header that is wrong."""
    good: Json = made["json"]
    wrong = {
        "content-type": "application/json",
        "ce_specversion": "0.3",
        "ce_type": "dk.tvaers.referral.v1",
        "ce_id": good["ce_id"].upper(),
        "ce_source": f"urn:tvaers:{TOWN}:{NGO}",
        "ce_epoch": "0",
        "ce_sequence": "07",
        "ce_signature": good["ce_signature"] + "==",
        "value": good["value"].rstrip("=") + "*",
    }
    slight = {key: value for key, value in good.items() if key != "value"}
    changed = [
        {"why": f"{name} is wrong", "names": name, "json": {**slight, "value": "AAAA", name: value}}
        for name, value in wrong.items()
    ]
    missing = [
        {
            "why": f"{name} is missing",
            "names": name,
            "json": {k: v for k, v in {**slight, "value": "AAAA"}.items() if k != name},
        }
        for name in good
    ]
    return [*changed, *missing]


# --- HPKE, step by step ----------------------------------------------------------------------------


def hpke() -> Json:
    """The sealing of a control message with a fixed ephemeral key, with what comes out of every step."""
    draw = Stream("hpke")
    message_id = draw.uuid()
    control = Revoked(thread=draw.uuid(), messages=(draw.uuid(),), answer_by=AT)
    info = bound(b"tvaers-control-1", TOWN, NGO, message_id)
    plain = control.model_dump_json(exclude_none=True).encode()
    steps, value = sealed_in_steps(plain, info, PARTNER.public.sealing, draw(32))
    return {
        "municipality": TOWN,
        "recipient": NGO,
        "message_id": str(message_id),
        "recipient_private": PARTNER.sealing.private_bytes_raw().hex(),
        "recipient_public": PARTNER.public.sealing.hex(),
        "info": info.hex(),
        "plaintext": plain.decode(),
        "steps": steps,
        "value": base64.b64encode(value).decode(),
    }


def sealed_in_steps(plain: bytes, info: bytes, public: bytes, private: bytes) -> tuple[Json, bytes]:
    """RFC 9180 base mode, written out: every step by name, and the sealed bytes."""
    kem, suite = b"KEM" + _KEM, b"HPKE" + _KEM + _KDF + _AEAD
    ephemeral = X25519PrivateKey.from_private_bytes(private)
    enc = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    eae_prk = _extract(kem, b"", b"eae_prk", shared)
    secret = _expand(kem, eae_prk, b"shared_secret", enc + public, 32)
    psk_id_hash = _extract(suite, b"", b"psk_id_hash", b"")
    info_hash = _extract(suite, b"", b"info_hash", info)
    context = b"\x00" + psk_id_hash + info_hash
    scheduled = _extract(suite, secret, b"secret", b"")
    key = _expand(suite, scheduled, b"key", context, 32)
    nonce = _expand(suite, scheduled, b"base_nonce", context, 12)
    room = size_class(len(plain) + HPKE_OVERHEAD) - HPKE_OVERHEAD
    value = enc + AESGCM(key).encrypt(nonce, plain.ljust(room), b"")
    steps = {
        "ephemeral_private": private,
        "enc": enc,
        "dh": shared,
        "eae_prk": eae_prk,
        "shared_secret": secret,
        "psk_id_hash": psk_id_hash,
        "info_hash": info_hash,
        "key_schedule_context": context,
        "secret": scheduled,
        "key": key,
        "base_nonce": nonce,
    }
    return {name: step.hex() for name, step in steps.items()}, value


_KEM: Final = (0x0020).to_bytes(2, "big")
_KDF: Final = (0x0001).to_bytes(2, "big")
_AEAD: Final = (0x0002).to_bytes(2, "big")


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    """`LabeledExtract`."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def _expand(suite: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """`LabeledExpand`, for at most 32 bytes: the first block of HKDF is enough."""
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(secret, labelled + b"\x01", "sha256")[:length]


def _sealed_in(told: Inbound, message_id: UUID, draw: Stream) -> Envelope:
    """An inbound message whose sender's ephemeral key is drawn from a seed."""
    plain = json.dumps({"type": told.type, "body": dict(told.body)}, ensure_ascii=False).encode()
    info = bound(b"tvaers-inbound-1", TOWN, NGO, message_id)
    _, value = sealed_in_steps(plain, info, HUB.public.sealing, draw(32))
    signed = inbound_signed(value, municipality=TOWN, partner=NGO, message_id=message_id)
    return Envelope(message_id, source(TOWN, NGO), sign(PARTNER.signing, signed), value)


# --- a revocation, from the hub's word to the answer ------------------------------------------------


def revocation() -> Json:
    """A revocation as it comes, opened; and the answer, from its plaintext to what is posted."""
    draw = Stream("revocation")
    message_id, answer_id = draw.uuid(), draw.uuid()
    revoked = UUID(message()["message_id"])
    control = Revoked(thread=UUID(message()["head"]["thread"]), messages=(revoked,), answer_by=AT)
    info = bound(b"tvaers-control-1", TOWN, NGO, message_id)
    plain = control.model_dump_json(exclude_none=True).encode()
    _, value = sealed_in_steps(plain, info, PARTNER.public.sealing, draw(32))
    answer = PurgeAnswer(revocation=message_id, thread=control.thread, outcome=PurgeOutcome.PURGED)
    told = Inbound.of(answer)
    return {
        "municipality": TOWN,
        "recipient": NGO,
        "message": to_json(HUB.numbered(TOWN, NGO, (1, 8), message_id, value)),
        "control": json.loads(plain),
        "answer": {
            "message_id": str(answer_id),
            "plaintext": json.loads(told.model_dump_json()),
            "posted": to_json(_sealed_in(told, answer_id, draw)),
        },
    }


# --- messages to report, and the HTTP exchange ------------------------------------------------------


def bad_messages(made: Json) -> list[Json]:
    """Messages with a good envelope that a reader reports, by the reason that it gives."""
    draw = Stream("bad messages")
    good: Json = made["json"]
    value, message_id = base64.b64decode(good["value"]), UUID(made["message_id"])

    def signed(number: tuple[int, int], sealed: bytes, by: Identity = HUB, to: str = NGO) -> Json:
        return to_json(by.numbered(TOWN, to, number, message_id, sealed))

    def control(plain: bytes) -> Json:
        info = bound(b"tvaers-control-1", TOWN, NGO, message_id)
        return signed((1, 7), sealed_in_steps(plain, info, PARTNER.public.sealing, draw(32))[1])

    altered, swapped = bytearray(value), bytearray(value)
    altered[20] ^= 1
    swapped[1024 + 20] ^= 1
    wrong = {
        "bad_signature": [
            ("a byte was altered on its way", {**good, "value": base64.b64encode(altered).decode()}),
            ("the number was altered on its way", {**good, "ce_sequence": "8"}),
            ("signed by somebody else", signed((1, 7), value, PARTNER)),
            ("signed for another recipient", signed((1, 7), value, to="mandecentret")),
            ("from another municipality", {**good, "ce_source": "urn:tvaers:odense"}),
        ],
        "tampered": [
            ("signed, and its head does not fit its key", signed((1, 7), bytes(altered))),
            ("signed, and its part 1 does not fit its key", signed((1, 7), bytes(swapped))),
        ],
        "unknown_kind": [("a control message of a newer version", control(b'{"control":"moved"}'))],
        "unreadable": [
            ("a revocation that names no thread", control(b'{"control":"revoked","messages":[]}')),
            ("a control message that is no JSON", control(b"revoked")),
        ],
    }
    return [
        {"why": why, "reason": reason, "json": envelope}
        for reason, cases in wrong.items()
        for why, envelope in cases
    ]


def http(made: Json) -> list[Json]:
    """What is said over HTTP about the message of `message.json`, from the pull to its parts."""
    keys = [base64.b64encode(bytes.fromhex(key)).decode() for key in made["keys"]]
    look = {"person": "m-17", "name": "Mona Opdigtet", "purpose": "referral", "taken_over": False}
    message_id = made["message_id"]
    return [
        {
            "ask": "GET /v1/messages?after=1.6&limit=100",
            "status": 200,
            "answer": {"messages": [made["json"]]},
        },
        {
            "ask": "POST /v1/messages/head-keys",
            "body": {"messages": [message_id], "rebuild": False},
            "status": 200,
            "answer": {"keys": {message_id: keys[0]}},
        },
        {
            "ask": f"POST /v1/messages/{message_id}/open",
            "body": look,
            "status": 200,
            "answer": {"keys": {str(number): key for number, key in enumerate(keys)}},
        },
    ]


# --- logging in -------------------------------------------------------------------------------------


def login() -> Json:
    """An assertion by the partner's signing key, and the form that carries it."""
    draw, endpoint = Stream("login"), "https://login.example/token"
    told = assertion(NGO, endpoint, PARTNER.signing, now=AT, jti=str(draw.uuid()))
    header, claims, signature = told.split(".")
    return {
        "endpoint": endpoint,
        "header": json.loads(from_base64url(header)),
        "claims": json.loads(from_base64url(claims)),
        "signed": f"{header}.{claims}",
        "signature": signature,
        "form": {
            "grant_type": "client_credentials",
            "client_id": NGO,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": told,
        },
    }


def from_base64url(text: str) -> bytes:
    """Without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main() -> None:
    """Write every file."""
    folder = Path(__file__).parent
    made = message()
    files = {
        "keys": keys(),
        "message": made,
        "refusals": refusals(made),
        "hpke": hpke(),
        "revocation": revocation(),
        "bad_messages": bad_messages(made),
        "http": http(made),
        "login": login(),
    }
    for name, drawn in (("controls", controls), ("inbound", inbound)):
        if not (folder / f"{name}.json").exists():
            files[name] = drawn()
    for name, content in files.items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
