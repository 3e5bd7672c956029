"""What a partner may get wrong in what it hands over: each is refused by its field, nothing is repeated, and
nothing stands afterwards. On both stores."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts import times
from contracts.envelope import to_json
from contracts.inbound_v1 import Inbound, Person, ReferralAnswer
from contracts.terms import Category, ReferralStatus
from hub.aggregates import guards
from hub.aggregates.citizen_case.values import ConsentForm
from tests.integration.test_problems import Desk, _sealed, _sent, desk, moves, nothing_moves, refused
from tests.support.api import pointers, slug_of
from tests.support.social_reports import example, put
from tests.world import NGO, POLICE, TOVHOLDER

__all__ = ["desk", "moves", "nothing_moves"]


def reported(desk: Desk, **changed: Any) -> Any:
    """The police hand over the example with changes; `persons.0.cpr` is written `persons__0__cpr`."""
    report = {**example(), "report_id": str(uuid4())}
    for path, value in changed.items():
        put(report, path.replace("__", "."), value)
    return desk.police.post("/v1/social-reports", report)


CPR = {
    "a letter": "74039120O6",
    "nine digits": "740391200",
    "eleven digits": "74039120061",
    "a space": "7403912006 ",
    "no such month": "0113912006",
    "no such day": "3202912006",
    "29 February of no leap year": "2902912006",
    "nothing": "",
    "other digits": "٧٤٠٣٩١٢٠٠٦",
    "a number": 7403912006,
}


@pytest.mark.parametrize("why", CPR)
def test_a_cpr_number_that_is_none(desk: Desk, why: str) -> None:
    """Ten digits with a possible date; the number itself is in no answer."""
    answer = reported(desk, persons__0__cpr=CPR[why])
    refused(desk, answer, 422, "invalid", "/persons/0/cpr")
    assert str(CPR[why]) not in answer.text or not CPR[why]


TIMES = {
    "no such day": "2026-02-30T01:00:00+01:00",
    "no such hour": "2026-11-22T25:00:00+01:00",
    "no offset": "2026-11-22T01:00:00",
    "a day alone": "2026-11-22",
    "words": "i går aftes",
    "seconds since 1970": 1764000000,
    "before anybody who lives": "0001-01-01T00:00:00Z",
    "in the year 9999": "9999-12-31T23:59:59Z",
    "an offset that is none": "2026-11-22T01:00:00+99:00",
}


@pytest.mark.parametrize("why", TIMES)
@pytest.mark.parametrize("field", ["told_at", "happened.at"])
def test_a_time_that_is_none(desk: Desk, field: str, why: str) -> None:
    """Named by its field, whatever it was meant to be."""
    answer = reported(desk, **{field.replace(".", "__"): TIMES[why]})
    assert (answer.status_code, slug_of(answer)) == (422, "invalid"), answer.text
    assert any(field.split(".", maxsplit=1)[0] in pointer for pointer in pointers(answer)), answer.text


def ahead(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def test_what_was_told_in_the_future(desk: Desk) -> None:
    """More than a quarter of an hour ahead, for clocks differ."""
    refused(desk, reported(desk, told_at=ahead(20)), 422, "invalid", "/told_at")


def test_a_reporters_program_and_the_hub_mean_the_same_quarter_of_an_hour() -> None:
    """What it takes is not refused when it is delivered."""
    assert guards.CLOCKS_DIFFER == times.CLOCKS_DIFFER


def test_clocks_may_differ_by_a_quarter_of_an_hour(desk: Desk, moves: None) -> None:
    """An officer's clock that is a little fast keeps no report out."""
    assert reported(desk, told_at=ahead(10)).status_code == 202


def test_a_report_from_the_future_is_refused_by_topic_too(desk: Desk) -> None:
    """By the same rule."""
    report = Inbound.report({**example(), "report_id": str(uuid4()), "told_at": ahead(20)})
    answer = desk.police.post("/v1/inbound", to_json(_sent(desk, POLICE, report)))
    refused(desk, answer, 422, "invalid", "/told_at")


def answered(desk: Desk, referral: UUID, status: ReferralStatus) -> Any:
    """The NGO answers, sealed and signed."""
    said = ReferralAnswer(
        thread=desk.world.thread(desk.case, NGO),
        referral=referral,
        status=status,
        by=Person(person="anna", name="Anna Ansat"),
        at=desk.world.clock(),
    )
    plain = json.dumps({"type": "referral_answer", "body": said.model_dump(mode="json")}).encode()
    return desk.ngo.post("/v1/inbound", to_json(_sealed(desk, NGO, plain)))


def test_answers_out_of_order_are_refused_and_in_order_are_taken(desk: Desk, moves: None) -> None:
    """Completed before it was accepted; accepted after it was completed."""
    world, now = desk.world, desk.world.clock()
    world.parts.hub.give_consent(
        world.command(TOVHOLDER),
        desk.case,
        recipients=[NGO],
        categories=[Category.IDENTITY, Category.REFERRAL],
        purpose="Henvisning",
        form=ConsentForm.ORAL,
        given_at=now - timedelta(minutes=5),
        ends_at=now + timedelta(days=90),
    )
    referral = world.refer(desk.case)
    for early in (ReferralStatus.COMPLETED, ReferralStatus.IN_PROGRESS):
        before = desk.state()
        refused(desk, answered(desk, referral, early), 409, "illegal-transition", "status")
        assert desk.state() == before
    for step in (ReferralStatus.ACCEPTED, ReferralStatus.IN_PROGRESS, ReferralStatus.COMPLETED):
        assert answered(desk, referral, step).status_code == 202, step
    before = desk.state()
    refused(desk, answered(desk, referral, ReferralStatus.ACCEPTED), 409, "illegal-transition", "status")
    assert desk.state() == before
