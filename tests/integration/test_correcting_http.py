"""Setting right over HTTP, as people of the municipality do it: from the timeline to who is told."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.terms import BasisRule, Category, MessageKind, OrganisationKind
from hub.adapters.http.access import Role
from hub.adapters.web.entries import days
from hub.adapters.web.overview import bases
from hub.adapters.web.wording import Words
from hub.aggregates.citizen_case.events import EntryCorrected, ReportNotOurs
from hub.projections import disclosures
from hub.topics.following import Follower
from tests.support.api import Api, Caller, clock_now, pointers
from tests.world import NGO, TOVHOLDER, UNIT, World

C = Category
NO_CHILD = "skadestue-mand-slaaet-af-sin-bror"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Give the API over a municipality on a new store."""
    with closing(World.built(tmp_path / "hub", clock=clock_now())) as world:
        yield Api(world)


@pytest.fixture
def tove(api: Api) -> Caller:
    return api.login(TOVHOLDER.person, UNIT, Role.TOVHOLDER)


def test_what_the_timeline_shows_is_named_and_corrected_and_the_page_says_so(api: Api, tove: Caller) -> None:
    world = api.world
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    world.project()
    path = f"/v1/cases/{case}"
    shown = tove.get(f"{path}/timeline", "coordination").json()["entries"]
    message, part = next(
        (entry["message"], part["part"])
        for entry in shown
        for part in entry["parts"]
        if "violence_forms" in part["data"]
    )
    wrong = {
        "message": message,
        "part": part,
        "reason": "Misforstået",
        "instead": {"violence_forms": ["slag"]},
    }
    refused = tove.post(f"{path}/corrections", wrong)
    assert (refused.status_code, "slag" in refused.text) == (422, False)
    right = {**wrong, "instead": {"violence_forms": ["digital"]}}
    headers = {"Idempotency-Key": str(uuid4()), "If-Match": f'"{world.case(case).version}"'}
    first, again = (tove.post(f"{path}/corrections", right, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert len(world.facts(EntryCorrected)) == 1
    assert world.told(NGO)[-1].head.kind is MessageKind.ENTRY_CORRECTED
    world.project()
    rows = world.parts.queries.timeline(TOVHOLDER, world.case(case), "coordination")
    entries = [entry for day in days(rows, Words("en"), lambda _: None) for entry in day.entries]
    assert [e.corrected for e in entries if e.kind is MessageKind.REPORT_RECEIVED] == [1]
    (corrected,) = [e for e in entries if e.kind is MessageKind.ENTRY_CORRECTED]
    assert corrected.note.startswith("Stands in the place of what was wrong")
    assert sum(section.unshown for e in entries for section in (*e.sections, *e.persons)) == 0


def test_an_attempt_at_contact_and_information_given_are_corrected(api: Api, tove: Caller) -> None:
    """As any entry: pointing at what was wrong, once, and told to the unit, which alone was told."""
    world = api.world
    case = world.open_case()
    world.consent(case, [NGO], list(Category))
    told, path = len(world.stored(NGO)), f"/v1/cases/{case}"
    now = world.clock()
    tried = {"channel": "sms", "outcome": "reached", "attempted_at": now.isoformat()}
    assert tove.post(f"{path}/contact-attempts", tried).status_code == 201
    informed = {"topics": ["rights", "safety"], "told_at": now.isoformat()}
    assert tove.post(f"{path}/information", informed).status_code == 201
    earlier = (now - timedelta(hours=2)).isoformat()
    for named, instead in (
        ("outcome", {"outcome": "another_answered", "attempted_at": earlier}),
        ("topics", {"topics": ["offers", "rights"]}),
    ):
        message, part = world.shown(case, named)
        right = {"message": str(message), "part": part, "reason": "Forkert borger", "instead": instead}
        refusals = [
            {named: "Kanariefugl"},
            {named: ["Kanariefugl"]},
            {named: None},
            {"note": "Kanariefugl"},
            {"attempted_at": "2026-11-27"},
            {"told_citizen_at": "20261127T100000+0100"},
            {"attempted_at": (now + timedelta(days=1)).isoformat()},
            {named: {"children": [1]}, "children": "ja", "threats_to_life": 1},
        ]
        for wrong in refusals:
            refused = tove.post(f"{path}/corrections", {**right, "instead": wrong})
            assert (refused.status_code, "Kanariefugl" in refused.text) == (422, False), wrong
        assert tove.post(f"{path}/corrections", right).status_code == 201
        assert tove.post(f"{path}/corrections", right).status_code == 404, "it stands no longer"
        corrects = [p for t in world.told(UNIT) for p in t.parts.values() if p.corrects]
        assert [(n.message, n.part) for n in corrects[-1].corrects] == [(message, part)]
        assert corrects[-1].data[named] == instead[named]
    assert len(world.stored(NGO)) == told, "who was never told hears nothing of it"
    world.project()
    rows = world.parts.queries.timeline(TOVHOLDER, world.case(case), "coordination")
    entries = [entry for day in days(rows, Words("en"), lambda _: None) for entry in day.entries]
    assert len([e for e in entries if e.kind is MessageKind.ENTRY_CORRECTED]) == 2
    wrong_ones = {MessageKind.CONTACT_ATTEMPTED, MessageKind.INFORMATION_GIVEN}
    assert [e.corrected for e in entries if e.kind in wrong_ones] == [1, 1]
    assert sum(section.unshown for e in entries for section in (*e.sections, *e.persons)) == 0


def test_a_consent_is_corrected_and_its_possible_breach_is_listed(api: Api, tove: Caller) -> None:
    world = api.world
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.INCIDENT])
    path = f"/v1/cases/{case}"
    body = {"recipient": "krisecenter", "reason": "Aldrig nævnt"}
    assert tove.post(f"{path}/consents/{consent}/correction", body).status_code == 404
    done = tove.post(f"{path}/consents/{consent}/correction", {"reason": "Aldrig sagt"})
    assert done.status_code == 201
    follower = Follower(world.parts.app, world.parts.views[disclosures.NAME])
    while follower.step(500):
        pass
    found = tove.get(f"{path}/possible-breaches", "supervision").json()
    assert [(b["recipient"], b["causes"], b["answered"]) for b in found["possible_breaches"]] == [
        (NGO, ["consent_corrected"], "waiting")
    ]
    assert tove.get(f"{path}/possible-breaches").status_code == 422, "a look has a purpose"
    told = tove.get(f"{path}/disclosures", "supervision").json()["told"]
    assert [r["reason"] for line in told if line["recipient"] == NGO for r in line["revoked"]] == [
        "disclosed_in_error"
    ]


