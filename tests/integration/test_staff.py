"""Persons of the staff who are refused: blocked from one case, or stopped everywhere, on both stores."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest

from contracts.client.inbox import sort, take
from contracts.inbound_v1 import Inbound as Sent
from contracts.inbound_v1 import InboundType, Person, ReferralAnswer
from contracts.terms import Category, ReferralStatus
from hub.adapters.http.access import Role
from hub.aggregates.base import Actor
from hub.aggregates.look import LookRecorded
from hub.aggregates.person import PersonResumed, PersonStopped
from hub.aggregates.receipts import Opened
from hub.errors import Conflict, Missing
from tests.criteria import MET
from tests.integration.test_corrupt_beside import damage
from tests.support.api import Api, Caller, clock_now, slug_of
from tests.world import (
    CASEWORKER,
    NGO,
    OPERATOR,
    SAME_WOMAN,
    TOVHOLDER,
    UNIT,
    World,
    at,
    elsewhere,
)

C = Category
LEAD = Actor("lene", "Lene Leder", "programme_lead", UNIT)
COLLEAGUE = "politi-udoever-er-kollega-hos-anmelderen"


@pytest.fixture
def town(tmp_path: Path, store_url: str) -> Iterator[Api]:
    """Give the API over a municipality on each store; its clock is near the real one, for tokens."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        yield Api(world)


def brought_up(world: World) -> None:
    """What relay and projection do, from the outbox straight into the read models of unit and NGO."""
    parts = world.parts
    for owner in (UNIT, NGO):
        folder = parts.settings.data_dir / "keys" / "recipients" / owner
        if not folder.exists():
            world.identities[owner].save(folder)
        models = parts.models(
            owner, {name: parts.views[name] for name in ("timeline", "intake", "referrals")}
        )
        while found := parts.outgoing.messages_of(owner, *models.position(), 500):
            sorted_out = sort(parts.party(owner), found, models.position(), whole=True)
            take(sorted_out, models.position(), models, lambda problem: pytest.fail(str(problem)))


def block(world: World, case: UUID, who: Actor) -> None:
    world.parts.hub.block_person(
        world.command(LEAD),
        case,
        organisation=who.organisation,
        person=who.person,
        name=who.name,
        reason="Søster til en part",
    )


def accepted(world: World, case: UUID, referral: UUID, person: str) -> Sent:
    """The NGO's program says that one of its people accepted the referral."""
    answer = ReferralAnswer(
        thread=world.thread(case, NGO),
        referral=referral,
        status=ReferralStatus.ACCEPTED,
        by=Person(person=person, name="Ansat Ansatsen"),
        at=world.clock(),
    )
    return Sent(type=InboundType.REFERRAL_ANSWER, body=answer.model_dump(mode="json"))


def inge(api: Api) -> Caller:
    return api.login("inge", UNIT, Role.CASEWORKER)


def tove(api: Api) -> Caller:
    return api.login("tove", UNIT, Role.TOVHOLDER)


def lene(api: Api) -> Caller:
    return api.login("lene", UNIT, Role.PROGRAMME_LEAD)


def page(caller: Caller, path: str) -> httpx2.Response:
    cookie = {"Cookie": f"tvaers_session={caller.token}"}
    return caller.client.get(path, headers=cookie, follow_redirects=False)


# --- the block list -----------------------------------------------------------------------------------


def test_to_who_is_blocked_the_report_is_not_there(town: Api) -> None:
    """Inbox, candidates, every route and every page: the same bytes as for a case that never was."""
    world = town.world
    case, other = world.report(), world.report(SAME_WOMAN)
    brought_up(world)
    waiting = inge(town).get("/v1/inbox").json()["waiting"]
    assert {row["case"] for row in waiting} == {str(case), str(other)}
    block(world, case, CASEWORKER)
    waiting = inge(town).get("/v1/inbox").json()["waiting"]
    assert [row["case"] for row in waiting] == [str(other)]
    assert str(case) not in page(inge(town), "/").text
    assert inge(town).post(f"/v1/cases/{other}/candidates", purpose="intake").json() == {"cases": []}
    ways: tuple[Callable[[UUID], httpx2.Response], ...] = (
        lambda one: inge(town).get(f"/v1/cases/{one}/timeline", "intake"),
        lambda one: inge(town).get(f"/v1/cases/{one}/disclosures", "intake"),
        lambda one: inge(town).post(f"/v1/cases/{one}/could-kill", purpose="contact"),
        lambda one: inge(town).post(f"/v1/cases/{one}/free-text", purpose="safety"),
        lambda one: inge(town).post(f"/v1/cases/{one}/opening", {"criteria": MET}),
        lambda one: inge(town).post(f"/v1/cases/{other}/matches", {"inquiry": str(one), "reason": "Samme"}),
        lambda one: page(inge(town), f"/cases/{one}?purpose=intake"),
    )
    for ask in ways:
        no, none = ask(case), ask(uuid4())
        assert no.status_code == 404
        assert (no.content, no.headers) == (none.content, none.headers)
    assert page(inge(town), "/").text.count("/cases/") == page(inge(town), "/").text.count(f"/cases/{other}")
    assert lene(town).get(f"/v1/cases/{case}/timeline", "intake").status_code == 200


