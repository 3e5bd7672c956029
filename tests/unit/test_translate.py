"""A report as the domain takes it in: everything once, each thing in the place that its danger asks for."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from contracts.message_v1 import Ban
from contracts.social_report_v1 import CATEGORY_OF_ROLE, FREE_TEXT, SocialReport
from contracts.terms import AddressProtection, Category, PersonRole
from hub.application import ReportTaken
from hub.application.translate import report_taken
from tests.support.social_reports import REPORTS, example
from tests.world import NIGHT, planted

every_example = pytest.mark.parametrize("name", REPORTS)


def taken(name: str) -> ReportTaken:
    return report_taken(REPORTS[name], uuid4)


def words(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is not a container, with the names that lead to it; places in lists left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


# --- in its place -------------------------------------------------------------------------------------


@every_example
def test_no_value_that_could_kill_is_among_what_can_be_told(name: str) -> None:
    report = planted(name)
    found = report_taken(report.report, uuid4)
    told = words([found.contents, [o.value for o in found.others], found.free_text, found.happened])
    told += words([found.basis, found.warnings, found.reference])
    assert [c for c in report.could_kill if c in told] == []
    kept = words([c.value for c in found.could_kill])
    assert [c for c in report.could_kill if c not in kept] == []


@every_example
def test_no_free_text_is_among_what_is_told_unread(name: str) -> None:
    report = planted(name)
    found = report_taken(report.report, uuid4)
    told = words([found.contents, [o.value for o in found.others], found.happened, found.basis])
    assert [c for c in report.free_text if c in told] == []
    assert set(found.free_text) == set(FREE_TEXT)
    assert Counter(found.free_text.values()) == Counter(report.free_text)


@every_example
def test_no_field_of_another_person_is_in_what_is_about_the_citizen(name: str) -> None:
    report = planted(name)
    found = report_taken(report.report, uuid4)
    own = words([found.contents, found.basis, found.happened])
    assert [c for c in report.others if c in own] == []
    for person in REPORTS[name].persons:
        if person.role is not PersonRole.EXPOSED and person.cpr:
            assert person.cpr not in own
    kept = words([o.value for o in found.others])
    assert [c for c in report.others if c not in kept] == []


@every_example
def test_nothing_about_the_citizen_is_under_another_persons_key(name: str) -> None:
    report = planted(name)
    found = report_taken(report.report, uuid4)
    assert [c for c in report.citizen if c in words([o.value for o in found.others])] == []


@every_example
def test_each_other_person_is_apart_under_a_new_id_and_in_the_category_of_the_role(name: str) -> None:
    found = taken(name)
    others = [p for p in REPORTS[name].persons if p.role is not PersonRole.EXPOSED]
    assert len({o.person for o in found.others}) == len(found.others) == len(others)
    for about, person in zip(found.others, others, strict=True):
        assert about.value is not None
        assert about.value["role"] == person.role
        assert CATEGORY_OF_ROLE[person.role] in about.value["contents"]
        assert Category.FREE_TEXT not in about.value["contents"]


@every_example
def test_what_could_kill_another_person_is_sealed_under_that_persons_key_too(name: str) -> None:
    report = planted(name)
    found = report_taken(report.report, uuid4)
    assert len(found.could_kill) == len(report.report.persons)
    ids = {o.person for o in found.others}
    assert sum(c.person is None for c in found.could_kill) == 1
    assert {c.person for c in found.could_kill if c.person is not None} == ids


@every_example
def test_the_reporters_own_ids_of_persons_go_no_further(name: str) -> None:
    found = taken(name)
    everything = words(
        [found.contents, [o.value for o in found.others], [c.value for c in found.could_kill], found.basis]
    )
    assert [p for p in REPORTS[name].persons if str(p.id) in everything] == []


def test_what_is_told_of_a_child_that_is_known_goes_under_that_childs_own_key() -> None:
    found = taken(NIGHT)
    others = [o.value for o in found.others if o.value and o.value["role"] == "child"]
    told = [other["contents"][Category.CHILDREN]["concerned"] for other in others]
    assert told
    assert all({"age", "present", "saw_or_heard"} <= child.keys() for child in told)
    citizen = found.contents[Category.CHILDREN]["children"]
    assert citizen["present"] == "yes"
    assert citizen["concerned"] == []


def test_a_child_of_whom_nothing_more_is_known_stays_with_the_citizen() -> None:
    """Two nameless children that are told of alike are still two."""
    report = example(NIGHT)
    nameless = {"age": 6, "present": "yes", "saw_or_heard": "yes"}
    report["persons"] = [p for p in report["persons"] if p["role"] != "child"]
    report["children"] = {"present": "yes", "concerned": [nameless, dict(nameless)]}
    found = report_taken(SocialReport.model_validate(report), uuid4)
    assert found.contents[Category.CHILDREN]["children"]["concerned"] == [nameless, nameless]


# --- everything, once ---------------------------------------------------------------------------------

_LOCAL = {"persons.id", "children.concerned.person", "staff_tied.person"}
"""Ids within the report: renamed, or replaced by where the value now stands."""


@every_example
def test_every_field_of_a_report_stands_somewhere_once(name: str) -> None:
    whole = REPORTS[name].model_dump(mode="json", exclude_none=True)
    sent = Counter((path.rpartition(".")[2], words(v)) for path, v in leaves(whole) if path not in _LOCAL)
    found = taken(name)
    kept: Counter[tuple[str, str]] = Counter()
    roles = [("role", words(o.value["role"])) for o in found.others if o.value]
    kept.update([*roles, ("role", words("exposed"))])
    places = [
        *found.contents.values(),
        *[contents for o in found.others for contents in (o.value or {})["contents"].values()],
        *[c.value for c in found.could_kill],
    ]
    for place in places:
        for path, value in leaves(place):
            last = path.rpartition(".")[2]
            if last == "warnings" or path == "children.concerned.person":
                continue
            kept[("tie" if last == "staff_tie" else last, words(value))] += 1
    kept.update((field.rpartition(".")[2], words(text)) for field, text in found.free_text.items())
    assert kept == sent


@every_example
def test_the_blind_index_gets_every_cpr_number_with_its_role_and_nothing_else(name: str) -> None:
    persons = REPORTS[name].persons
    assert taken(name).cpr == tuple((p.role.value, p.cpr) for p in persons if p.cpr is not None)


@every_example
def test_the_ban_of_the_reporters_basis_comes_along(name: str) -> None:
    banned = REPORTS[name].basis.not_for_criminal_investigation
    assert taken(name).basis["bans"] == ([Ban.CRIMINAL_INVESTIGATION.value] if banned else [])


# --- warnings: that there are rules, never which ------------------------------------------------------


def report_with(**could_kill: Any) -> SocialReport:
    report = example("skadestue-kvinde-uden-cpr-seksuel-vold")
    report["persons"][0]["could_kill"] = could_kill
    return SocialReport.model_validate(report)


@pytest.mark.parametrize("protection", [None, *AddressProtection])
def test_an_address_counts_as_protected_unless_somebody_said_that_it_is_open(
    protection: AddressProtection | None,
) -> None:
    said = {} if protection is None else {"protected_address": protection.value}
    found = report_taken(report_with(address="Prøvevej 1", **said), uuid4)
    open_to_all = protection is AddressProtection.NONE
    assert ("protected_address" in found.warnings) is not open_to_all
    assert ("protected_address" in found.contents[Category.IDENTITY]["warnings"]) is not open_to_all


def test_a_report_without_any_address_counts_as_protected() -> None:
    assert "protected_address" in report_taken(report_with(), uuid4).warnings


@pytest.mark.parametrize(
    "rules", [{"meeting_place": "Biblioteket"}, {"safe_contact": {"channel": "sms", "handle": "00 00 00 01"}}]
)
def test_rules_of_contact_give_a_warning_and_stay_apart(rules: dict[str, Any]) -> None:
    found = report_taken(report_with(**rules), uuid4)
    assert "safe_contact" in found.warnings
    assert "00 00 00 01" not in words(found.contents)
    assert "Biblioteket" not in words(found.contents)


def test_a_member_of_staff_who_is_a_party_is_told_of_with_the_person_it_is() -> None:
    found = taken("politi-udoever-er-kollega-hos-anmelderen")
    assert found.staff_involved
    tied = [o.value["contents"] for o in found.others if o.value and "staff_tie" in words(o.value)]
    assert [list(c) for c in tied] == [[Category.OTHER_PERSONS]]


# --- children -----------------------------------------------------------------------------------------


def changed(name: str, **fields: Any) -> ReportTaken:
    """An example as taken in, with other words in these fields; `exposed` changes the exposed person."""
    report = example(name)
    for key, value in fields.pop("exposed", {}).items():
        for person in report["persons"]:
            if person["role"] == "exposed":
                person[key] = value
    report |= fields
    for person in report["persons"]:
        if person["role"] == "exposed":
            for key in [k for k, v in person.items() if v is None]:
                del person[key]
    return report_taken(SocialReport.model_validate_json(json.dumps(report)), uuid4)


CHILDLESS = "skadestue-mand-slaaet-af-sin-bror"
NO_AGE = {"birth_date": None, "cpr": None, "approximate_age": None}


@every_example
def test_a_child_in_a_report_is_a_child_at_risk(name: str) -> None:
    report = REPORTS[name]
    told = any(p.role is PersonRole.CHILD for p in report.persons) or bool(report.children.concerned)
    assert taken(name).child_at_risk == told


@pytest.mark.parametrize(
    "fields",
    [
        {"children": {"present": "no", "concerned": [{"present": "no", "saw_or_heard": "unknown"}]}},
        {"children": {"present": "yes", "concerned": [{"present": "yes", "saw_or_heard": "no"}]}},
        {"threats_to_life": {"answer": "yes", "towards": ["children"]}},
    ],
)
def test_a_child_that_is_only_mentioned_or_threatened_is_at_risk_too(fields: dict[str, Any]) -> None:
    assert not changed(CHILDLESS).child_at_risk
    assert changed(CHILDLESS, **fields).child_at_risk


def test_a_report_handed_over_as_a_notification_about_an_unborn_child_is_one() -> None:
    basis = {**example(CHILDLESS)["basis"], "rule": "child_notification"}
    basis.pop("consent_given_at", None)
    assert changed(CHILDLESS, pregnancy="yes", basis=basis).child_at_risk


@pytest.mark.parametrize(
    ("age", "known_by"),
    [
        ({"birth_date": "2008-11-22"}, "birth_date"),
        ({"birth_date": "2008-11-21"}, None),
        ({"cpr": "2211084002"}, "cpr"),
        ({"cpr": "2111084002"}, None),
        ({"cpr": "8211084002"}, "cpr"),
        ({"cpr": "6101555000", "cpr_is_replacement": True}, None),
        ({"cpr": "6101555000", "cpr_is_replacement": True, "approximate_age": 17}, "approximate_age"),
        ({"approximate_age": 17}, "approximate_age"),
        ({"approximate_age": 18}, None),
        ({"birth_date": "2000-01-01", "cpr": "2211084002"}, None),
        ({"birth_date": "2010-01-01", "cpr": "0101010101"}, "birth_date"),
        ({}, None),
    ],
)
def test_who_is_under_18_on_the_day_the_reporter_was_told(age: dict[str, Any], known_by: str | None) -> None:
    """By the date of birth before the CPR number, whose date may be another; by the day in Copenhagen."""
    when = {"happened": {"precision": "point", "at": "2026-11-21T20:00:00+01:00"}}
    told = changed(
        "politi-mand-haevnporno-tidligere-kaereste",
        exposed={**NO_AGE, **age},
        told_at="2026-11-21T21:30:00+01:00",
        **when,
        earlier_incidents={"answer": "unknown"},
    )
    assert told.under_18_by == known_by
    next_day = changed(
        "politi-mand-haevnporno-tidligere-kaereste",
        exposed={**NO_AGE, "birth_date": "2008-11-22"},
        told_at="2026-11-21T23:30:00Z",
        **when,
        earlier_incidents={"answer": "unknown"},
    )
    assert next_day.under_18_by is None
