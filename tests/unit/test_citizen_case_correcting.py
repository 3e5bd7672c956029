"""Nothing is edited, everything can be set right: a new fact points at what was wrong (domain rule 9)."""

from typing import Any

import pytest

from contracts.terms import Category, SafetyLevel
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    EntryCorrected,
    FreeTextRead,
    SafetyAssessed,
    SafetyLevelChanged,
)
from hub.aggregates.sealing import AboutPerson
from hub.errors import Conflict, HubError, Invalid, Missing
from tests.given import fact, given
from tests.unit.case_facts import CONSENTED, IN_INQUIRY, IN_OPEN_CASE, MAN, OPENED, RECEIVED, made_up

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