def test_to_who_is_blocked_a_call_that_lacks_something_is_not_there_either(town: Api) -> None:
    """What a call lacks is told to who may make it: to anybody else it would say that there is a case."""
    case = town.world.open_case()
    block(town.world, case, TOVHOLDER)
    for route in ("safety-level", "consents", "referrals", "closing", "blocks", "corrections"):
        no, none = (tove(town).post(f"/v1/cases/{one}/{route}", {}) for one in (case, uuid4()))
        assert (no.status_code, no.content) == (404, none.content), route


def test_who_is_blocked_from_an_inquiry_is_shown_nothing_that_waits_in_its_case(world: World) -> None:
    case, inquiry = world.report(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    brought_up(world)
    waiting = world.parts.queries.notifications
    assert {row.case_id for row in waiting(CASEWORKER)} == {case, inquiry}
    block(world, inquiry, CASEWORKER)
    assert waiting(CASEWORKER) == []


@pytest.mark.parametrize("refused", ["blocked", "stopped"])
def test_who_is_refused_opens_nothing_of_a_case_that_cannot_be_read(world: World, refused: str) -> None:
    """A damaged row is no way round the block list; everybody else opens what was told."""
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    (message, *_) = world.messages_of(NGO)
    if refused == "blocked":
        block(world, case, at(NGO))
    else:
        world.parts.hub.stop_person(world.command(LEAD), NGO, "anna", "Har forladt havnen")
    damage(world, case)
    with pytest.raises(Missing):
        world.open_message(NGO, message)
    assert world.open_message(NGO, message, by=at(NGO, "birte"))


def test_who_is_blocked_from_a_case_that_cannot_be_read_is_blocked_from_its_inquiries(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    block(world, case, TOVHOLDER)
    damage(world, case)
    with pytest.raises(Missing):
        world.parts.queries.could_kill(TOVHOLDER, world.case(inquiry), "safety")
    assert world.parts.queries.could_kill(LEAD, world.case(inquiry), "safety")


def test_the_block_list_beats_an_emergency(town: Api) -> None:
    case = town.world.open_case()
    emergency = {
        "rule": "vital_interest",
        "reason": "Fare for liv",
        "answers_for": "Tove Tovholder",
        "recipients": [NGO],
        "categories": ["incident"],
        "purpose": "Afværge fare",
        "ends_at": "2099-01-01T00:00:00+01:00",
    }
    path = f"/v1/cases/{case}/legal-bases"
    assert tove(town).post(path, emergency).status_code == 201
    block(town.world, case, TOVHOLDER)
    assert tove(town).post(path, emergency).status_code == 404
    assert lene(town).post(path, emergency).status_code == 201


def test_who_is_blocked_from_a_case_is_blocked_from_what_is_matched_with_it_and_the_other_way_round(
    world: World,
) -> None:
    case, inquiry, third = world.open_case(), world.report(SAME_WOMAN), world.report()
    world.match(case, inquiry)
    world.match(case, third)
    block(world, inquiry, TOVHOLDER)
    block(world, case, CASEWORKER)
    queries = world.parts.queries
    for one in (case, inquiry, third):
        for who in (TOVHOLDER, CASEWORKER):
            for ask in (queries.timeline, queries.could_kill, queries.candidates):
                with pytest.raises(Missing):
                    ask(who, world.case(one), "safety")
    assert world.facts(LookRecorded) == []
    world.parts.hub.unmatch_inquiry(world.command(LEAD), case, inquiry, "En anden kvinde")
    with pytest.raises(Missing):
        queries.could_kill(TOVHOLDER, world.case(inquiry), "safety")
    assert queries.could_kill(TOVHOLDER, world.case(case), "safety")


def test_who_is_blocked_from_an_inquiry_opens_nothing_of_its_case_at_a_partner(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.consent(case, [NGO], [C.INCIDENT, C.REFERRAL])
    world.match(case, inquiry)
    referral = world.refer(case, NGO)
    block(world, inquiry, at(NGO))
    assert world.told(NGO) == []
    for message in world.messages_of(NGO):
        assert world.open_message(NGO, message, by=at(NGO, "birte"))
    with pytest.raises(Missing):
        world.send(NGO, accepted(world, case, referral, "anna"))
    assert world.case(case).referrals[referral].status is ReferralStatus.REQUESTED


def test_a_partners_person_who_is_blocked_does_not_see_that_the_referral_is_there(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT, C.REFERRAL])
    world.refer(case, NGO)
    brought_up(world)
    queries, thread = world.parts.queries, world.thread(case, NGO)
    block(world, case, at(NGO))
    assert queries.referrals(at(NGO)) == []
    assert len(queries.referrals(at(NGO, "birte"))) == 1
    with pytest.raises(Missing):
        queries.thread(at(NGO), thread, "referral")
    assert queries.thread(at(NGO, "birte"), thread, "referral")


def test_who_is_blocked_in_the_middle_of_a_look_sees_nothing(world: World) -> None:
    """Blocked in an inquiry, after the keys of the case's rows were read: the append asks under its lock."""
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.consent(case, [NGO], [C.INCIDENT])
    (message, *_) = world.messages_of(NGO)
    store = world.parts.app.store
    read = store.living_wraps

    def then_blocked(*asked: object) -> object:
        found = read(*asked)  # type: ignore[arg-type]
        store.living_wraps = read  # type: ignore[method-assign]
        elsewhere(lambda: block(world, inquiry, at(NGO)))
        return found

    store.living_wraps = then_blocked  # type: ignore[assignment, method-assign]
    with pytest.raises(Missing):
        world.open_message(NGO, message)
    assert world.facts(Opened) == []


def test_an_inquiry_that_is_matched_in_the_middle_of_a_look_brings_its_block_list_along(
    world: World,
) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    block(world, inquiry, TOVHOLDER)
    loaded = world.case(case)
    world.match(case, inquiry)
    with pytest.raises(Missing):
        world.parts.queries.timeline(TOVHOLDER, loaded, "safety")


def test_a_command_of_who_is_blocked_meanwhile_is_not_carried_out(world: World) -> None:
    case = world.open_case()
    block(world, case, TOVHOLDER)
    before = world.case(case).version
    with pytest.raises(Missing):
        world.assess(case)
    assert world.case(case).version == before


def test_who_is_blocked_is_named_coordinator_of_nothing_that_is_matched_with_the_case(world: World) -> None:
    case, inquiry = world.report(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.open(case)
    block(world, inquiry, TOVHOLDER)
    with pytest.raises(Conflict, match="block list"):
        world.coordinator(case)


def test_tovholder_and_programme_lead_keep_the_list_and_everybody_sees_what_they_wrote(town: Api) -> None:
    case = town.world.open_case()
    path, read = f"/v1/cases/{case}/blocks", f"/v1/cases/{case}/block-list"
    asked = {"organisation": UNIT, "person": "inge", "name": "Inge Indskriver", "reason": "Bor hos en part"}
    assert tove(town).post(path, asked).status_code == 201
    assert slug_of(tove(town).post(path, asked)) == "conflict"
    (entry,) = lene(town).get(read, "supervision").json()["blocked"]
    assert entry == {"case": str(case), **asked}
    lifted = {key: asked[key] for key in ("organisation", "person", "reason")}
    assert lene(town).post(f"{path}/lift", lifted).status_code == 201
    assert tove(town).get(read, "safety").json() == {"blocked": []}
    looks = [(look.what, look.by.person) for look in town.world.facts(LookRecorded)]
    assert looks == [("block_list", "lene"), ("block_list", "tove")]


def test_a_report_with_staff_involved_says_on_timeline_and_page_that_the_list_must_be_considered(
    town: Api,
) -> None:
    case = town.world.open_case()
    words = "Overvej spærrelisten"

    def asks() -> tuple[bool, bool]:
        answer = tove(town).get(f"/v1/cases/{case}/timeline", "safety").json()
        shown = page(tove(town), f"/cases/{case}?purpose=safety").text
        return answer["block_list_to_consider"], words in shown

    assert asks() == (False, False)
    inquiry = town.world.report(COLLEAGUE)
    town.world.match(case, inquiry)
    assert asks() == (True, True)
    path = f"/v1/cases/{inquiry}/blocks/considered"
    assert tove(town).post(path, {"reason": "Ingen hos os kender parterne"}).status_code == 201
    assert asks() == (False, False)


# --- stopped ------------------------------------------------------------------------------------------


def stop(town: Api, who: str, organisation: str = UNIT, way: str = "stop") -> httpx2.Response:
    asked = {"organisation": organisation, "person": who, "reason": "Mistanke om misbrug"}
    return lene(town).post(f"/v1/persons/{way}", asked)


def test_who_is_stopped_is_refused_every_route_and_page_from_the_next_request_in_every_process(
    town: Api,
) -> None:
    case = town.world.open_case()
    settings = town.world.parts.settings
    with closing(
        World.opened(settings.data_dir, town.world.identities, settings.database_url, clock=town.world.clock)
    ) as second:
        other = Api(second)
        assert tove(other).get(f"/v1/cases/{case}/timeline", "safety").status_code == 200
        assert stop(town, "tove").status_code == 201
        for api in (town, other):
            for answer in (
                tove(api).get("/v1/inbox"),
                tove(api).get("/v1/partners"),
                tove(api).get(f"/v1/cases/{case}/timeline", "safety"),
                tove(api).get(f"/v1/cases/{uuid4()}/timeline", "safety"),
                tove(api).post(f"/v1/cases/{case}/safety-level", {"level": "high", "reason": "Trusler"}),
                page(tove(api), "/"),
                page(tove(api), f"/cases/{case}?purpose=safety"),
            ):
                assert answer.status_code == 403
        assert stop(town, "tove", way="resume").status_code == 201
        assert tove(other).get("/v1/inbox").status_code == 200
    kinds = [type(fact) for fact in town.world.facts(PersonStopped) + town.world.facts(PersonResumed)]
    assert kinds == [PersonStopped, PersonResumed]


def test_who_is_stopped_twice_or_resumed_without_a_stop_is_a_conflict(town: Api) -> None:
    assert slug_of(stop(town, "tove", way="resume")) == "conflict"
    assert stop(town, "tove").status_code == 201
    assert slug_of(stop(town, "tove")) == "conflict"
    assert slug_of(stop(town, "tove", "ukendt")) == "not-found"


def test_a_partners_person_who_is_stopped_opens_and_answers_nothing(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT, C.REFERRAL])
    referral = world.refer(case, NGO)
    world.parts.hub.stop_person(world.command(OPERATOR), NGO, "anna", "Ansættelsen er ophørt")
    assert world.told(NGO) == []
    with pytest.raises(Missing):
        world.send(NGO, accepted(world, case, referral, "anna"))
    assert world.case(case).referrals[referral].status is ReferralStatus.REQUESTED
    world.send(NGO, accepted(world, case, referral, "birte"))
    assert world.case(case).referrals[referral].status is ReferralStatus.ACCEPTED
    assert world.open_message(NGO, world.messages_of(NGO)[0], by=at(NGO, "birte"))


def test_a_partners_program_that_is_stopped_gets_no_message_and_no_key(town: Api) -> None:
    world = town.world
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    system = town.login("havnen-system", NGO, Role.PARTNER_SYSTEM)
    (message,) = system.get("/v1/messages").json()["messages"]
    assert stop(town, "havnen-system", NGO).status_code == 201
    asked = {"messages": [message["ce_id"]]}
    assert system.get("/v1/messages").status_code == 403
    assert system.post("/v1/messages/head-keys", asked).status_code == 403


def test_what_only_a_stopped_person_was_to_answer_returns_to_the_unit(town: Api) -> None:
    world = town.world
    case, answered = world.open_case(), world.open_case(SAME_WOMAN)
    world.coordinator(answered, Actor("thea", "Thea Tovholder", "tovholder", UNIT))
    path = f"/v1/cases/{case}/timeline"
    assert lene(town).get("/v1/unanswered-cases").json() == {"cases": []}
    assert inge(town).get(path, "intake").status_code == 404
    stop(town, "tove")
    number = world.case(case).number
    assert lene(town).get("/v1/unanswered-cases").json() == {"cases": [{"case": str(case), "number": number}]}
    assert inge(town).get(path, "intake").status_code == 200
    assert inge(town).get(f"/v1/cases/{answered}/timeline", "intake").status_code == 404
    named = {"person": "thea", "name": "Thea Tovholder"}
    assert lene(town).post(f"/v1/cases/{case}/coordinator", named).status_code == 201
    assert lene(town).get("/v1/unanswered-cases").json() == {"cases": []}
    assert inge(town).get(path, "intake").status_code == 404
    assert town.login("thea", UNIT, Role.TOVHOLDER).get(path, "safety").status_code == 200


def test_a_case_whose_coordinator_is_blocked_by_a_match_returns_to_the_unit_too(town: Api) -> None:
    world = town.world
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    block(world, inquiry, TOVHOLDER)
    assert lene(town).get("/v1/unanswered-cases").json() == {"cases": []}
    world.match(case, inquiry)
    assert [c["case"] for c in lene(town).get("/v1/unanswered-cases").json()["cases"]] == [str(case)]
    assert tove(town).get(f"/v1/cases/{case}/timeline", "safety").status_code == 404
    assert inge(town).get(f"/v1/cases/{case}/timeline", "intake").status_code == 200


def test_a_stop_is_on_record_with_who_and_why_under_the_organisations_key(world: World) -> None:
    world.parts.hub.stop_person(world.command(OPERATOR), UNIT, "tove", "Mistanke om misbrug")
    (fact,) = world.facts(PersonStopped)
    assert (fact.person, fact.reason, fact.by.person) == ("tove", "Mistanke om misbrug", "drift")
    assert fact.sealed_under == world.parts.committer.partner_id(UNIT)
