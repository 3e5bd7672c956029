"""Contact, a no, an end: what is told, what ends, and what waits, on both stores."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from contracts.message_v1 import Revoked
from contracts.terms import Category, Escalation, MessageKind, ReferralStatus
from contracts.times import day_of
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.http.access import Role
from hub.adapters.web.visitors import SESSION
from hub.aggregates.citizen_case.children import waiting_notifications
from hub.aggregates.citizen_case.events import (
    AnonymousAdviceGiven,
    CaseEscalated,
    ChildNotificationDue,
    FollowUpEnded,
)
from hub.aggregates.citizen_case.terms import Channel, ContactOutcome, NotificationCause
from hub.aggregates.citizen_case.values import CaseState
from hub.days import end_of_day
from hub.operating.working import fire_timers
from tests.integration.test_corrupt_beside import damage
from tests.support.api import Api, Caller, clock_now, pointers
from tests.support.carrying import carried
from tests.world import CASEWORKER, CHILDLESS, NGO, SAME_WOMAN, TOVHOLDER, UNIT, World, at, elsewhere

HALF_A_YEAR = timedelta(days=180)


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality that keeps the unit's read models, at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        world.identities[UNIT].save(tmp_path / "hub" / "keys" / "recipients" / UNIT)
        yield world


def test_what_a_person_decided_leaves_the_inbox_and_comes_back_when_it_is_reopened(
    world: World, broker: EmbeddedBroker
) -> None:
    """Set aside, or her no: neither is lost, and looking at either changes nothing."""
    aside, declined, waits = (world.report() for _ in range(3))
    world.set_aside(aside)
    world.decline(declined)
    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(CASEWORKER)] == [waits]

    world.reopen(declined)
    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(CASEWORKER)] == [declined, waits]

    world.reopen(aside)
    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(CASEWORKER)] == [aside, declined, waits]


def test_a_no_heard_in_a_matched_inquiry_hides_it_from_nobody_when_the_match_was_wrong(
    world: World, broker: EmbeddedBroker
) -> None:
    """It was another woman's report: it waits again."""
    case, inquiry = world.open_case(), world.report()
    world.match(case, inquiry)
    world.decline(inquiry)
    world.unmatch(case, inquiry)
    carried(world, broker)
    assert [w.case_id for w in world.parts.queries.inbox(CASEWORKER)] == [inquiry]


def test_without_a_follow_up_a_closed_case_revokes_what_its_consents_told(world: World) -> None:
    """And tells nothing new: not that it is closed, nor what is recorded afterwards."""
    case = world.open_case()
    world.consent(case, categories=(Category.INCIDENT, Category.COORDINATION))
    told = [m.message_id for m in world.messages_of(NGO)]
    assert world.told(NGO)

    world.close_case(case)

    assert world.told(NGO) == []
    assert [m.message_id for m in world.messages_of(NGO)] == told
    (revoked,) = (c for c in world.controls_of(NGO) if isinstance(c, Revoked))
    assert list(revoked.messages) == told

    world.reopen(case)
    assert [m.message_id for m in world.messages_of(NGO)] == told


def test_under_a_follow_up_the_recipient_is_told_that_the_case_is_closed_and_may_go_on(world: World) -> None:
    """A referral that was named goes on, and what its offer answers is heard."""
    case = world.open_case()
    world.consent(case, categories=(Category.REFERRAL, Category.COORDINATION))
    referral = world.refer(case)
    world.parts.hub.answer_referral(
        world.command(at(NGO)), world.thread(case, NGO), referral, ReferralStatus.ACCEPTED, None
    )

    world.close_case(case, HALF_A_YEAR, [referral])

    last = world.told(NGO)[-1]
    assert last.head.kind is MessageKind.CASE_CLOSED
    assert [p.data for p in last.parts.values()] == [{"state": "closed"}]
    for status in (ReferralStatus.IN_PROGRESS, ReferralStatus.COMPLETED):
        world.parts.hub.answer_referral(
            world.command(at(NGO)), world.thread(case, NGO), referral, status, None
        )
    assert world.case(case).referrals[referral].status is ReferralStatus.COMPLETED


