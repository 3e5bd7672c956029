"""The envelope: what stands in the clear around sealed bytes (BYTES.md section 2).

CloudEvents 1.0 in binary mode: as headers of a Kafka record, or under the same names in a JSON object over
HTTP, where the sealed bytes are `value` in base64. Nothing here can tell two kinds of message apart.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from uuid import UUID

from contracts.inbound_v1 import ProblemReason

CONTENT_TYPE: Final = "application/octet-stream"
SPEC_VERSION: Final = "1.0"
TYPE: Final = "dk.tvaers.message.v1"
SIGNATURE_BYTES: Final = 64
NUMBER_MAX: Final = 2**63 - 1
"""Sequences and epochs are u64 where they are signed; every store and language holds 63 bits."""
_SLUG: Final = re.compile(r"[a-z0-9-]{2,40}")
_SOURCE: Final = re.compile(rf"urn:tvaers:({_SLUG.pattern})(?::({_SLUG.pattern}))?")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_CONSTANT: Final = {"content-type": CONTENT_TYPE, "ce_specversion": SPEC_VERSION, "ce_type": TYPE}
_NUMBERED: Final = ("ce_epoch", "ce_sequence")
_KNOWN: Final = frozenset({*_CONSTANT, *_NUMBERED, "ce_id", "ce_source", "ce_signature"})


class BadMessage(Exception):
    """This message can't be used, now or later: put it aside, report it with `reason`, and go on."""

    slug: ClassVar[str] = "bad-message"
    reason: ClassVar[ProblemReason] = ProblemReason.UNREADABLE


class BadEnvelope(BadMessage):
    """The headers are not those of a message. The error names the header and never repeats its value."""

    slug = "bad-envelope"
    reason = ProblemReason.BAD_ENVELOPE


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message as it travels. Inbound messages have no number."""

    message_id: UUID
    source: str
    signature: bytes = field(repr=False)
    value: bytes = field(repr=False)
    epoch: int | None = None
    sequence: int | None = None

    @property
    def number(self) -> tuple[int, int]:
        """(epoch, sequence) of a message from the hub."""
        if self.epoch is None or self.sequence is None:
            raise BadEnvelope("ce_sequence: a message from the hub is numbered")
        return self.epoch, self.sequence


def source(municipality: str, partner: str | None = None) -> str:
    """The `ce_source` of the hub, or of a partner."""
    for slug in (municipality, partner):
        if slug is not None and not _SLUG.fullmatch(slug):
            raise ValueError("a slug is 2 to 40 of a-z, 0-9 and the hyphen")
    return f"urn:tvaers:{municipality}" + (f":{partner}" if partner else "")


def parties(envelope: Envelope) -> tuple[str, str | None]:
    """The municipality and, of an inbound message, the partner that `ce_source` claims."""
    found = _SOURCE.fullmatch(envelope.source)
    if found is None:
        raise BadEnvelope("ce_source: must be urn:tvaers:<municipality>, with :<partner> behind inbound")
    return found[1], found[2]


def to_headers(envelope: Envelope) -> tuple[tuple[str, bytes], ...]:
    """The headers of a Kafka record, whose value is `envelope.value` as it is."""
    return tuple((name, text.encode("ascii")) for name, text in _fields(envelope).items())


def from_headers(headers: Iterable[tuple[str, bytes]], value: bytes) -> Envelope:
    """The envelope of a Kafka record. Headers that others added are ignored; ours stand there once each."""
    fields: dict[str, str] = {}
    for name, raw in headers:
        if name not in _KNOWN:
            continue
        if name in fields:
            raise BadEnvelope(f"{name}: stands there twice")
        try:
            fields[name] = raw.decode("ascii")
        except (UnicodeDecodeError, AttributeError):
            raise BadEnvelope(f"{name}: must be ASCII text") from None
    return _envelope(fields, value)


def to_json(envelope: Envelope) -> dict[str, str]:
    """The JSON object that stands for the message over HTTP."""
    return {**_fields(envelope), "value": base64.b64encode(envelope.value).decode("ascii")}


def from_json(found: Mapping[str, Any]) -> Envelope:
    """The envelope from a JSON object."""
    for name in _KNOWN & found.keys() | {"value"}:
        if not isinstance(found.get(name), str):
            raise BadEnvelope(f"{name}: must be there, and a string")
    try:
        value = base64.b64decode(found["value"], validate=True)
    except (binascii.Error, ValueError):
        raise BadEnvelope("value: must be base64 with padding (RFC 4648 section 4)") from None
    return _envelope({name: found[name] for name in _KNOWN & found.keys()}, value)


def _fields(envelope: Envelope) -> dict[str, str]:
    numbers = {}
    if envelope.epoch is not None and envelope.sequence is not None:
        numbers = {"ce_epoch": str(envelope.epoch), "ce_sequence": str(envelope.sequence)}
    return {
        "content-type": CONTENT_TYPE,
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(envelope.message_id),
        "ce_source": envelope.source,
        "ce_type": TYPE,
        **numbers,
        "ce_signature": base64.urlsafe_b64encode(envelope.signature).rstrip(b"=").decode("ascii"),
    }


def _envelope(fields: Mapping[str, str], value: bytes) -> Envelope:
    for name, constant in _CONSTANT.items():
        if fields.get(name) != constant:
            raise BadEnvelope(f"{name}: must be {constant}")
    if missing := sorted({"ce_id", "ce_source", "ce_signature"} - fields.keys()):
        raise BadEnvelope(f"{missing[0]}: is missing")
    numbered = [name for name in _NUMBERED if name in fields]
    if len(numbered) == 1:
        raise BadEnvelope("ce_epoch, ce_sequence: both or none")
    envelope = Envelope(
        message_id=_id(fields["ce_id"]),
        source=fields["ce_source"],
        signature=_signature(fields["ce_signature"]),
        value=value,
        epoch=_number("ce_epoch", fields) if numbered else None,
        sequence=_number("ce_sequence", fields) if numbered else None,
    )
    if (parties(envelope)[1] is None) != bool(numbered):
        raise BadEnvelope("ce_source: the hub's messages are numbered, a partner's are not")
    return envelope


def _id(text: str) -> UUID:
    try:
        found = UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text:
        raise BadEnvelope("ce_id: must be a UUID in lower case, written 8-4-4-4-12")
    return found


def _number(name: str, fields: Mapping[str, str]) -> int:
    text = fields[name]
    if not _NUMBER.fullmatch(text) or int(text) > NUMBER_MAX:
        raise BadEnvelope(f"{name}: must be decimal, 1 to 2^63 - 1, no sign, no zeros in front")
    return int(text)


def _signature(text: str) -> bytes:
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        found = b""
    # The last characters hold bits that decoding drops; only the one canonical form is let through.
    if len(found) != SIGNATURE_BYTES or base64.urlsafe_b64encode(found).rstrip(b"=").decode() != text:
        raise BadEnvelope("ce_signature: must be 64 bytes in base64url without padding")
    return found
