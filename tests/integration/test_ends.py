"""Ends and deadlines as people give them: a day ends at midnight in Denmark, also where its clock changes."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from hub.adapters.http.access import Role
from hub.adapters.web.visitors import SESSION
from hub.aggregates.citizen_case.events import ConsentExpired, ConsentGiven
from hub.operating.working import fire_timers
from tests.support.api import Api, Caller, clock_now, pointers
from tests.world import NGO, UNIT, World

CONSENT = {
    "recipients": [NGO],
    "categories": ["incident", "referral"],
    "purpose": "Henvisning til samtaleforløb",
    "form": "oral",
    "given_at": "2026-11-01T12:00:00+01:00",
}


@pytest.fixture
def town(tmp_path: Path, store_url: str) -> Iterator[Api]:
    """Give the API over a municipality whose clock is near the real one."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        yield Api(world)


def consented(town: Api, ends_at: str) -> tuple[UUID, Caller, int]:
    case, tove = town.world.open_case(), town.login("tove", UNIT, Role.TOVHOLDER)
    answer = tove.post(f"/v1/cases/{case}/consents", {**CONSENT, "ends_at": ends_at})
    if answer.status_code != 201:
        assert pointers(answer) == ["/ends_at"]
    return case, tove, answer.status_code


@pytest.mark.parametrize(
    ("day", "ends"),
    [
        ("2027-03-28", "2027-03-28T22:00:00+00:00"),  # the clock is put forward: 23 hours
        ("2027-10-31", "2027-10-31T23:00:00+00:00"),  # and back: 25
        ("2027-01-15", "2027-01-15T23:00:00+00:00"),
    ],
)
def test_a_consent_until_a_day_lives_to_its_end_in_denmark_and_no_longer(
    town: Api, day: str, ends: str
) -> None:
    _, _, status = consented(town, day)
    assert status == 201
    (given,) = town.world.facts(ConsentGiven)
    assert given.ends_at == datetime.fromisoformat(ends)
    town.world.clock.now = given.ends_at - timedelta(seconds=1)
    fire_timers(town.world.parts)
    assert town.world.told(NGO)
    town.world.clock.move(timedelta(seconds=1))
    assert town.world.told(NGO) == []
    fire_timers(town.world.parts)
    assert len(town.world.facts(ConsentExpired)) == 1


@pytest.mark.parametrize("text", ["2027-02-30", "28.03.2027", "2027-03-28T12:00", "2027-03", "1"])
def test_what_is_no_day_and_no_moment_with_an_offset_is_refused(town: Api, text: str) -> None:
    assert consented(town, text)[2] == 422
    assert town.world.facts(ConsentGiven) == []


def test_a_deadline_may_be_a_day_too(town: Api) -> None:
    case, tove, _ = consented(town, "2027-03-28")
    asked = {"recipient": NGO, "offer": "samtaleforloeb", "answer_by": "2027-03-28"}
    assert tove.post(f"/v1/cases/{case}/referrals", asked).status_code == 201
    (message,) = [m for m in town.world.told(NGO) if m.head.kind == "referral_requested"]
    assert message.head.deadline == datetime.fromisoformat("2027-03-28T22:00:00+00:00")


@pytest.mark.parametrize(
    ("language", "last", "whole"),
    [("da", "til og med 28.03.2027", "kl. 00.00"), ("en", "through 28/03/2027", "at 00:00")],
)
def test_what_ends_with_a_day_is_shown_on_the_page_by_its_last_day(
    town: Api, language: str, last: str, whole: str
) -> None:
    """Consent, referral and its time to answer, here the standard one, and when contact is to be made."""
    case, tove, _ = consented(town, "2027-03-28")
    for answer_by in ({}, {"answer_by": "2027-03-28"}):
        asked = {"recipient": NGO, "offer": "samtaleforloeb", **answer_by}
        assert tove.post(f"/v1/cases/{case}/referrals", asked).status_code == 201
    town.world.decide_contact(case, datetime.fromisoformat("2027-03-28T22:00:00+00:00"))
    town.world.project()
    cookie = {"Cookie": f"{SESSION}={tove.token}"}
    shown = town.client.get(f"/cases/{case}?purpose=contact&lang={language}", headers=cookie).text
    assert shown.count(last) >= 5, "consent and referral in their tables, and all three on the timeline"
    assert whole not in shown
