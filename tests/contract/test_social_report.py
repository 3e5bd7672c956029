"""The social report: sixteen that are like those people write, and the many that are refused."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from contracts.cpr import birth_date, is_test
from contracts.fields import LINE_MAX
from contracts.social_report_basis_v1 import MAY_USE
from contracts.social_report_persons_v1 import CouldKill, Person
from contracts.social_report_terms_v1 import Answer, HandoverRule, StaffTie
from contracts.social_report_v1 import CATEGORY, CATEGORY_OF_ROLE, FREE_TEXT, SocialReport
from contracts.terms import (
    AddressProtection,
    BasisRule,
    OrganisationKind,
    PersonRole,
    RelationKind,
    ViolenceForm,
)
from tests.support.social_reports import REPORTS, SOURCES, example, put, refusal

WOMEN = {
    "01-politi-natlig-vold-i-hjemmet",
    "02-skadestue-samme-kvinde-en-time-senere",
    "politi-oekonomisk-og-materiel-vold-i-aegteskab",
    "politi-supplerer-natlig-vold-i-hjemmet",
    "politi-stalking-tidligere-partner-beskyttet-adresse",
    "politi-udoever-er-kollega-hos-anmelderen",
    "politi-ung-kvinde-kontrolleret-af-sin-far",
    "skadestue-kvaelning-bevidstloes-livsfare",
    "skadestue-kvinde-med-erstatningsnummer",
    "skadestue-kvinde-uden-cpr-seksuel-vold",
    "sundhedspleje-nybagt-mor-kontrolleres",
}
MEN = {
    "politi-mand-haevnporno-tidligere-kaereste",
    "politi-mand-stukket-med-kniv-af-samlever",
    "skadestue-aeldre-mand-slaaet-af-voksen-soen",
    "skadestue-mand-i-koerestol-vold-fra-hjaelper",
    "skadestue-mand-slaaet-af-sin-bror",
}
FIRST = REPORTS["01-politi-natlig-vold-i-hjemmet"]
SECOND = REPORTS["02-skadestue-samme-kvinde-en-time-senere"]


@pytest.mark.parametrize("name", SOURCES)
def test_an_example_is_read_and_written_as_it_was(name: str) -> None:
    report = REPORTS[name]
    assert SocialReport.model_validate_json(report.model_dump_json()) == report
    assert SocialReport.model_validate(json.loads(SOURCES[name])) == report
    assert report.model_dump(mode="json", exclude_unset=True) == json.loads(SOURCES[name])


def test_the_examples_cover_what_is_met_in_practice() -> None:
    reports = REPORTS.values()
    people = [person for report in reports for person in report.persons]
    assert {form for report in reports for form in report.violence_forms} == set(ViolenceForm)
    assert {person.relation.kind for person in people if person.relation} == set(RelationKind)
    assert {report.unit.kind for report in reports} >= {
        OrganisationKind.POLICE,
        OrganisationKind.EMERGENCY_DEPARTMENT,
    }
    assert set(REPORTS) == WOMEN | MEN
    assert any(report.exposed.cpr is None for report in reports)
    assert any(report.exposed.cpr_is_replacement for report in reports)
    assert any(report.exposed.could_kill.protected_address is AddressProtection.SPECIAL for report in reports)
    assert any(StaffTie.IS_STAFF in {t.tie for t in report.staff_tied} for report in reports)
    assert any(report.strangulation.answer is Answer.YES for report in reports)
    named = [child.person is not None for r in reports for child in r.children.concerned]
    assert any(named)
    assert not all(named)
    assert {report.basis.rule for report in reports} == set(HandoverRule) - {HandoverRule.AUTHORITY_DUTY}


def test_police_and_emergency_department_report_the_same_woman_an_hour_apart() -> None:
    assert FIRST.exposed.cpr == SECOND.exposed.cpr
    assert (FIRST.unit.kind, SECOND.unit.kind) == ("police", "emergency_department")
    assert 3_000 < (SECOND.told_at - FIRST.told_at).total_seconds() < 5_400
    # What only both together tell: to the police she did not speak of it.
    assert (FIRST.strangulation.answer, SECOND.strangulation.answer) == (Answer.UNKNOWN, Answer.YES)


def test_somebody_is_exposed_in_one_report_and_perpetrator_in_another() -> None:
    exposed = {report.exposed.cpr for report in REPORTS.values()} - {None}
    others = {person.cpr for r in REPORTS.values() for person in r.persons if person.role == "perpetrator"}
    assert exposed & others


def test_nobody_in_the_examples_can_exist() -> None:
    """Numbers with 60 added to the day, telephone numbers that begin with 00, ids of their own."""
    ids = [report.report_id for report in REPORTS.values()]
    assert len(set(ids)) == len(ids)
    for report in REPORTS.values():
        for person in report.persons:
            assert person.could_kill.phone is None or person.could_kill.phone.startswith("00 ")
            if person.cpr is not None:
                assert is_test(person.cpr)
                assert 0 <= report.told_at.year - birth_date(person.cpr).year < 90


def test_every_field_has_its_category_and_free_text_stands_only_where_it_is_said() -> None:
    assert {*CATEGORY, "persons"} == set(SocialReport.model_fields)
    assert set(CATEGORY_OF_ROLE) == set(PersonRole)
    assert set(texts(SocialReport)) - {"persons.could_kill.safe_contact.note"} == set(FREE_TEXT)


def texts(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Where in the model free text may stand: the fields whose schema allows more than a line."""
    for name, field in model.model_fields.items():
        inner = [kind for kind in parts(field.annotation) if isinstance(kind, type)]
        for kind in inner:
            if issubclass(kind, BaseModel):
                yield from texts(kind, f"{path}{name}.")
        schema = json.dumps(model.model_json_schema()["properties"][name])
        if any(int(length) > LINE_MAX for length in re.findall(r'"maxLength": (\d+)', schema)):
            yield path + name


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def test_printing_a_report_shows_nobody() -> None:
    printed = f"{FIRST} {FIRST!r} {FIRST.persons} {FIRST.exposed.could_kill!r} {FIRST.written_by}"
    assert not {"Maja", "7403912006", "Prøvevænget", "Tænkebo"} & set(printed.replace("'", " ").split())
    assert "Maja" not in printed