def test_at_the_end_of_the_follow_up_the_consents_end_and_what_they_told_is_revoked(world: World) -> None:
    """By the timer, once; a case that was reopened before is left alone."""
    case, again = world.open_case(CHILDLESS), world.open_case(CHILDLESS)
    for one in (case, again):
        world.consent(one, lasts=2 * HALF_A_YEAR)
        world.close_case(one, HALF_A_YEAR)
    world.reopen(again)
    told = len(world.messages_of(NGO))
    assert len(world.told(NGO)) == told

    world.clock.move(HALF_A_YEAR)
    assert fire_timers(world.parts) >= 1
    fire_timers(world.parts)
    assert [e.originator_id for e in world.facts(FollowUpEnded)] == [case]
    assert {t.head.thread for t in world.told(NGO)} == {world.thread(again, NGO)}
    assert len([c for c in world.controls_of(NGO) if isinstance(c, Revoked)]) == 1


def test_why_and_how_a_case_ended_is_told_to_the_owning_unit_alone(world: World) -> None:
    case = world.open_case()
    world.consent(case, categories=tuple(Category))
    world.close_case(case, HALF_A_YEAR)
    world.read_free_text(case, world.case(case).version)
    assert "conversation" not in str([p.data for t in world.told(NGO) for p in t.parts.values()])
    ours = [p.data for t in world.told(UNIT) for p in t.parts.values()]
    assert [d["conversation"] for d in ours if "conversation" in d] == ["held"]


def test_a_closed_case_stays_with_its_coordinator_and_is_reopened_by_api(world: World) -> None:
    api, case = Api(world), world.open_case()
    tove = api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    ending = {
        "reason": "goals_reached",
        "summary": "Målene i planen er nået",
        "conversation": "held",
        "safety_level": "raised",
        "keeps_safe": "yes",
        "knows_where_to_turn": "yes",
    }
    world.answer_for_children(case)
    assert tove.post(f"/v1/cases/{case}/closing", ending).status_code == 201
    assert world.case(case).state is CaseState.CLOSED
    assert tove.get(f"/v1/cases/{case}/timeline", "coordination").json()["state"] == "closed"
    assert inge.get(f"/v1/cases/{case}/timeline", "coordination").status_code == 404

    refused = tove.post(f"/v1/cases/{case}/closing", ending)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "state")

    again = {"reason": "new_danger", "text": "Han er tilbage i lejligheden"}
    assert tove.post(f"/v1/cases/{case}/reopening", again).status_code == 201
    assert world.case(case).state is CaseState.OPEN


def test_everybody_of_the_unit_hears_her_no(world: World) -> None:
    api, case = Api(world), world.open_case()
    said = {"stays_possible": ["later_yes", "anonymous_advice"], "words": "Ikke nu, måske senere"}
    for role in (Role.CASEWORKER, Role.TOVHOLDER, Role.PROGRAMME_LEAD):
        someone = api.login(f"en-{role}", UNIT, role)
        assert someone.post(f"/v1/cases/{case}/declining", said).status_code == 201


# --- contact ------------------------------------------------------------------------------------------


def test_how_contact_is_made_is_fetched_by_a_named_person_and_is_in_no_message(world: World) -> None:
    """Told to the owning unit alone is that it is decided, and by whom and when."""
    case = world.open_case()
    world.consent(case, categories=tuple(Category))
    told = len(world.told(NGO))
    world.contact(case, world.clock() + HALF_A_YEAR, handle="Kanariefugl 4711")
    assert len(world.told(NGO)) == told
    ours = world.told(UNIT)
    assert {t.head.kind for t in ours} >= {
        MessageKind.CONTACT_DECIDED,
        MessageKind.CONTACT_ATTEMPTED,
        MessageKind.INFORMATION_GIVEN,
    }
    assert "Kanariefugl 4711" not in str([p.data for t in ours for p in t.parts.values()])
    fetched = world.parts.queries.could_kill(TOVHOLDER, world.case(case), "contact")
    assert "Kanariefugl 4711" in str(fetched)


def test_a_contact_can_show_that_a_child_is_at_risk(world: World) -> None:
    case = world.report(CHILDLESS)
    world.parts.hub.attempt_contact(
        world.command(CASEWORKER),
        case,
        channel=Channel.VISIT,
        outcome=ContactOutcome.UNSAFE_TO_CONTINUE,
        attempted_at=world.clock(),
        text="Et barn græd derinde",
        child_at_risk=True,
    )
    (due,) = world.facts(ChildNotificationDue)
    assert (due.cause, due.entry) == (NotificationCause.CONTACT, world.case(case).version - 1)