def test_a_legal_basis_is_corrected_and_its_possible_breach_is_listed(api: Api, tove: Caller) -> None:
    world = api.world
    case = world.open_case()
    basis = world.legal_basis(case, [NGO], [C.INCIDENT], BasisRule.AUTHORITY_DUTY)
    path = f"/v1/cases/{case}"
    body = {"recipient": "krisecenter", "reason": "Ikke den rigtige regel"}
    assert tove.post(f"{path}/legal-bases/{basis}/correction", body).status_code == 404
    stale = {"Idempotency-Key": str(uuid4()), "If-Match": '"1"'}
    right = {"reason": "Ikke den rigtige regel"}
    done = tove.post(f"{path}/legal-bases/{basis}/correction", right, headers=stale)
    assert done.status_code == 201, "never a conflict"
    follower = Follower(world.parts.app, world.parts.views[disclosures.NAME])
    while follower.step(500):
        pass
    found = tove.get(f"{path}/possible-breaches", "supervision").json()
    assert [(b["recipient"], b["causes"], b["answered"]) for b in found["possible_breaches"]] == [
        (NGO, ["legal_basis_corrected"], "waiting")
    ]
    world.project()
    rows = world.parts.queries.timeline(TOVHOLDER, world.case(case), "coordination")
    (shown,) = bases(rows, Words("en"))
    assert shown.state(Words("en"), world.clock()).startswith("Recorded wrongly, corrected")
    entries = [entry for day in days(rows, Words("en"), lambda _: None) for entry in day.entries]
    (corrected,) = [e for e in entries if e.kind is MessageKind.LEGAL_BASIS_CORRECTED]
    assert sum(section.unshown for section in corrected.sections) == 0


def test_a_report_that_is_not_ours_is_forwarded(api: Api) -> None:
    world = api.world
    world.register("nabokommunen", OrganisationKind.MUNICIPAL_UNIT)
    inge = api.login("inge", UNIT, Role.CASEWORKER)
    case = world.report(NO_CHILD)
    path = f"/v1/cases/{case}/forwarding"
    body = {"recipient": "nabokommunen", "reason": "Bor der", "answers_for": "Inge Indskriver"}
    unread = inge.post(path, body)
    assert (unread.status_code, pointers(unread)) == (409, ["entry"])
    world.read_free_text(case)
    assert inge.post(path, {**body, "recipient": "ingen"}).status_code == 404
    assert inge.post(path, body).status_code == 201
    assert inge.post(path, body).status_code == 409, "once"
    (fact,) = world.facts(ReportNotOurs)
    assert (fact.originator_id, fact.by.person) == (case, "inge")
