"""A citizen asks to be forgotten: refused under a rule, or erased everywhere (domain rule 8)."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest

from contracts.message_v1 import Erased, Receipt, ReceiptStatus, Revoked
from contracts.terms import Category, Escalation
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import CaseEscalated, ErasureGranted, ErasureRefused
from hub.aggregates.citizen_case.forgetting import ANSWER_WITHIN
from hub.aggregates.citizen_case.terms import ErasureGround, KeepingRule
from hub.aggregates.receipts import ErasedOnRequest
from hub.aggregates.sealing import could_kill_key
from hub.errors import Conflict, IllegalTransition, Missing
from hub.operating.working import fire_timers
from tests.support.api import Api, Caller, clock_now, pointers
from tests.support.social_reports import REPORTS
from tests.world import (
    CASEWORKER,
    HOSPITAL,
    NGO,
    NIGHT,
    POLICE,
    SAME_WOMAN,
    TOVHOLDER,
    UNIT,
    World,
    at,
    is_blank,
)

C = Category
LEAD = Actor("lise", "Lise Leder", "programme_lead", UNIT)


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Give a municipality at the time of the test."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        yield world


@pytest.fixture
def case(world: World) -> UUID:
    """Give an open case that an NGO was told of, with another report matched to it and nobody waiting."""
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.consent(case, [NGO], [C.INCIDENT, C.IDENTITY])
    world.answer_for_children(case)
    return case


def ask(world: World, case: UUID) -> UUID:
    answer = world.parts.hub.request_erasure(world.command(CASEWORKER), case, world.clock())
    return UUID(answer.ids["request"])


def grant(world: World, case: UUID, request: UUID, key: str | None = None, considered: bool = False) -> None:
    world.parts.hub.grant_erasure(
        world.command(LEAD, key),
        case,
        request,
        ground=ErasureGround.CONSENT_WITHDRAWN,
        reason="Intet kræver, at sagen bevares",
        breaches_considered=considered,
    )


# --- granted ------------------------------------------------------------------------------------------


def test_what_is_granted_opens_for_nobody_and_whoever_was_told_is_asked_to_drop_it(
    world: World, case: UUID
) -> None:
    assert world.told(NGO)
    assert world.told(UNIT)
    grant(world, case, ask(world, case))
    assert world.told(NGO) == world.told(UNIT) == []
    for who in (NGO, UNIT):
        ids = [m.message_id for m in world.messages_of(who)]
        assert world.parts.opener.heads(at(who), ids) == {}
        asked = {message for c in world.controls_of(who) if isinstance(c, Erased) for message in c.messages}
        assert asked == set(ids)
        assert [c for c in world.controls_of(who) if isinstance(c, Revoked)] == []
        for left in world.parts.outgoing.messages_of(who, 0, 0, 100):
            if left.message_id in ids:
                assert is_blank(world, who, left.value, left.message_id)
    world.project()
    assert list(world.parts.views["timeline"].rows(UNIT)) == []
    assert list(world.parts.views["intake"].rows(UNIT)) == []


def test_it_is_erased_with_all_that_is_matched_with_it_and_the_others_are_unharmed(
    world: World, case: UUID
) -> None:
    loaded = world.case(case)
    (inquiry,) = loaded.inquiries
    keys = {case, inquiry, *loaded.persons, *world.case(inquiry).persons}
    keys |= {could_kill_key(case), could_kill_key(inquiry)}
    other = world.report()
    assert set(world.parts.committer.same_citizen(world.case(other))) == {case, inquiry, other}
    grant(world, case, ask(world, case))
    for gone in (case, inquiry):
        with pytest.raises(Missing):
            world.case(gone)
        assert world.ledger(gone, NGO) is None
    assert {key: world.parts.app.keys.key_unless_erased(key) for key in keys} == dict.fromkeys(keys)
    assert world.parts.committer.same_citizen(world.case(other)) == [other], "no number leads there"
    assert world.told(UNIT), "and the other is unharmed"
    assert world.facts(ErasureGranted) == [], "not even the decision can be read"


def test_nobody_is_named_by_what_is_left_of_the_block_list(world: World, case: UUID) -> None:
    world.parts.hub.block_person(
        world.command(CASEWORKER), case, organisation=UNIT, person="bo", name="Bo Blokeret", reason="Bror"
    )
    assert [entry for entry in world.parts.app.store.block_list() if entry[0] == case]
    grant(world, case, ask(world, case))
    assert world.parts.app.store.block_list() == []


def test_that_it_was_done_is_on_record_and_of_nobody(world: World, case: UUID) -> None:
    """By whom and on which ground the municipality can always say (GDPR art. 5(2))."""
    grant(world, case, ask(world, case))
    done = world.facts(ErasedOnRequest)
    assert {(fact.ground, fact.by) for fact in done} == {(ErasureGround.CONSENT_WITHDRAWN, LEAD)}
    assert str(case) not in repr(done)


def test_two_reporters_that_chose_the_same_id_do_not_stop_it(world: World) -> None:
    """Police and A&E may pass one incident's number on; each report is its own."""
    same = uuid4()
    reports = [REPORTS[name].model_copy(update={"report_id": same}) for name in (NIGHT, SAME_WOMAN)]
    case, inquiry = (world.report(report=report) for report in reports)
    world.open(case)
    world.match(case, inquiry)
    world.answer_for_children(case)
    grant(world, case, ask(world, case))
    assert len(world.facts(ErasedOnRequest)) == 2
    assert all(world.parts.committer.was_erased_on_request(who, same) for who in (POLICE, HOSPITAL))


