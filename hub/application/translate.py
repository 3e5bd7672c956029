"""Between the published contracts and the domain. Domain events are not messages; here alone they meet."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from contracts.cpr import birth_date
from contracts.message_v1 import Ban
from contracts.social_report_persons_v1 import CHILD_AGE_MAX, Person
from contracts.social_report_terms_v1 import Answer, HandoverRule, ThreatTarget
from contracts.social_report_v1 import CATEGORY, CATEGORY_OF_ROLE, FREE_TEXT, SocialReport
from contracts.terms import AddressProtection, Category, PersonRole
from contracts.times import day_of
from hub.aggregates.citizen_case.terms import AgeKnownBy
from hub.aggregates.sealing import AboutPerson, CouldKill
from hub.application.reports import ReportTaken

_BARE = {"id", "role", "could_kill"}


def report_taken(report: SocialReport, new_id: Callable[[], UUID]) -> ReportTaken:
    """A social report as the domain takes it in.

    Each other person gets a random id of this case, which is also the id of that person's key; the reporter's
    local ids go no further.
    """
    whole = report.model_dump(mode="json", exclude_none=True)
    ties = {str(t.person): t.tie.value for t in report.staff_tied}
    ids = {str(p.id): new_id() for p in report.persons if p.role is not PersonRole.EXPOSED}
    free_text = {name: text for name in FREE_TEXT if (text := _taken_out(whole, name)) is not None}
    apart = _children_apart(whole)
    contents: dict[str, dict[str, Any]] = {Category.IDENTITY: _identity(report.exposed)}
    if tie := ties.get(str(report.exposed.id)):
        contents[Category.OTHER_PERSONS] = {"staff_tie": tie}
    for name, category in CATEGORY.items():
        if name in whole and name not in {"narrative", "staff_tied"}:
            contents.setdefault(category, {})[name] = whole[name]
    return ReportTaken(
        report_id=report.report_id,
        reference=report.reference,
        urgency=report.urgency,
        happened=whole["happened"],
        contents=contents,
        others=tuple(
            AboutPerson(ids[str(p.id)], {"role": p.role.value, "contents": _other(p, ties, apart)})
            for p in report.persons
            if p.role is not PersonRole.EXPOSED
        ),
        could_kill=tuple(_could_kill(p, ids) for p in report.persons if _lethal(p)),
        free_text=free_text,
        basis={
            "rule": report.basis.rule.value,
            "decided_by": whole["basis"]["decided_by"],
            "bans": [Ban.CRIMINAL_INVESTIGATION.value] if report.basis.not_for_criminal_investigation else [],
        },
        warnings=tuple(_warnings(report.exposed)),
        staff_involved=report.staff_involved,
        child_at_risk=_child_at_risk(report),
        under_18_by=_under_18_by(report),
        supplements=report.supplements,
        cpr=tuple((p.role.value, p.cpr) for p in report.persons if p.cpr is not None),
    )


def _child_at_risk(report: SocialReport) -> bool:
    """Whether a child is told of in any way that sets off the duty to notify (domain rule 7)."""
    return (
        report.children.present is Answer.YES
        or bool(report.children.concerned)
        or ThreatTarget.CHILDREN in report.threats_to_life.towards
        or report.basis.rule is HandoverRule.CHILD_NOTIFICATION
    )


def _under_18_by(report: SocialReport) -> AgeKnownBy | None:
    """How it is known that the exposed person is under 18 on the day that the reporter was told."""
    exposed = report.exposed
    return under_18_by(exposed.birth_date, exposed.cpr, exposed.approximate_age, day_of(report.told_at))


def under_18_by(
    born: date | None, cpr: str | None, approximate_age: int | None, on: date
) -> AgeKnownBy | None:
    """How it is known, on a day, that somebody is under 18.

    A date of birth goes before a CPR number, whose date may be another: a replacement number's even one that
    is still to come, and then it says nothing.
    """
    if born is not None:
        return AgeKnownBy.BIRTH_DATE if _years(born, on) <= CHILD_AGE_MAX else None
    if cpr is not None and (of_number := birth_date(cpr)) <= on:
        return AgeKnownBy.CPR if _years(of_number, on) <= CHILD_AGE_MAX else None
    if approximate_age is not None and approximate_age <= CHILD_AGE_MAX:
        return AgeKnownBy.APPROXIMATE_AGE
    return None


def _years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _identity(exposed: Person) -> dict[str, Any]:
    return {**_bare(exposed), "warnings": _warnings(exposed)}


def _bare(person: Person) -> dict[str, Any]:
    return person.model_dump(mode="json", exclude_none=True, exclude=_BARE)


def _children_apart(whole: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Take out what is told of each child that is a person of the report: it goes under that child's key."""
    apart: dict[str, dict[str, Any]] = {}
    nameless = []
    for child in whole["children"].get("concerned", []):
        person = child.pop("person", None)
        if person is None:
            nameless.append(child)
        else:
            apart[person] = child
    whole["children"]["concerned"] = nameless
    return apart


def _other(
    person: Person, ties: dict[str, str], apart: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    contents: dict[str, dict[str, Any]] = {CATEGORY_OF_ROLE[person.role]: _bare(person)}
    if concerned := apart.get(str(person.id)):
        contents[Category.CHILDREN]["concerned"] = concerned
    if tie := ties.get(str(person.id)):
        contents.setdefault(Category.OTHER_PERSONS, {})["staff_tie"] = tie
    return contents


def _lethal(person: Person) -> dict[str, Any]:
    return person.could_kill.model_dump(mode="json", exclude_none=True)


def _could_kill(person: Person, ids: dict[str, UUID]) -> CouldKill:
    return CouldKill(_lethal(person), ids.get(str(person.id)))


def _warnings(exposed: Person) -> list[str]:
    """That rules exist. An address that nobody said is open counts as protected (domain rule 5)."""
    lethal = exposed.could_kill
    found = ["safe_contact"] if lethal.safe_contact or lethal.meeting_place else []
    if lethal.protected_address is not AddressProtection.NONE:
        found.append("protected_address")
    return found


def _taken_out(whole: dict[str, Any], name: str) -> str | None:
    *path, last = name.split(".")
    at = whole
    for step in path:
        at = at[step]
    text: str | None = at.pop(last, None)
    return text
