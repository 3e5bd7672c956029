"""Receipts and looks: streams of one fact, sealed under the right key, saved as they are."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Transcoding

from contracts.terms import Category
from hub.aggregates.base import Actor, Lone
from hub.aggregates.disclosures import RefusalReason
from hub.aggregates.look import Looked, LookRecorded
from hub.aggregates.receipts import Delivered, Opened, Purged, Retained, Withheld
from hub.errors import Invalid
from tests.given import CASEWORKER, NOW, STREAM
from tests.unit.case_facts import made_up

CASE, MESSAGE, REVOCATION, PARTNER = (made_up(n) for n in range(1, 5))
SYSTEM = replace(CASEWORKER, person="havnen-system", role="system", organisation="havnen")
COMMON: dict[str, Any] = {"id": STREAM, "by": SYSTEM, "at": NOW}
OPENED: dict[str, Any] = {
    "case_id": CASE,
    "message_id": MESSAGE,
    "recipient": "havnen",
    "parts": (0, 1),
    "purpose": "Visitation",
    "taken_over": False,
}
FACTS: list[Lone] = [
    Delivered.record(sealed_under=PARTNER, recipient="havnen", messages=(MESSAGE,), rebuild=False, **COMMON),
    Opened.record(**OPENED, **COMMON),
    Withheld.record(
        case_id=CASE,
        message_id=MESSAGE,
        recipient="havnen",
        parts=(2,),
        categories=(Category.RISK,),
        reason=RefusalReason.NOT_IN_AGREEMENT,
        **COMMON,
    ),
    Purged.record(case_id=CASE, recipient="havnen", revocation=REVOCATION, **COMMON),
    Retained.record(
        case_id=CASE,
        recipient="havnen",
        revocation=REVOCATION,
        basis="health_record",
        reason="§ 21",
        **COMMON,
    ),
    LookRecorded.record(case_id=CASE, what="timeline", purpose="Samtale", **COMMON),
]


class _Actors(Transcoding):
    type, name = Actor, "actor"

    def encode(self, obj: Actor) -> list[str]:
        return [obj.person, obj.name, obj.role, obj.organisation]

    def decode(self, data: list[str]) -> Actor:
        return Actor(*data)


@pytest.mark.parametrize("lone", FACTS, ids=lambda f: type(f).__name__)
def test_a_fact_is_a_stream_of_its_own(lone: Lone) -> None:
    assert isinstance(lone, DomainEventProtocol)
    assert (lone.originator_id, lone.originator_version, lone.timestamp) == (STREAM, 1, NOW)
    assert (lone.by, lone.id, lone.pending_events) == (SYSTEM, STREAM, [lone])


@pytest.mark.parametrize("lone", FACTS, ids=lambda f: type(f).__name__)
def test_the_library_saves_it_as_it_is(lone: Lone) -> None:
    application: Application[UUID] = Application()
    application.mapper.transcoder.register(_Actors())  # type: ignore[attr-defined]
    application.save(lone)
    assert len(list(application.recorder.select_events(STREAM))) == 1


def test_each_is_sealed_under_its_case_and_a_batch_under_its_recipient() -> None:
    keys = [getattr(f, "case_id", None) or getattr(f, "sealed_under", None) for f in FACTS]
    assert keys == [PARTNER, CASE, CASE, CASE, CASE, CASE]


def test_a_batch_holds_at_least_one_message() -> None:
    with pytest.raises(Invalid, match=r"^messages: "):
        Delivered.record(sealed_under=PARTNER, recipient="havnen", messages=(), rebuild=True, **COMMON)


@pytest.mark.parametrize(("wrong", "field"), [({"parts": ()}, "parts"), ({"purpose": " "}, "purpose")])
def test_an_opening_says_what_and_why(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        Opened.record(**{**OPENED, **wrong}, **COMMON)
    assert refused.value.field == field


def test_who_retains_names_the_duty_by_its_code() -> None:
    with pytest.raises(Invalid) as refused:
        Retained.record(
            case_id=CASE,
            recipient="havnen",
            revocation=REVOCATION,
            basis="vi vil gerne",
            reason="",
            **COMMON,
        )
    assert refused.value.field == "basis"


@pytest.mark.parametrize(("wrong", "field"), [({"what": "everything"}, "what"), ({"purpose": ""}, "purpose")])
def test_a_look_is_at_something_known_and_has_a_purpose(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        LookRecorded.record(**{"case_id": CASE, "what": "case", "purpose": "Samtale", **wrong}, **COMMON)
    assert refused.value.field == field


def test_a_look_names_what_was_opened_and_fetched() -> None:
    seen = LookRecorded.record(
        case_id=CASE, what="could_kill", purpose="Aftale sted", fields=("address",), **COMMON
    )
    assert (seen.what, seen.fields, seen.messages) == (Looked.COULD_KILL, ("address",), ())
