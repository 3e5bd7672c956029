"""Nothing is edited, everything can be set right: a new fact points at what was wrong (domain rule 9)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.terms import Category, SafetyLevel
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.contact import unmade_contact
from hub.aggregates.citizen_case.events import (
    ContactAttempted,
    ContactDecided,
    EntryCorrected,
    FreeTextRead,
    InformationGiven,
    SafetyAssessed,
    SafetyLevelChanged,
)
from hub.aggregates.citizen_case.terms import Channel, ContactDecision, ContactOutcome, Topic
from hub.aggregates.sealing import AboutPerson, CouldKill
from hub.errors import Conflict, HubError, Invalid, Missing
from tests.given import NOW, fact, given
from tests.unit.case_facts import (
    CONSENTED,
    IN_INQUIRY,
    IN_OPEN_CASE,
    MAN,
    OPENED,
    RECEIVED,
    TOVHOLDER,
    made_up,
)

IDENTITY = {"name": "Mette Opdigtet", "cpr": "0101010101"}
ASSESSED = fact(
    SafetyAssessed,
    assessment_id=made_up(9),
    instrument="sara-v3",
    instrument_version="3",
    answers={"item-1": "yes"},
    judgement=SafetyLevel.HIGH,
    reason="Trusler",
)
HIGH = fact(SafetyLevelChanged, level=SafetyLevel.HIGH, previous=None, reason="Trusler")


def corrected(**words: Any) -> Any:
    return fact(
        EntryCorrected,
        **{
            "entry": 2,
            "field": "contents.identity",
            "category": Category.IDENTITY,
            "bans": (),
            "slot": None,
            "owner_only": False,
            "instead": {"name": "Mette Rettet", "cpr": "0101010101", "report": str(REPORT)},
            "other": None,
            "reason": "Stavet forkert",
            **words,
        },
    )


REPORT = RECEIVED[1]["report_id"]


def test_a_correction_points_at_the_entry_and_stands_in_its_place() -> None:
    case = given(*IN_INQUIRY)
    old = next(e for e in case.aggregate.entries if e.content.field == "contents.identity")
    outcome = case.when(
        CitizenCase.correct_entry,
        entry=2,
        field="contents.identity",
        instead={"name": "Mette Rettet"},
        reason="Stavet forkert",
    )
    outcome.then(corrected())
    standing = [e for e in outcome.aggregate.entries if e.content.category is Category.IDENTITY]
    assert [e.content.data["name"] for e in standing] == ["Mette Rettet"]
    assert standing[0].content.corrects == (old.version, old.content.field)
    assert old not in outcome.aggregate.entries


def test_a_field_is_taken_out_by_none_and_the_old_fact_is_there_all_the_same() -> None:
    case = given(*IN_INQUIRY)
    outcome = case.when(
        CitizenCase.correct_entry,
        entry=2,
        field="contents.identity",
        instead={"cpr": None},
        reason="En andens nummer",
    )
    assert outcome.events[0].instead == {"name": "Mette Opdigtet", "report": str(REPORT)}
    assert outcome.aggregate.cpr_numbers == frozenset()
    assert outcome.aggregate.fact(2).contents["identity"] == IDENTITY


def test_what_is_about_another_person_stays_under_that_persons_key() -> None:
    field = f"others.{MAN}.other_persons"
    outcome = given(*IN_INQUIRY).when(
        CitizenCase.correct_entry, entry=2, field=field, instead={"name": "Jens Rettet"}, reason="Navnet"
    )
    outcome.then(
        corrected(
            field=field,
            category=Category.OTHER_PERSONS,
            instead=None,
            other=AboutPerson(MAN, {"name": "Jens Rettet", "role": "perpetrator"}),
            reason="Navnet",
        )
    )
    (told,) = [e for e in outcome.aggregate.entries if e.content.category is Category.OTHER_PERSONS]
    assert (told.content.about, told.content.data["name"]) == (MAN, "Jens Rettet")


def test_a_correction_about_an_erased_person_tells_nothing_of_that_person() -> None:
    erased = corrected(
        field=f"others.{MAN}.other_persons",
        category=Category.OTHER_PERSONS,
        instead=None,
        other=AboutPerson(MAN, None),
    )
    case = given(*IN_INQUIRY, erased).aggregate
    assert [e for e in case.entries if e.content.about == MAN] == []


def test_a_correction_can_be_corrected_and_stands_in_the_place_of_both() -> None:
    outcome = given(OPENED, RECEIVED, corrected()).when(
        CitizenCase.correct_entry,
        entry=3,
        field="instead",
        instead={"name": "Mette Igen"},
        reason="Nu rigtigt",
    )
    (told,) = [e for e in outcome.aggregate.entries if e.content.category is Category.IDENTITY]
    assert told.content.data["name"] == "Mette Igen"
    assert outcome.aggregate.in_place_of(told.content) == ((3, "instead"), (2, "contents.identity"))


def test_corrected_free_text_waits_to_be_read_and_so_does_the_reason() -> None:
    read = fact(FreeTextRead, entry=2)
    outcome = given(OPENED, RECEIVED, read).when(
        CitizenCase.correct_entry,
        entry=2,
        field="free_text.narrative",
        instead={"text": "Hun er hos en veninde."},
        reason="Der stod en adresse",
    )
    case = outcome.aggregate
    assert case.present_state({Category.FREE_TEXT}) == []
    assert [e.content.data["field"] for e in case.unread_free_text()] == [
        "narrative",
        "entry_corrected.reason",
    ]
    case.read_free_text(entry=4, by=outcome.events[0].by, at=outcome.events[0].timestamp)
    assert len(case.present_state({Category.FREE_TEXT})) == 2


def test_a_corrected_level_is_the_level() -> None:
    outcome = given(*IN_OPEN_CASE, HIGH).when(
        CitizenCase.correct_entry, entry=6, field="level", instead={"level": "raised"}, reason="Forkert sag"
    )
    assert outcome.aggregate.safety_level == SafetyLevel.RAISED
    (level,) = outcome.aggregate.present_state({Category.RISK})
    assert (level.content.data["level"], level.content.slot) == ("raised", "safety_level")


WENT = {"channel": "sms", "outcome": "reached", "attempted_at": NOW.isoformat()}
TRIED = fact(
    ContactAttempted, channel=Channel.SMS, outcome=ContactOutcome.REACHED, attempted_at=NOW, text="", at=NOW
)
INFORMED = fact(InformationGiven, topics=(Topic.RIGHTS, Topic.SAFETY), told_at=NOW, at=NOW)
THEN = (NOW - timedelta(hours=2)).isoformat()


@pytest.mark.parametrize(
    ("recorded", "field", "instead", "stands"),
    [
        (TRIED, "outcome", {"outcome": "not_reached"}, {**WENT, "outcome": "not_reached"}),
        (TRIED, "outcome", {"attempted_at": THEN}, {**WENT, "attempted_at": THEN}),
        (
            INFORMED,
            "topics",
            {"topics": ["rights"]},
            {"topics": ["rights"], "told_citizen_at": NOW.isoformat()},
        ),
    ],
)
def test_an_attempt_at_contact_and_information_given_are_corrected_as_entries(
    recorded: Any, field: str, instead: dict[str, Any], stands: dict[str, Any]
) -> None:
    """Pointing at what was wrong, which stands no longer; the unit's alone, as it was."""
    case = given(*IN_OPEN_CASE, recorded)
    outcome = case.when(
        CitizenCase.correct_entry, entry=6, field=field, instead=instead, reason="Forkert borger"
    )
    outcome.then(
        corrected(
            entry=6,
            field=field,
            category=Category.COORDINATION,
            owner_only=True,
            instead=stands,
            reason="Forkert borger",
        )
    )
    (told,) = [e for e in outcome.aggregate.entries if field in e.content.data]
    assert (told.content.data, told.content.owner_only) == (stands, True)
    assert outcome.aggregate.in_place_of(told.content) == ((6, field),)


