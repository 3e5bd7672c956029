"""What the fields of a social report say about each other: each rule names its field and the way out."""

import json
from typing import Any

import pytest

from contracts.social_report_basis_v1 import MAY_USE
from contracts.social_report_terms_v1 import HandoverRule
from contracts.social_report_v1 import SocialReport
from contracts.terms import OrganisationKind
from tests.support.social_reports import example, put, refusal

POLICE = "01-politi-natlig-vold-i-hjemmet"
EMERGENCY = "02-skadestue-samme-kvinde-en-time-senere"
CONSENT = "skadestue-mand-slaaet-af-sin-bror"
MAJA = "7403912006"

# the example, what is changed in it, and what the refusal must say
BROKEN: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    (POLICE, {"persons.1.role": "exposed", "persons.1.relation": None}, ("persons", "one report for each")),
    (POLICE, {"persons.0.role": "witness", "persons.0.could_kill": {}}, ("persons", "exactly one exposed")),
    (POLICE, {"persons.1.cpr": MAJA}, ("persons", "cpr", "two reports")),
    (POLICE, {"persons.1.cpr": "740391-2006"}, ("persons", "cpr", "two reports")),
    (POLICE, {"persons.4.cpr": MAJA}, ("persons", "same cpr", "one role")),
    (POLICE, {"persons.0.cpr": "1403912014", "persons.0.cpr_is_replacement": True}, ("60 added",)),
    (POLICE, {"persons.0.cpr": None, "persons.0.cpr_is_replacement": True}, ("60 added",)),
    (POLICE, {"persons.4.id": example()["persons"][0]["id"]}, ("persons", "same id")),
    (POLICE, {"persons.4.relation": {"kind": "partner", "cohabiting": "no"}}, ("relation", "leave it out")),
    (POLICE, {"persons.4.birth_date": "1956-01-01"}, ("approximate_age", "birth_date")),
    (POLICE, {"persons.2.approximate_age": 6, "persons.2.birth_date": None}, ("children.concerned",)),
    (POLICE, {"persons.2.birth_date": "2001-01-01"}, ("persons", "witness")),
    (POLICE, {"persons.2.birth_date": "2026-12-24"}, ("birth_date", "told_at", "pregnancy")),
    (POLICE, {"persons.1.cpr": "0101555000"}, ("persons", "cpr", "told_at", "7th digit")),
    (POLICE, {"persons.1.could_kill.meeting_place": "Kanariefugl"}, ("could_kill", "meeting_place")),
    (POLICE, {"persons.0.could_kill.institution": "Kanariefugl"}, ("could_kill.institution", "whereabouts")),
    (POLICE, {"persons.0.could_kill.safe_contact.channel": "none_is_safe"}, ("channel", "note")),
    (
        POLICE,
        {
            "persons.0.could_kill.safe_contact.channel": "through_another",
            "persons.0.could_kill.safe_contact.handle": None,
        },
        ("handle", "none_is_safe"),
    ),
    (POLICE, {"persons.0.could_kill.safe_contact.windows.0.until_time": "09:00"}, ("until_time",)),
    (POLICE, {"children.present": "no"}, ("present", "yes when")),
    (POLICE, {"children.concerned": [], "children.present": "unknown"}, ("children.concerned", "role child")),
    (POLICE, {"children.concerned.1.person": example()["persons"][4]["id"]}, ("children.concerned",)),
    (POLICE, {"weapon.use": "used"}, ("use", "none and unknown")),
    (POLICE, {"weapon.kind": "knife"}, ("use", "at_hand")),
    (EMERGENCY, {"strangulation.answer": "no"}, ("signs", "unknown if it is denied")),
    (POLICE, {"threats_to_life.answer": "no"}, ("towards",)),
    (POLICE, {"earlier_incidents.answer": "unknown"}, ("answer", "leave them out")),
    (POLICE, {"earlier_incidents.known_since": "2027-01-01"}, ("known_since", "told_at")),
    (POLICE, {"wishes.accepts_contact": "not_asked"}, ("help_wanted", "unsure")),
    (POLICE, {"happened.until": "2026-11-20T23:50:00+01:00"}, ("until", "period")),
    (POLICE, {"happened.precision": "approximate"}, ("give_or_take_hours",)),
    (POLICE, {"happened.give_or_take_hours": 2}, ("give_or_take_hours",)),
    (POLICE, {"happened.at": "2026-11-21T00:11:00+01:00"}, ("told_at", "before it can have begun")),
    (
        POLICE,
        {"happened.precision": "period", "happened.until": "2026-11-20T23:40:00+01:00"},
        ("until", "ends after it begins"),
    ),
    (
        POLICE,
        {"happened.precision": "period", "happened.until": "2026-11-21T00:11:00+01:00"},
        ("happened.until", "still going on"),
    ),
    (POLICE, {"basis.not_for_criminal_investigation": False}, ("not_for_criminal_investigation",)),
    (POLICE, {"basis.patient_informed": "informed"}, ("patient_informed", "no other rule")),
    (EMERGENCY, {"basis.patient_informed": None}, ("patient_informed", "not_yet")),
    (CONSENT, {"basis.consent_given_at": None}, ("consent_given_at",)),
    (CONSENT, {"basis.consent_given_at": "2026-10-01T12:00:00+02:00"}, ("basis.consent_given_at",)),
    (
        POLICE,
        {"basis.rule": "sundhedslov_43", "basis.patient_informed": "informed"},
        ("basis.rule", "health staff", "retsplejelov_115"),
    ),
    (
        EMERGENCY,
        {
            "basis.rule": "retsplejelov_115",
            "basis.patient_informed": None,
            "basis.not_for_criminal_investigation": True,
        },
        ("basis.rule", "not somatic A&E", "sundhedslov_43"),
    ),
    (
        CONSENT,
        {"basis.rule": "child_notification", "basis.consent_given_at": None},
        ("basis.rule", "children.concerned"),
    ),
    ("skadestue-kvaelning-bevidstloes-livsfare", {"urgency": "routine"}, ("urgency", "urgent or acute")),
    (POLICE, {"staff_involved": True}, ("staff_tied", "staff_involved")),
    (
        "politi-udoever-er-kollega-hos-anmelderen",
        {"staff_tied.0.person": example()["persons"][0]["id"]},
        ("staff_tied", "points at the id"),
    ),
]


