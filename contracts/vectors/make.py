"""Makes the test vectors in this folder: `python -m contracts.vectors.make`.

Everything follows from fixed seeds but for HPKE, whose sender draws a key of its own: those vectors are for
opening. They are made once and kept; whoever makes them anew changes them for every partner.
"""

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.client.keys import Identity
from contracts.client.sealed import bound, build_message, seal_control
from contracts.client.signing import inbound_signed, message_signed
from contracts.envelope import to_headers, to_json
from contracts.inbound_v1 import Inbound, Person, ReferralAnswer
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


def main() -> None:
    """Write every file."""
    folder = Path(__file__).parent
    made = message()
    files = {
        "keys": keys(),
        "message": made,
        "controls": controls(),
        "inbound": inbound(),
        "refusals": refusals(made),
    }
    for name, content in files.items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