def test_the_rules_are_those_of_the_published_language_and_consent() -> None:
    assert {rule.value for rule in HandoverRule} == {rule.value for rule in BasisRule} | {"consent"}
    assert set(MAY_USE) == set(HandoverRule)


def test_could_kill_is_one_part_that_a_sealer_can_lift_out() -> None:
    lifted = Person.model_validate(FIRST.exposed.model_dump(exclude={"could_kill"}))
    assert lifted.could_kill == CouldKill()
    assert "31 00" not in lifted.model_dump_json()


SECRET = "Kanariefugl"
BAD_VALUES = [
    ("report_id", SECRET, "report_id"),
    ("reference", "", "reference"),
    ("reference", f"{SECRET}\nen linje til", "reference"),
    ("reference", SECRET * 30, "reference"),
    ("unit.kind", SECRET, "unit.kind"),
    ("urgency", SECRET, "urgency"),
    ("happened.precision", SECRET, "happened.precision"),
    ("happened.at", "1987-07-09T03:04:05", "happened.at"),
    ("happened.at", "1987-07-09", "happened.at"),
    ("happened.at", 552798245, "happened.at"),
    ("happened.at", "1987-17-39T03:04:05+01:00", "happened.at"),
    ("happened.at", "0001-01-01T00:00:00+01:00", "happened.at"),
    ("told_at", "1987-07-09T03:04:05", "told_at"),
    ("told_at", SECRET, "told_at"),
    ("happened.until", "1987-07-09T03:04:05+02:00", "until"),
    ("happened.give_or_take_hours", 4711, "give_or_take_hours"),
    ("place_kind", SECRET, "place_kind"),
    ("persons", [], "persons"),
    ("persons.0.id", SECRET, "persons.0.id"),
    ("persons.0.role", SECRET, "persons.0.role"),
    ("persons.0.name", f"{SECRET}\x00", "persons.0.name"),
    ("persons.0.cpr", "3002901234", "persons.0.cpr"),
    ("persons.0.cpr", "123456789", "persons.0.cpr"),
    ("persons.0.cpr", 7403912006, "persons.0.cpr"),
    ("persons.0.birth_date", 4711, "persons.0.birth_date"),
    ("persons.0.birth_date", "1987-02-31", "persons.0.birth_date"),
    ("persons.0.approximate_age", "4711", "persons.0.approximate_age"),
    ("persons.0.approximate_age", -4711, "persons.0.approximate_age"),
    ("persons.0.language", SECRET, "persons.0.language"),
    ("persons.0.interpreter_needed", "yes", "persons.0.interpreter_needed"),
    ("persons.0.could_kill.protected_address", SECRET, "could_kill.protected_address"),
    ("persons.0.could_kill.safe_contact.channel", SECRET, "safe_contact.channel"),
    ("persons.0.could_kill.safe_contact.windows.0.days.0", SECRET, "windows.0.days.0"),
    ("persons.0.could_kill.safe_contact.windows.0.from_time", "24:61", "windows.0.from_time"),
    ("persons.0.could_kill.safe_contact.must_not_know.2", "Jonas Prøvegaard", "must_not_know"),
    ("persons.1.relation.kind", SECRET, "persons.1.relation.kind"),
    ("children.present", SECRET, "children.present"),
    ("children.concerned.0.age", 18, "children.concerned.0.age"),
    ("violence_forms", [], "violence_forms"),
    ("violence_forms.0", SECRET, "violence_forms.0"),
    ("violence_forms.3", "physical", "violence_forms"),
    ("injuries.0.kind", SECRET, "injuries.0.kind"),
    ("injuries", [{"kind": "bruise", "treated": "no"}] * 31, "injuries"),
    ("weapon.kind", SECRET, "weapon.kind"),
    ("strangulation.answer", SECRET, "strangulation.answer"),
    ("threats_to_life.towards.0", SECRET, "threats_to_life.towards.0"),
    ("earlier_incidents.count", 4711, "earlier_incidents.count"),
    ("earlier_incidents.signs.0", SECRET, "earlier_incidents.signs.0"),
    ("done_on_the_spot.0", SECRET, "done_on_the_spot.0"),
    ("wishes.accepts_contact", SECRET, "wishes.accepts_contact"),
    ("narrative", SECRET * 1_000, "narrative"),
    ("narrative", f"{SECRET}\x07", "narrative"),
    ("narrative", [SECRET], "narrative"),
    ("basis.rule", SECRET, "basis.rule"),
    ("basis.reason", SECRET * 200, "basis.reason"),
    ("basis.not_for_criminal_investigation", "yes", "basis.not_for_criminal_investigation"),
    ("basis.decided_by", SECRET, "basis.decided_by"),
    ("staff_involved", 1, "staff_involved"),
    ("unheard_of", SECRET, "unheard_of"),
    ("persons.0.sex", SECRET, "persons.0.sex"),
]


@pytest.mark.parametrize(("path", "value", "field"), BAD_VALUES)
def test_a_bad_value_is_refused_by_the_name_of_its_field_and_never_repeated(
    path: str, value: object, field: str
) -> None:
    report = example()
    put(report, path, value)
    told = refusal(report)
    assert field in told
    assert SECRET not in told
    if isinstance(value, int | str) and len(str(value)) > 3 and str(value) not in ("physical",):
        assert str(value) not in told


@pytest.mark.parametrize("field", [n for n, f in SocialReport.model_fields.items() if f.is_required()])
def test_a_missing_field_is_named(field: str) -> None:
    report = example()
    del report[field]
    assert field in refusal(report)
