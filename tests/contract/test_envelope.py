"""Sealing, envelopes and key files beyond the vectors: sizes, strictness, newer versions, what errors say."""

import base64
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.client.errors import (
    BadMessage,
    BadSignature,
    SealedForSomeoneElse,
    Tampered,
    UnknownKind,
    Unreadable,
)
from contracts.client.keys import Identity
from contracts.client.sealed import (
    MESSAGE_BYTES_MAX,
    bound,
    build_message,
    open_control,
    open_head,
    open_inbound,
    open_part,
    seal_control,
    seal_inbound,
    size_class,
)
from contracts.envelope import BadEnvelope, Envelope, from_headers, from_json, source, to_headers, to_json
from contracts.inbound_v1 import (
    Inbound,
    Person,
    Problem,
    ProblemReason,
    PurgeAnswer,
    PurgeOutcome,
    ReferralAnswer,
    RetentionBasis,
)
from contracts.message_v1 import Blank, Head, Part, Receipt, ReceiptStatus, Revoked
from contracts.terms import Category, MessageKind, ReferralStatus, Urgency

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECRET = "Birkevej 7"
TOWN, NGO = "eksempel", "lyspunktet"
HEAD = Head(kind=MessageKind.CASE_OPENED, thread=uuid4(), urgency=Urgency.ROUTINE, recorded=NOW)


def part(text: str = "x", category: Category = Category.INCIDENT) -> Part:
    """Make a part that says something."""
    return Part(category=category, recorded=NOW, data={"text": text})


@given(st.lists(st.integers(0, 9_000), max_size=8), st.uuids())
def test_whatever_is_sealed_opens_again_and_only_its_size_class_shows(
    lengths: list[int], message_id: UUID
) -> None:
    """Any number of parts of any length; the whole is 4,096 × 2^n."""
    parts = [part("æ" * length) for length in lengths]
    sealed, keys = build_message(TOWN, NGO, message_id, HEAD, parts)
    assert len(sealed) == size_class(len(sealed))
    assert len({*keys}) == len(parts) + 1
    head = open_head(sealed, keys[0], TOWN, NGO, message_id)
    assert head.model_copy(update={"parts": ()}) == HEAD
    found = [open_part(sealed, head, n, keys[n], TOWN, NGO, message_id) for n in range(1, len(parts) + 1)]
    assert found == parts


def test_the_padding_is_random_and_two_seals_share_nothing() -> None:
    """Neither keys nor bytes repeat; where a message ends can't be seen."""
    message_id = uuid4()
    (one, keys), (two, others) = (build_message(TOWN, NGO, message_id, HEAD, [part()]) for _ in range(2))
    assert not {*keys} & {*others}
    same = sum(a == b for a, b in zip(one, two, strict=True))
    assert same < len(one) * 0.02
    assert max(one[2048:].count(byte) for byte in range(256)) < 60


def test_what_does_not_fit_is_refused_before_it_is_sealed() -> None:
    """More than the largest size class, or more parts than a head can list."""
    with pytest.raises(ValueError, match="at most"):
        build_message(TOWN, NGO, uuid4(), HEAD, [part("x" * MESSAGE_BYTES_MAX)])
    with pytest.raises(ValueError, match="head"):
        build_message(TOWN, NGO, uuid4(), HEAD, [part()] * 400)
    inbound = Inbound.report({"narrative": "x" * MESSAGE_BYTES_MAX})
    with pytest.raises(ValueError, match="at most"):
        seal_inbound(TOWN, NGO, uuid4(), inbound, Identity.new().public.sealing)


def test_a_control_message_and_data_look_alike() -> None:
    """Same length, no byte in a fixed place; the reader's own key tells them apart."""
    me, message_id = Identity.new(), uuid4()
    control = seal_control(TOWN, NGO, message_id, Blank(), me.public.sealing)
    data, _ = build_message(TOWN, NGO, message_id, HEAD, [part()])
    assert len(control) == len(data) == 4096
    assert open_control(control, me.sealing, TOWN, NGO, message_id) == Blank()
    with pytest.raises(SealedForSomeoneElse):
        open_control(data, me.sealing, TOWN, NGO, message_id)


@pytest.mark.parametrize("junk", [b"", b"x", bytes(48), bytes(4096), os.urandom(4096)])
def test_junk_is_a_bad_message_and_nothing_else(junk: bytes) -> None:
    """Whatever the length: one kind of error, so that no reader stops at it."""
    me = Identity.new()
    with pytest.raises(SealedForSomeoneElse):
        open_control(junk, me.sealing, TOWN, NGO, uuid4())
    with pytest.raises(SealedForSomeoneElse):
        open_inbound(junk, me.sealing, TOWN, NGO, uuid4())
    for key in (bytes(32), b"short"):
        with pytest.raises(Tampered):
            open_head(junk, key, TOWN, NGO, uuid4())