@pytest.mark.parametrize(("name", "changes", "says"), BROKEN)
def test_a_broken_rule_names_its_field_and_the_way_out(
    name: str, changes: dict[str, Any], says: tuple[str, ...]
) -> None:
    report = example(name)
    for path, value in changes.items():
        put(report, path, value)
    told = refusal(report)
    assert [words for words in says if words not in told] == []
    # Nothing of the whole report: the rule saw all of it.
    for secret in ("Kanariefugl", "Eksempelsen", "Maja", MAJA, "Prøvevænget", "00 31 00", "2026-1", "SKA-26"):
        assert secret not in told


def test_all_that_is_wrong_is_told_at_once() -> None:
    report = example()
    put(report, "persons.1.cpr", MAJA)
    put(report, "staff_involved", True)
    told = refusal(report)
    assert "two reports" in told
    assert "staff_tied" in told


@pytest.mark.parametrize("rule", HandoverRule)
@pytest.mark.parametrize("kind", OrganisationKind)
def test_a_rule_is_for_those_it_is_for(kind: OrganisationKind, rule: HandoverRule) -> None:
    report = example()
    put(report, "unit.kind", kind.value)
    put(report, "basis.rule", rule.value)
    if rule is HandoverRule.SUNDHEDSLOV_43:
        put(report, "basis.patient_informed", "not_yet")
    if rule is HandoverRule.CONSENT:
        put(report, "basis.consent_given_at", "2026-11-21T00:20:00+01:00")
    if kind in MAY_USE[rule]:
        assert SocialReport.model_validate(report).basis.rule is rule
    else:
        assert f"basis.rule: {rule.value} is not for this unit.kind" in refusal(report)


def test_the_two_rules_that_are_easily_mixed_up() -> None:
    assert OrganisationKind.POLICE not in MAY_USE[HandoverRule.SUNDHEDSLOV_43]
    assert OrganisationKind.EMERGENCY_DEPARTMENT not in MAY_USE[HandoverRule.RETSPLEJELOV_115]
    private = {OrganisationKind.NGO, OrganisationKind.SHELTER, OrganisationKind.PSYCHOLOGIST}
    assert not private & MAY_USE[HandoverRule.AUTHORITY_DUTY]
    for rule in (HandoverRule.CONSENT, HandoverRule.VITAL_INTEREST, HandoverRule.CHILD_NOTIFICATION):
        assert MAY_USE[rule] == set(OrganisationKind)


def test_a_report_on_somebody_under_18_is_received() -> None:
    report = example()
    put(report, "persons.0.cpr", None)
    put(report, "persons.0.birth_date", "2010-01-01")
    assert SocialReport.model_validate(report).exposed.birth_date is not None


def test_a_time_in_the_future_is_left_to_whoever_has_a_clock() -> None:
    report = example()
    put(report, "told_at", "2030-01-01T00:00:00+01:00")
    assert SocialReport.model_validate(report).told_at.year == 2030


def test_a_replacement_numbers_date_may_be_any() -> None:
    report = example()
    put(report, "persons.0.cpr", "6101555000")
    put(report, "persons.0.cpr_is_replacement", True)
    assert SocialReport.model_validate(report).exposed.cpr == "6101555000"


@pytest.mark.parametrize("told_at", ["2026-11-21T00:30:00+01:00", "2026-11-20T23:30:00Z"])
def test_the_day_it_was_told_is_the_day_in_denmark_whatever_offset_is_sent(told_at: str) -> None:
    report = example()
    put(report, "told_at", told_at)
    put(report, "happened.at", "2026-11-20T22:00:00+01:00")
    put(report, "earlier_incidents.known_since", "2026-11-21")
    assert SocialReport.model_validate(report).earlier_incidents.known_since is not None


def test_the_night_the_clock_goes_back_is_in_order() -> None:
    """Half past two in summer time comes before ten past two in winter time."""
    report = SocialReport.model_validate(example("politi-oekonomisk-og-materiel-vold-i-aegteskab"))
    assert report.happened.at.isoformat() == "2026-10-25T02:30:00+02:00"
    assert report.told_at.isoformat() == "2026-10-25T02:10:00+01:00"
    assert report.happened.at < report.told_at


def test_it_can_be_told_as_a_json_schema() -> None:
    schema = SocialReport.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["properties"]["told_at"]["format"] == "date-time"
    assert json.dumps(schema)