def test_a_consent_left_unasked_tells_nothing_and_is_brought_up_again(world: World) -> None:
    """Neither yes nor no: the timer tells the unit once, and a yes answers the question."""
    case = world.open_case(CHILDLESS)
    review_at = world.clock() + timedelta(days=3)
    world.leave_unasked(case, review_at)
    world.assess(case)
    assert world.messages_of(NGO) == []
    assert fire_timers(world.parts) == 0

    world.clock.now = review_at
    assert fire_timers(world.parts) == 1
    (escalated,) = world.facts(CaseEscalated)
    assert (escalated.what, escalated.due) == (Escalation.CONSENT_QUESTION_REVIEW, review_at)
    fire_timers(world.parts)
    assert len(world.facts(CaseEscalated)) == 1

    world.consent(case)
    assert world.case(case).consent_question is None


def test_a_child_notification_that_nobody_answers_escalates_once_and_waits_on(world: World) -> None:
    case = world.report(SAME_WOMAN)
    (waiting,) = waiting_notifications(world.case(case))
    world.clock.now = waiting.deadline
    fire_timers(world.parts)
    fire_timers(world.parts)
    found = [e for e in world.facts(CaseEscalated) if e.of == waiting.due_id]
    assert [e.what for e in found] == [Escalation.CHILD_NOTIFICATION_UNANSWERED]
    assert len(waiting_notifications(world.case(case))) == 1


def not_made(world: World) -> list[CaseEscalated]:
    return [e for e in world.facts(CaseEscalated) if e.what is Escalation.CONTACT_NOT_MADE]


def tried(world: World, case: UUID, outcome: ContactOutcome, when: datetime | None = None) -> None:
    world.parts.hub.attempt_contact(
        world.command(CASEWORKER),
        case,
        channel=Channel.SMS,
        outcome=outcome,
        attempted_at=when or world.clock(),
        text="",
    )


def test_a_contact_that_is_not_made_by_its_last_day_in_denmark_is_told_to_the_unit_once(
    world: World,
) -> None:
    """Also after a restart; the tovholder sees it on the timeline and what is overdue on its page."""
    api, case = Api(world), world.open_case(CHILDLESS)
    world.consent(case, categories=tuple(Category))
    tove, day = api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER), day_of(world.clock()) + timedelta(days=2)
    decided = {
        "decision": "contact",
        "reason": "Hun bad om at blive ringet op",
        "person": "tove",
        "name": "Tove Tovholder",
        "before": day.isoformat(),
        "how": {"safe_contact": {"channel": "sms", "handle": "12 34 56 78"}},
    }
    assert tove.post(f"/v1/cases/{case}/contact", decided).status_code == 201
    tried(world, case, ContactOutcome.NOT_REACHED)
    told = len(world.stored(NGO))

    world.clock.now = end_of_day(day) - timedelta(seconds=1)
    fire_timers(world.parts)
    assert not_made(world) == [], "the day is not over in Denmark"
    world.clock.now = end_of_day(day)
    assert fire_timers(world.parts) == 1
    world.parts.app.store.timer_again(end_of_day(day), case)  # as if it had stopped before it was forgotten
    elsewhere(lambda: fire_timers(world.parts))
    fire_timers(world.parts)
    (escalated,) = not_made(world)
    assert (escalated.of, escalated.due) == (case, end_of_day(day))
    assert len(world.stored(NGO)) == told, "nobody but the owning unit is told"

    world.project()
    tove = api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)
    shown = tove.get(f"/v1/cases/{case}/timeline", "contact").json()["entries"]
    (entry,) = [e for e in shown if e["kind"] == "escalated"]
    assert entry["urgency"] == "urgent"
    assert [p["data"]["escalation"] for p in entry["parts"]] == ["contact_not_made"]
    words = "borgeren er ikke truffet inden for den frist"
    assert page_of(api, tove, case).count(words) == 2, "overdue, and on the timeline"

    tried(world, case, ContactOutcome.REACHED)
    assert page_of(api, tove, case).count(words) == 1, "it waits no more, and stays on the timeline"