def sealed_control(told: Any, me: Identity, message_id: UUID) -> bytes:
    """Seal a control message that the models would not make."""
    from contracts.client import sealed

    info = bound(b"tvaers-control-1", TOWN, NGO, message_id)
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return sealed._hpke_seal(raw, me.public.sealing, info)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"control": "praised", "thread": SECRET}, UnknownKind),
        ({"control": "receipt", "status": SECRET}, Unreadable),
        ({"control": "revoked", "thread": SECRET}, Unreadable),
        ({"no": "control"}, Unreadable),
        ([SECRET], Unreadable),
        (b"{" + SECRET.encode(), Unreadable),
        (b"\xff\xfe", Unreadable),
    ],
)
def test_what_opens_but_is_not_in_the_contract(told: Any, error: type[BadMessage]) -> None:
    """A newer word is told apart from nonsense, and neither error repeats what was inside."""
    me, message_id = Identity.new(), uuid4()
    value = sealed_control(told, me, message_id)
    with pytest.raises(error) as raised:
        open_control(value, me.sealing, TOWN, NGO, message_id)
    assert type(raised.value) is error
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


def test_fields_of_a_newer_version_are_ignored_and_a_newer_kind_is_named() -> None:
    """An old reader goes on; it never guesses."""
    me, message_id = Identity.new(), uuid4()
    newer = {"control": "blank", "why": "new in 1.1"}
    assert open_control(sealed_control(newer, me, message_id), me.sealing, TOWN, NGO, message_id) == Blank()
    odd = HEAD.model_copy(update={"kind": "case_celebrated"})
    with pytest.warns(UserWarning, match="serialized"):
        sealed, keys = build_message(TOWN, NGO, message_id, odd, [])
    with pytest.raises(UnknownKind, match="kind"):
        open_head(sealed, keys[0], TOWN, NGO, message_id)


def test_a_head_that_claims_too_much_is_unreadable() -> None:
    """Lengths beyond the message, parts that are not there."""
    message_id = uuid4()
    sealed, keys = build_message(TOWN, NGO, message_id, HEAD, [part("x" * 3000)])
    head = open_head(sealed, keys[0], TOWN, NGO, message_id)
    for number in (0, -1, 2):
        with pytest.raises(Unreadable):
            open_part(sealed, head, number, keys[1], TOWN, NGO, message_id)
    with pytest.raises(Tampered):
        open_part(sealed[:2000], head, 1, keys[1], TOWN, NGO, message_id)
    with pytest.raises(Unreadable, match="parts"):
        open_head(sealed[:2000], keys[0], TOWN, NGO, message_id)


envelopes = st.builds(
    Envelope,
    message_id=st.uuids(),
    source=st.just(source(TOWN)),
    signature=st.binary(min_size=64, max_size=64),
    value=st.binary(max_size=200),
    epoch=st.integers(1, 2**63 - 1),
    sequence=st.integers(1, 2**63 - 1),
)


@given(envelopes)
def test_an_envelope_comes_back_from_headers_and_json(envelope: Envelope) -> None:
    """Both forms say the same, and JSON survives being text."""
    assert from_headers(to_headers(envelope), envelope.value) == envelope
    assert from_json(json.loads(json.dumps(to_json(envelope)))) == envelope
    assert envelope.number == (envelope.epoch, envelope.sequence)


def test_an_inbound_envelope_has_no_number() -> None:
    """A partner can't pretend to number, and the hub can't forget to."""
    me = Identity.new()
    envelope = me.send(TOWN, NGO, uuid4(), Inbound.report({}), Identity.new().public)
    assert envelope.source == "urn:tvaers:eksempel:lyspunktet"
    assert from_headers(to_headers(envelope), envelope.value) == envelope
    with pytest.raises(BadEnvelope, match="ce_sequence"):
        _ = envelope.number
    numbered = {**to_json(envelope), "ce_epoch": "1", "ce_sequence": "1"}
    with pytest.raises(BadEnvelope, match="ce_source"):
        from_json(numbered)
    with pytest.raises(BadEnvelope, match="ce_epoch"):
        from_json({**to_json(envelope), "ce_epoch": "1"})
    with pytest.raises(ValueError, match="slug"):
        source("Århus")


def test_headers_are_read_strictly_but_others_may_add_theirs() -> None:
    """A tracer's header is let through; ours twice, or not in ASCII, is not."""
    envelope = Identity.new().numbered(TOWN, NGO, (1, 1), uuid4(), b"x")
    headers = to_headers(envelope)
    assert from_headers([*headers, ("traceparent", b"00-\xff")], b"x") == envelope
    for bad in ([*headers, ("ce_id", b"1")], [("ce_id", b"\xff"), *headers[1:]], headers[:-1], []):
        with pytest.raises(BadEnvelope):
            from_headers(bad, b"x")
    for name in ("ce_id", "value"):
        with pytest.raises(BadEnvelope, match=name):
            from_json({**to_json(envelope), name: 7})
    # The last character of a signature carries bits that don't count: only one of the spellings is let in.
    last = to_json(envelope)["ce_signature"]
    other = last[:-1] + chr(ord(last[-1]) + 1)
    if base64.urlsafe_b64decode(other + "==") == envelope.signature:
        with pytest.raises(BadEnvelope, match="ce_signature"):
            from_json({**to_json(envelope), "ce_signature": other})