def test_contact_that_was_only_said_to_be_made_waits_again_and_no_more_when_that_was_wrong_too() -> None:
    decided = fact(
        ContactDecided,
        decision=ContactDecision.CONTACT,
        how=CouldKill({"channel": "sms"}),
        contact_by=TOVHOLDER,
        before=NOW + timedelta(hours=4),
        reason="Hun vil gerne",
    )
    history = (*IN_OPEN_CASE, decided, TRIED)
    assert unmade_contact(given(*history).aggregate) is None
    wrong = given(*history).when(
        CitizenCase.correct_entry,
        entry=7,
        field="outcome",
        instead={"outcome": "another_answered"},
        reason="Det var ikke hende",
    )
    assert unmade_contact(wrong.aggregate) is not None
    again = wrong.aggregate
    again.correct_entry(
        entry=8, field="instead", instead={"outcome": "reached"}, reason="Jo", by=TOVHOLDER, at=NOW
    )
    assert unmade_contact(again) is None


@pytest.mark.parametrize(
    ("recorded", "field", "instead"),
    [
        (TRIED, "outcome", {"outcome": "talked"}),
        (TRIED, "outcome", {"channel": "pigeon"}),
        (TRIED, "outcome", {"outcome": None}),
        (TRIED, "outcome", {"attempted_at": (NOW + timedelta(hours=1)).isoformat()}),
        (TRIED, "outcome", {"attempted_at": "2026-03-01T10:00:00"}),
        (TRIED, "outcome", {"attempted_at": "i går"}),
        (TRIED, "outcome", {"note": "prosa"}),
        (INFORMED, "topics", {"topics": []}),
        (INFORMED, "topics", {"topics": ["gossip"]}),
        (INFORMED, "topics", {"topics": ["rights", "rights"]}),
        (INFORMED, "topics", {"topics": None}),
        (INFORMED, "topics", {"told_citizen_at": (NOW + timedelta(hours=1)).isoformat()}),
    ],
)
def test_a_correction_of_contact_says_what_could_have_been_recorded(
    recorded: Any, field: str, instead: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"entry": 6, "field": field, "instead": instead, "reason": "Forkert"}
    case = given(*IN_OPEN_CASE, recorded)
    case.when(CitizenCase.correct_entry, **asked).then_raises(Invalid, field="instead")