def page_of(api: Api, caller: Caller, case: UUID) -> str:
    cookie = {"Cookie": f"{SESSION}={caller.token}"}
    return str(api.client.get(f"/cases/{case}?purpose=contact", headers=cookie).text)


def test_a_contact_that_is_made_or_decided_anew_escalates_not(world: World) -> None:
    made, anew = world.open_case(CHILDLESS), world.open_case(CHILDLESS)
    world.contact(made, world.clock() + timedelta(days=1))
    world.decide_contact(anew, world.clock() + timedelta(days=1))
    world.decide_contact(anew, world.clock() + timedelta(days=3))
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert not_made(world) == []
    world.clock.move(timedelta(days=2))
    fire_timers(world.parts)
    assert [e.of for e in not_made(world)] == [anew]


def test_a_contact_decided_on_in_an_inquiry_is_made_in_the_case_that_it_was_matched_to(world: World) -> None:
    made, left = world.open_case(CHILDLESS), world.open_case(CHILDLESS)
    inquiries = [world.report(CHILDLESS) for _ in range(2)]
    for case, inquiry in zip((made, left), inquiries, strict=True):
        world.decide_contact(inquiry, world.clock() + timedelta(days=1))
        world.match(case, inquiry)
    world.clock.move(timedelta(hours=1))
    tried(world, made, ContactOutcome.REACHED)
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert [e.of for e in not_made(world)] == [inquiries[1]]


def test_a_contact_waits_again_where_the_match_was_a_mistake(world: World) -> None:
    """Who was reached was another woman: the one whom nobody rang is not forgotten."""
    case, inquiry = world.open_case(CHILDLESS), world.report(CHILDLESS)
    world.decide_contact(inquiry, world.clock() + timedelta(days=1))
    world.match(case, inquiry)
    tried(world, case, ContactOutcome.REACHED)
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert not_made(world) == []
    world.unmatch(case, inquiry)
    fire_timers(world.parts)
    assert [e.of for e in not_made(world)] == [inquiry]


def test_what_was_decided_before_an_inquirys_contact_settles_it_not(world: World) -> None:
    case = world.open_case(CHILDLESS)
    world.decide_contact(case, world.clock() + timedelta(days=9))
    world.clock.move(timedelta(hours=1))
    inquiry = world.report(CHILDLESS)
    world.decide_contact(inquiry, world.clock() + timedelta(days=1))
    world.match(case, inquiry)
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert [e.of for e in not_made(world)] == [inquiry]


def test_a_contact_waits_for_nobody_where_the_case_that_it_was_matched_to_rests(world: World) -> None:
    """There, none can be recorded."""
    case, inquiry = world.open_case(CHILDLESS), world.report(CHILDLESS)
    world.decide_contact(inquiry, world.clock() + timedelta(days=1))
    world.match(case, inquiry)
    world.parts.hub.find_minor(world.command(TOVHOLDER), case)
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert not_made(world) == []


@pytest.mark.parametrize("spoken", ["a no", "a consent", "in the same minute"])
def test_whoever_was_spoken_with_was_reached(world: World, spoken: str) -> None:
    case = world.open_case(CHILDLESS)
    world.clock.move(timedelta(seconds=20))
    world.decide_contact(case, world.clock() + timedelta(days=1))
    world.clock.move(timedelta(seconds=10))
    if spoken == "a no":
        world.decline(case)
    elif spoken == "a consent":
        world.consent(case, [NGO], [Category.RISK])
    else:
        minute = world.clock().replace(second=0, microsecond=0)
        tried(world, case, ContactOutcome.REACHED, minute)
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert not_made(world) == []


def test_a_contact_of_an_inquiry_that_was_said_to_be_made_in_its_case_waits_again(world: World) -> None:
    """Also where another inquiry of the case is damaged, which stops no correction."""
    case, inquiry, other = world.open_case(CHILDLESS), world.report(CHILDLESS), world.report(CHILDLESS)
    world.decide_contact(inquiry, world.clock() + timedelta(days=1))
    for one in (inquiry, other):
        world.match(case, one)
    world.clock.move(timedelta(hours=1))
    tried(world, case, ContactOutcome.REACHED)
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert not_made(world) == []
    damage(world, other)
    world.correct(case, "outcome", {"outcome": "another_answered"})
    fire_timers(world.parts)
    assert [waited.what for waited in world.case(inquiry).escalated] == [Escalation.CONTACT_NOT_MADE]