def test_its_reporter_hears_nothing_of_it_and_is_not_told_that_it_was_forwarded(
    world: World, case: UUID
) -> None:
    report = world.report_of(case)
    reporter = Actor(POLICE, "Bodil Betjent", "reporter", POLICE)
    before = world.stored(POLICE)
    grant(world, case, ask(world, case))
    assert world.stored(POLICE) == before
    assert {c.status for c in world.controls_of(POLICE) if isinstance(c, Receipt)} <= {
        ReceiptStatus.RECEIVED,
        ReceiptStatus.READ,
    }
    assert world.parts.committer.was_erased_on_request(POLICE, report)
    assert world.parts.queries._how_far(reporter.organisation, case, report) is ReceiptStatus.RECEIVED


@pytest.mark.parametrize("killed_at", [1, 2])
def test_what_a_crash_left_between_the_end_of_the_grants_and_the_keys_is_finished(
    world: World, case: UUID, killed_at: int
) -> None:
    """Before the first key is destroyed, and between the inquiry's and the case's."""
    (inquiry,) = world.case(case).inquiries
    committer, done = world.parts.committer, [0]
    destroy = committer.destroy

    def crashing(case: CitizenCase) -> None:
        done[0] += 1
        if done[0] == killed_at:
            raise RuntimeError("killed")
        destroy(case)

    committer.destroy = crashing  # type: ignore[method-assign]  # a crash
    request = ask(world, case)
    with pytest.raises(RuntimeError, match="killed"):
        grant(world, case, request)
    assert world.told(UNIT) == world.told(NGO) == [], "the grants have ended already"
    with pytest.raises(IllegalTransition):
        world.legal_basis(case, [NGO], [C.RISK])
    fire_timers(world.parts)
    for gone in (case, inquiry):
        with pytest.raises(Missing):
            world.case(gone)