@pytest.mark.parametrize(
    ("history", "words", "kind", "field"),
    [
        ((), {"entry": 9}, Missing, "entry"),
        ((), {"field": "contents.weather"}, Missing, "entry"),
        ((corrected(),), {}, Missing, "entry"),
        ((CONSENTED,), {"entry": 3, "field": "grants"}, Conflict, "entry"),
        ((), {"instead": {"name": "Mette Opdigtet"}}, Conflict, "instead"),
        ((), {"instead": {"report": "x"}}, Invalid, "instead"),
        ((), {"instead": {"warnings": []}}, Invalid, "instead"),
        ((), {"reason": " "}, Invalid, "reason"),
        ((), {"field": "free_text.narrative", "instead": {"text": " "}}, Invalid, "instead"),
        ((), {"field": "free_text.narrative", "instead": {"where": "x"}}, Invalid, "instead"),
        ((ASSESSED,), {"entry": 3, "field": "answers", "instead": {"answers": {}}}, Invalid, "instead"),
        (
            (ASSESSED,),
            {"entry": 3, "field": "answers", "instead": {"answers": {"sum": "7"}}},
            Invalid,
            "instead",
        ),
        ((ASSESSED,), {"entry": 3, "field": "answers", "instead": {"judgement": "grim"}}, Invalid, "instead"),
        ((ASSESSED,), {"entry": 3, "field": "answers", "instead": {"note": "prosa"}}, Invalid, "instead"),
        ((HIGH,), {"entry": 3, "field": "level", "instead": {"level": "grim"}}, Invalid, "instead"),
    ],
)
def test_what_cannot_be_corrected_is_refused(
    history: tuple[Any, ...], words: dict[str, Any], kind: type[HubError], field: str
) -> None:
    asked = {
        "entry": 2,
        "field": "contents.identity",
        "instead": {"name": "Ny"},
        "reason": "Forkert",
        **words,
    }
    given(OPENED, RECEIVED, *history).when(CitizenCase.correct_entry, **asked).then_raises(kind, field=field)


def test_nothing_that_could_kill_is_an_entry_that_can_be_corrected() -> None:
    case = given(OPENED, RECEIVED)
    lethal = {text for _, value in case.aggregate.could_kill for text in (value.value or {}).values()}
    assert lethal
    assert [e for e in case.aggregate.entries if lethal & set(map(str, e.content.data.values()))] == []