def test_a_contact_that_was_said_to_be_made_by_mistake_is_not_made(world: World) -> None:
    """Found out after its last day, too: then it is told at once."""
    case = world.open_case(CHILDLESS)
    world.contact(case, world.clock() + timedelta(days=1))
    world.clock.move(timedelta(days=1))
    fire_timers(world.parts)
    assert not_made(world) == []
    world.correct(case, "outcome", {"outcome": "another_answered"})
    fire_timers(world.parts)
    assert [e.of for e in not_made(world)] == [case]


def test_what_waited_when_a_report_was_set_aside_waits_again_when_it_is_reopened(world: World) -> None:
    case = world.report(CHILDLESS)
    world.decide_contact(case, world.clock() + timedelta(days=1))
    world.set_aside(case)
    world.clock.move(timedelta(days=2))
    fire_timers(world.parts)
    assert not_made(world) == []
    world.reopen(case)
    fire_timers(world.parts)
    assert [e.of for e in not_made(world)] == [case]


def test_who_rings_without_a_name_is_asked_for_none(world: World) -> None:
    """A case that nothing says whom it is about, with a number to ring again with."""
    api = Api(world)
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    advice = {"channel": "phone_call", "topics": ["violence", "safety"]}
    done = inge.post("/v1/anonymous-advice", advice)
    assert done.status_code == 201
    case = UUID(done.json()["case"])
    (advised,) = world.facts(AnonymousAdviceGiven)
    assert done.json()["number"] == advised.number
    assert world.case(case).cpr_numbers == frozenset()
    assert [p.category for t in world.told(UNIT) for p in t.parts.values()] == [Category.COORDINATION]
    named = inge.post("/v1/anonymous-advice", {**advice, "name": "Maja Eksempelsen"})
    assert (named.status_code, pointers(named)) == (422, ["/name"])

    child = inge.post("/v1/anonymous-advice", {**advice, "child_at_risk": True})
    (due,) = world.facts(ChildNotificationDue)
    assert (str(due.originator_id), due.cause) == (child.json()["case"], NotificationCause.ADVICE)


def test_contact_is_decided_tried_and_left_unasked_by_api(world: World) -> None:
    api, case = Api(world), world.report()
    inge, now = api.login("inge", UNIT, Role.CASEWORKER), world.clock()
    decided = {
        "decision": "contact",
        "reason": "Hun bad om at blive ringet op",
        "person": "inge",
        "name": "Inge Indskriver",
        "before": (now + timedelta(hours=4)).isoformat(),
        "how": {"safe_contact": {"channel": "sms", "handle": "12 34 56 78"}, "meeting_place": "Biblioteket"},
    }
    assert inge.post(f"/v1/cases/{case}/contact", decided).status_code == 201
    half = inge.post(f"/v1/cases/{case}/contact", {**decided, "name": None})
    assert (half.status_code, pointers(half)) == (422, ["name"])
    tried = {"channel": "sms", "outcome": "not_reached", "attempted_at": now.isoformat()}
    assert inge.post(f"/v1/cases/{case}/contact-attempts", tried).status_code == 201
    told = {"topics": ["rights"], "told_at": now.isoformat()}
    assert inge.post(f"/v1/cases/{case}/information", told).status_code == 201
    review_at = (now + timedelta(days=3)).isoformat()
    unasked = {"reason": "contact_watched", "text": "Han læser med", "review_at": review_at}
    assert inge.post(f"/v1/cases/{case}/unasked-consent", unasked).status_code == 201
    shown = inge.get(f"/v1/cases/{case}/timeline", "contact").json()
    assert shown["unasked_consent"] == {"reason": "contact_watched", "review_at": review_at}
    assert "Biblioteket" not in str(shown)
    page = page_of(api, inge, case)
    assert "hverken et ja eller et nej" in page
    assert "kontakten overvåges" in page
    assert "underretningen venter på et svar" in page
