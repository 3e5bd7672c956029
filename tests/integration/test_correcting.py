"""What was wrong is set right, on real stores: nothing is edited, and whoever was told is told (rule 9)."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from contracts.message_v1 import PartNamed
from contracts.terms import Category, MessageKind
from hub.aggregates.citizen_case.events import EntryCorrected
from hub.aggregates.disclosure_ledger import RefusalReason, Refused
from hub.errors import Conflict, Invalid, Missing, StaleVersion
from tests.world import NGO, SAME_WOMAN, SHELTER, TOVHOLDER, UNIT, Told, World

C = Category
INCIDENT = "contents.incident"


def last(world: World, recipient: str, kind: MessageKind) -> Told:
    return [t for t in world.told(recipient) if t.head.kind is kind][-1]


def said(told: list[Told]) -> str:
    return json.dumps([part.data for t in told for part in t.parts.values()], ensure_ascii=False, default=str)


def perpetrator(world: World, case: UUID) -> str:
    """The field of the first report in which the perpetrator stands."""
    ledger = world.ledger(case, UNIT)
    assert ledger is not None
    return next(
        s.field
        for sources in ledger.sources.values()
        for s in sources.values()
        if s.category is C.OTHER_PERSONS and s.field.startswith("others.")
    )


# --- an entry corrected -------------------------------------------------------------------------------


def test_whoever_was_told_is_told_the_correction_and_of_what_it_stands_in_the_place(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    was = world.shown(case, INCIDENT, NGO)
    world.correct(case, INCIDENT, {"violence_forms": ["economic"]})
    told = last(world, NGO, MessageKind.ENTRY_CORRECTED)
    (part,) = told.parts.values()
    assert part.corrects == (PartNamed(message=was[0], part=was[1]),)
    assert part.data["violence_forms"] == ["economic"]
    assert part.data["place_kind"], "what was not wrong stands"
    assert part.bans == ("criminal_investigation",), "the ban of what it corrects goes with it"
    own = last(world, UNIT, MessageKind.ENTRY_CORRECTED)
    was = world.shown(case, INCIDENT)
    assert [p.corrects for p in own.parts.values()] == [(PartNamed(message=was[0], part=was[1]),)]


def test_who_was_never_told_and_holds_no_grant_hears_nothing_of_a_correction(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.WISHES])
    world.correct(case, INCIDENT, {"violence_forms": ["economic"]})
    assert [t.head.kind for t in world.told(NGO)] == [MessageKind.PRESENT_STATE]
    assert world.stored(SHELTER) == []
    assert world.facts(Refused) == []


def test_who_was_told_and_may_be_told_no_more_is_refused_and_a_person_can_see_it(world: World) -> None:
    case = world.open_case()
    consent = world.consent(case, [NGO], [C.INCIDENT])
    world.withdraw(case, consent)
    before = len(world.messages_of(NGO))
    world.correct(case, INCIDENT, {"violence_forms": ["economic"]})
    assert len(world.messages_of(NGO)) == before
    (refused,) = world.facts(Refused)
    assert (refused.kind, refused.category, refused.reason) == (
        MessageKind.ENTRY_CORRECTED,
        C.INCIDENT,
        RefusalReason.NO_LIVING_GRANT,
    )
    assert (refused.source.stream, refused.source.version, refused.source.field) == (case, 2, INCIDENT)


def test_what_a_later_grant_tells_is_the_correction_and_never_what_was_wrong(world: World) -> None:
    case = world.open_case()
    world.correct(case, INCIDENT, {"violence_forms": ["economic"]})
    world.consent(case, [NGO], [C.INCIDENT])
    (told,) = world.told(NGO)
    assert [p.data["violence_forms"] for p in told.parts.values()] == [["economic"]]
    assert [p.corrects for p in told.parts.values()] == [()], "it was told nothing that this corrects"


def test_a_correction_of_a_correction_names_both_that_were_told(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    first = world.shown(case, INCIDENT, NGO)
    world.correct(case, INCIDENT, {"violence_forms": ["economic"]})
    second = world.shown(case, "instead", NGO)
    world.correct(case, "instead", {"violence_forms": ["digital"]})
    (part,) = last(world, NGO, MessageKind.ENTRY_CORRECTED).parts.values()
    assert {(n.message, n.part) for n in part.corrects} == {first, second}


def test_what_is_about_another_person_is_corrected_under_that_persons_key(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.OTHER_PERSONS])
    field = perpetrator(world, case)
    man = UUID(field.split(".")[1])
    world.correct(case, field, {"name": "Jens Rettesen"})
    assert "Jens Rettesen" in said(world.told(NGO))
    world.parts.app.keys.destroy(man)
    assert "Jens Rettesen" not in said([*world.told(NGO), *world.told(UNIT)])
    (event,) = world.facts(EntryCorrected)
    assert event.other.value is None


def test_a_correction_in_a_matched_inquiry_reaches_whoever_was_told_of_it_by_its_case(world: World) -> None:
    case, inquiry = world.open_case(), world.report(SAME_WOMAN)
    world.match(case, inquiry)
    world.consent(case, [NGO], [C.INCIDENT])
    was = world.shown(case, INCIDENT, NGO, stream=inquiry)
    world.correct(case, INCIDENT, {"violence_forms": ["economic"]}, stream=inquiry)
    told = last(world, NGO, MessageKind.ENTRY_CORRECTED)
    assert told.head.thread == world.thread(case, NGO)
    assert [(n.message, n.part) for p in told.parts.values() for n in p.corrects] == [was]
    own = last(world, UNIT, MessageKind.ENTRY_CORRECTED)
    assert own.head.thread == world.thread(inquiry, UNIT), "the unit reads it where it happened"
    world.unmatch(case, inquiry)
    assert "economic" not in said(world.told(NGO)), "and a match undone takes it along"
    assert [e.content.corrects for e in world.case(inquiry).entries if e.content.corrects] == [(2, INCIDENT)]


def test_a_corrected_number_finds_the_citizens_other_cases(world: World) -> None:
    case, other = world.open_case(), world.report("politi-stalking-tidligere-partner-beskyttet-adresse")
    (number,) = world.case(other).cpr_numbers
    world.correct(case, "contents.identity", {"cpr": number})
    assert other in world.parts.committer.same_citizen(world.case(case))
    assert case in world.parts.committer.same_citizen(world.case(other))


@pytest.mark.parametrize(
    "instead",
    [
        {"address": "Prøvevænget 12"},
        {"violence_forms": ["economic"]},
        {"could_kill": {"address": "Prøvevænget 12"}},
        {"narrative": "Hun bor hos søsteren"},
        {"name": "Maja\nHun bor hos søsteren"},
        {"cpr": "9999999999"},
        {"language": "dansk, hos søsteren"},
        {"relation": {"kind": "partner", "note": "hos søsteren"}},
        {"birth_date": "2098-01-01"},
        {"cpr": "0101505006"},
    ],
)
def test_a_correction_holds_nothing_that_a_report_could_not(world: World, instead: dict[str, object]) -> None:
    case = world.open_case()
    with pytest.raises(Invalid) as refused:
        world.correct(case, "contents.identity", instead)
    assert refused.value.field == "instead"
    assert [word for word in ("Prøvevænget", "søsteren", "9999999999") if word in str(refused.value)] == []
    assert world.facts(EntryCorrected) == []


@pytest.mark.parametrize(
    "instead",
    [
        {"happened": {"at": "2099-01-01T03:10:00+01:00", "precision": "point"}},
        {"earlier_incidents": {"answer": "yes", "known_since": "2099-01-01"}},
    ],
)
def test_a_correction_of_what_happened_does_not_lie_ahead(world: World, instead: dict[str, object]) -> None:
    case = world.open_case()
    with pytest.raises(Invalid, match="lies ahead") as refused:
        world.correct(case, INCIDENT, instead)
    assert refused.value.field == "instead"
    assert world.facts(EntryCorrected) == []


def test_what_nobody_was_shown_cannot_be_corrected(world: World) -> None:
    case, other = world.open_case(), world.open_case(SAME_WOMAN)
    message, part = world.shown(other, INCIDENT)
    for named in ((message, part), (world.shown(case, INCIDENT)[0], 99)):
        with pytest.raises(Missing):
            world.parts.hub.correct_entry(
                world.command(TOVHOLDER), case, message=named[0], part=named[1], instead={}, reason="Forkert"
            )


def test_a_consent_is_not_corrected_as_an_entry(world: World) -> None:
    case = world.open_case()
    world.consent(case)
    with pytest.raises(Conflict):
        world.correct(case, "grants", {"reference": "Noget andet"})


def test_a_correction_for_a_version_that_has_passed_is_refused(world: World) -> None:
    case = world.open_case()
    message, part = world.shown(case, INCIDENT)
    stale = world.command(TOVHOLDER)
    with pytest.raises(StaleVersion):
        world.parts.hub.correct_entry(
            type(stale)(by=stale.by, key=stale.key, expected=1),
            case,
            message=message,
            part=part,
            instead={"violence_forms": ["economic"]},
            reason="Forkert",
        )


def test_a_partner_that_was_suspended_meanwhile_is_told_by_the_next_grant(world: World) -> None:
    case = world.open_case()
    world.consent(case, [NGO], [C.INCIDENT])
    was = world.shown(case, INCIDENT, NGO)
    world.suspend(NGO)
    world.correct(case, INCIDENT, {"violence_forms": ["economic"]})
    assert [r.reason for r in world.facts(Refused)] == [RefusalReason.PARTNER_SUSPENDED]
    world.resume(NGO)
    world.clock.move(timedelta(hours=1))
    world.consent(case, [NGO], [C.INCIDENT])
    (part,) = last(world, NGO, MessageKind.PRESENT_STATE).parts.values()
    assert (part.data["violence_forms"], part.corrects) == (
        ["economic"],
        (PartNamed(message=was[0], part=was[1]),),
    )