def test_two_that_destroy_a_case_at_once_do_not_hinder_each_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that ended its grants, and the timer that it left behind."""
    report = REPORTS[SAME_WOMAN].model_copy(update={"report_id": uuid4()})
    more = REPORTS[SAME_WOMAN].model_copy(update={"report_id": uuid4(), "supplements": report.report_id})
    case = world.report(report=report)
    world.parts.inbound.report(Actor(HOSPITAL, "Lis Læge", "reporter", HOSPITAL), more)
    here = world.parts.settings
    with closing(
        World.opened(here.data_dir, world.identities, here.database_url, clock=world.clock)
    ) as timer:
        keys = timer.parts.app.keys
        destroy = keys.destroy

        def after_the_other(key_id: UUID) -> None:
            monkeypatch.setattr(keys, "destroy", destroy)
            world.parts.committer.destroy(world.case(case))
            destroy(key_id)

        monkeypatch.setattr(keys, "destroy", after_the_other)
        timer.parts.committer.destroy(timer.case(case))
    with pytest.raises(Missing):
        world.case(case)


@pytest.mark.parametrize("fails_at", ["the inquiry", "the case"])
def test_what_failed_between_the_fence_and_the_database_is_finished(
    world: World, case: UUID, fails_at: str
) -> None:
    """Nothing opens behind the fence; and no number and no block leads there, as soon as the timer fires."""
    (inquiry,) = world.case(case).inquiries
    other = world.report()
    for one in (case, inquiry):
        world.parts.hub.block_person(
            world.command(CASEWORKER), one, organisation=UNIT, person="bo", name="Bo Blokeret", reason="Bror"
        )
    table = vars(world.parts.app.keys)["_table"]
    destroy, fails = table.destroy_key, [inquiry if fails_at == "the inquiry" else case]

    def failing(key_id: UUID) -> None:
        if key_id in fails:
            fails.remove(key_id)
            raise RuntimeError("killed")
        destroy(key_id)

    table.destroy_key = failing
    request = ask(world, case)
    with pytest.raises(RuntimeError, match="killed"):
        grant(world, case, request)
    assert world.parts.committer.same_citizen(world.case(other)) != [other]
    fire_timers(world.parts)
    assert world.parts.committer.same_citizen(world.case(other)) == [other]
    assert world.parts.app.store.block_list() == []


def test_the_same_command_again_finishes_what_a_crash_left(world: World, case: UUID) -> None:
    committer = world.parts.committer
    destroy, crash = committer.destroy, [True]

    def crashing(case: CitizenCase) -> None:
        if crash.pop() if crash else False:
            raise RuntimeError("killed")
        destroy(case)

    committer.destroy = crashing  # type: ignore[method-assign]  # a crash
    request = ask(world, case)
    with pytest.raises(RuntimeError, match="killed"):
        grant(world, case, request, "one-key-16-letters")
    for _ in range(2):
        grant(world, case, request, "one-key-16-letters")
    with pytest.raises(Missing):
        world.case(case)


# --- what comes first, and a no -----------------------------------------------------------------------


def test_a_child_at_risk_is_answered_for_first_also_in_what_is_matched(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.answer_for_children(case)
    world.match(case, inquiry)
    request = ask(world, case)
    world.child_at_risk(inquiry)
    with pytest.raises(Conflict) as refused:
        grant(world, case, request)
    assert refused.value.field == "notifications"
    assert world.case(case).erasure is not None, "nothing is half done"
    assert world.told(UNIT)
    world.answer_for_children(case)
    grant(world, case, request)


def test_what_was_told_in_error_is_judged_first(world: World, case: UUID) -> None:
    consent = world.consent(case, [NGO], [C.RISK])
    world.never_said(case, consent)
    request = ask(world, case)
    with pytest.raises(Conflict) as refused:
        grant(world, case, request)
    assert refused.value.field == "breaches_considered"
    grant(world, case, request, considered=True)
    with pytest.raises(Missing):
        world.case(case)


def test_a_matched_inquiry_is_erased_by_its_case_and_not_apart(world: World, case: UUID) -> None:
    (inquiry,) = world.case(case).inquiries
    with pytest.raises(IllegalTransition):
        ask(world, inquiry)


def test_a_no_is_on_record_and_everything_stays(world: World, case: UUID) -> None:
    request = ask(world, case)
    world.parts.hub.refuse_erasure(
        world.command(LEAD), case, request, KeepingRule.LEGAL_DUTY, "Notater skal opbevares"
    )
    (refused,) = world.facts(ErasureRefused)
    assert (refused.rule, refused.by) == (KeepingRule.LEGAL_DUTY, LEAD)
    assert world.told(NGO)
    assert [t for t in world.told(NGO) if t.head.kind.startswith("erasure")] == [], "nobody else is told"
    with pytest.raises(Missing):
        grant(world, case, request)
    assert world.case(case)


def test_what_nobody_answers_in_a_month_is_told_to_the_unit_once(world: World, case: UUID) -> None:
    request = ask(world, case)
    world.clock.move(ANSWER_WITHIN)
    for _ in range(3):
        fire_timers(world.parts)
    told = [e.of for e in world.facts(CaseEscalated) if e.what is Escalation.ERASURE_UNANSWERED]
    assert told == [request]


# --- by API -------------------------------------------------------------------------------------------


def _answer(caller: Caller, case: UUID, request: str, how: str, **said: object) -> httpx2.Response:
    return caller.post(f"/v1/cases/{case}/erasure-requests/{request}/{how}", said)


def test_it_is_asked_for_by_anybody_of_the_unit_and_granted_by_the_programme_lead_by_api(
    world: World, case: UUID
) -> None:
    api = Api(world)
    inge, lise = (
        api.login("inge", UNIT, Role.CASEWORKER),
        api.login("lise", UNIT, Role.PROGRAMME_LEAD),
    )
    asked_at = {"asked_at": (world.clock() - timedelta(minutes=5)).isoformat()}
    asked = inge.post(f"/v1/cases/{case}/erasure-requests", asked_at)
    assert asked.status_code == 201
    again = inge.post(f"/v1/cases/{case}/erasure-requests", asked_at)
    assert (again.status_code, pointers(again)) == (409, ["erasure"])
    request = asked.json()["request"]
    said = {"ground": "no_longer_needed", "reason": "Intet kræver, at sagen bevares"}
    assert _answer(inge, case, request, "granting", **said).status_code == 404
    other = _answer(lise, case, str(uuid4()), "granting", **said)
    assert (other.status_code, pointers(other)) == (404, ["request_id"])
    assert _answer(lise, case, request, "granting", **said).status_code == 201

    tove = api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)
    for path in ("timeline", "disclosures"):
        gone = tove.get(f"/v1/cases/{case}/{path}", "coordination")
        never = tove.get(f"/v1/cases/{uuid4()}/{path}", "coordination")
        assert (gone.status_code, gone.json()) == (never.status_code, never.json())
    assert _answer(lise, case, request, "granting", **said).status_code == 404


def test_it_is_refused_by_api_under_a_rule_of_the_list(world: World, case: UUID) -> None:
    lise = Api(world).login("lise", UNIT, Role.PROGRAMME_LEAD)
    request = str(ask(world, case))
    wrong = _answer(lise, case, request, "refusal", rule="no_time", reason="Vi har travlt")
    assert (wrong.status_code, pointers(wrong)) == (422, ["/rule"])
    right = _answer(lise, case, request, "refusal", rule="legal_duty", reason="Notater skal opbevares")
    assert right.status_code == 201