def test_the_hub_signs_for_one_reader() -> None:
    """Another reader, another municipality's hub, another key: no."""
    hub, envelope_id = Identity.new(), uuid4()
    envelope = hub.numbered(TOWN, NGO, (1, 1), envelope_id, b"sealed")
    hub.public.verify(TOWN, NGO, envelope)
    for town, reader, keys in (
        (TOWN, "mandecentret", hub.public),
        ("odense", NGO, hub.public),
        (TOWN, NGO, Identity.new().public),
    ):
        with pytest.raises(BadSignature):
            keys.verify(town, reader, envelope)


def test_key_files_are_their_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    """0600 in a folder 0700; what others may read is not used; other kinds of key are refused."""
    me, folder = Identity.new(), tmp_path / "keys"
    me.save(folder)
    assert Identity.load(folder).public == me.public
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    with pytest.raises(FileExistsError):
        Identity.new().save(folder)
    assert Identity.load(folder).public == me.public
    (folder / "signing.pem").chmod(0o640)
    with pytest.raises(PermissionError, match=r"signing\.pem"):
        Identity.load(folder)
    (folder / "signing.pem").chmod(0o600)
    (folder / "signing.pem").write_bytes((folder / "sealing.pem").read_bytes())
    with pytest.raises(TypeError, match="Ed25519"):
        Identity.load(folder)
    assert "PRIVATE" not in repr(me)


ANSWER = {
    "thread": uuid4(),
    "referral": uuid4(),
    "status": ReferralStatus.ACCEPTED,
    "by": Person(person="m-17", name="Mona Opdigtet"),
    "at": NOW,
}


def test_answers_come_back_as_they_were() -> None:
    """Each kind, through sealing; what prints of them is no name."""
    hub, me = Identity.new(), Identity.new()
    for answer in (
        ReferralAnswer(**ANSWER),
        PurgeAnswer(revocation=uuid4(), thread=uuid4(), outcome=PurgeOutcome.PURGED),
        PurgeAnswer(
            revocation=uuid4(),
            thread=uuid4(),
            outcome=PurgeOutcome.RETAINED,
            basis=RetentionBasis.HEALTH_RECORD,
            reason="journal",
        ),
        Problem(message_id=uuid4(), reason=ProblemReason.TAMPERED),
    ):
        envelope = me.send(TOWN, NGO, uuid4(), Inbound.of(answer), hub.public)
        found = hub.receive(TOWN, NGO, envelope, me.public)
        assert found.answer() == answer
        assert "Mona" not in f"{found!r} {answer!s} {found.answer()!r}"
    report = hub.receive(
        TOWN, NGO, me.send(TOWN, NGO, uuid4(), Inbound.report({"a": 1}), hub.public), me.public
    )
    assert report.body == {"a": 1}
    with pytest.raises(ValueError, match="own contract"):
        report.answer()


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "cancelled"},
        {"status": "requested"},
        {"status": "rejected"},
        {"reason": "no_capacity"},
        {"status": "rejected", "reason": SECRET},
    ],
)
def test_an_answer_that_nobody_may_give_is_refused(wrong: dict[str, Any]) -> None:
    """Only the municipality requests and cancels; a no has a reason from the list, and nothing else has."""
    with pytest.raises(ValidationError) as refused:
        ReferralAnswer(**{**ANSWER, **wrong})
    assert SECRET not in str(refused.value)
    with pytest.raises(ValidationError):
        PurgeAnswer(revocation=uuid4(), thread=uuid4(), outcome=PurgeOutcome.RETAINED)


def test_control_messages_say_what_the_models_say() -> None:
    """A receipt repeats the reporter's id; a revocation lists whole messages and parts, and may be long."""
    me, message_id = Identity.new(), uuid4()
    receipt = Receipt(
        report_id=uuid4(), number="SR-7", status=ReceiptStatus.RECEIVED, at=NOW, on_call="+45 00"
    )
    revoked = Revoked(
        thread=uuid4(), messages=tuple(uuid4() for _ in range(500)), parts={uuid4(): (1, 2)}, answer_by=NOW
    )
    for control, length in ((receipt, 4096), (revoked, 32768)):
        value = seal_control(TOWN, NGO, message_id, control, me.public.sealing)
        assert len(value) == length
        assert open_control(value, me.sealing, TOWN, NGO, message_id) == control
    with pytest.raises(ValidationError):
        Revoked(thread=uuid4(), parts={uuid4(): (0,)})
