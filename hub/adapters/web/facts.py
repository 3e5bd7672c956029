"""From the data of a part to lines that a person reads. Only what is named here is ever shown.

A field that this page does not know, or can't read, is counted and not shown: nothing slips onto a screen
because somebody added it to a message.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from contracts import cpr, terms
from contracts import social_report_terms_v1 as report
from contracts.terms import CancellationReason, RejectionReason
from hub.adapters.web import lines
from hub.adapters.web.case_facts import OF_THE_CASE
from hub.adapters.web.lines import Fact, Names, Render, moment
from hub.adapters.web.wording import WORDS, Words


def facts_of(data: Mapping[str, Any], words: Words, names: Names) -> tuple[list[Fact], int]:
    """The lines of a part, in a fixed order, and how many of its fields can't be shown."""
    shown: list[Fact] = []
    unshown = len(data.keys() - _RENDER.keys() - _SILENT)
    for field, render in _RENDER.items():
        if data.get(field) in (None, [], {}):
            continue
        try:
            shown += list(render(data[field], words, names))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            unshown += 1
    if "text" in data:
        shown.append(_text(data, words))
    return shown, unshown


def _text(data: Mapping[str, Any], words: Words) -> Fact:
    key = f"text.{data.get('field')}"
    return Fact(words(key if key in WORDS else "text.narrative"), str(data["text"]), text=True)


def _cpr(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    yield Fact(words("field.cpr"), cpr.masked(value))


def _replacement(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    if value:
        yield Fact(words("field.cpr"), words("value.replacement"))


def _born(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    yield Fact(words("field.birth_date"), words.day(date.fromisoformat(value)))


def _age(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    yield Fact(words("field.approximate_age"), words("value.years", n=int(value)))


def _tongue(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    key = f"tongue.{value}"
    yield Fact(words("field.language"), words(key) if key in WORDS else str(value)[:3])


def _interpreter(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    yield Fact(words("field.interpreter_needed"), words("value.needed" if value else "value.not_needed"))


def _warnings(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    known = [words(f"warning.{name}") for name in value]
    yield Fact(words("field.warnings"), " ".join(known))


def _relation(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    yield Fact(words("field.relation"), words.label(terms.RelationKind, value["kind"]))
    yield Fact(words("field.cohabiting"), words.label(report.Answer, value["cohabiting"]))


def _staff_involved(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    yield Fact(words("field.staff_involved"), words("value.yes" if value else "value.no"), grave=bool(value))


def _happened(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    at = words.when(moment(value["at"]))
    if value["precision"] == "period" and value.get("until"):
        at = words("value.between", start=at, end=words.when(moment(value["until"])))
    elif value["precision"] == "period":
        at = words("value.from", start=at)
    elif value["precision"] == "approximate":
        at = words("value.about", at=at, hours=value["give_or_take_hours"])
    yield Fact(words("field.happened"), at)


def _injuries(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    for injury in value:
        found = [words.label(report.InjuryKind, injury["kind"])]
        if "body_part" in injury:
            found.append(words.label(report.BodyPart, injury["body_part"]))
        found.append(words("value.treated", answer=words.label(report.Answer, injury["treated"])))
        yield Fact(words("field.injuries"), ", ".join(found))


def _weapon(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    found = [words.label(report.WeaponKind, value["kind"])]
    if use := value.get("use"):
        found.append(words.label(report.WeaponUse, use))
    yield Fact(words("field.weapon"), ", ".join(found), grave=use is not None)


def _earlier(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    found = [words.label(report.Answer, value["answer"])]
    if count := value.get("count"):
        found.append(words("value.count", n=int(count)))
    if since := value.get("known_since"):
        found.append(words("value.since", day=words.day(date.fromisoformat(since))))
    signs = value.get("signs", [])
    found += [words.labels(report.EarlierSign, signs)] if signs else []
    yield Fact(words("field.earlier_incidents"), ", ".join(found), grave="strangulation" in signs)


def _children(value: Any, words: Words, names: Names) -> Iterator[Fact]:
    yield Fact(words("field.children.present"), words.label(report.Answer, value["present"]))
    for child in value.get("concerned", []):
        yield from _concerned(child, words, names)


def _concerned(child: Any, words: Words, _: Names) -> Iterator[Fact]:
    age = child.get("age")
    found = [words("value.child.age_unknown" if age is None else "value.years", n=age)]
    found.append(words("value.child.there", answer=words.label(report.Answer, child["present"])))
    found.append(words("value.child.saw", answer=words.label(report.Answer, child["saw_or_heard"])))
    yield Fact(words("field.child"), ", ".join(found))


def _wishes(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    accepts = words.label(report.AcceptsContact, value["accepts_contact"])
    yield Fact(words("field.accepts_contact"), accepts)
    if wanted := value.get("help_wanted"):
        yield Fact(words("field.help_wanted"), words.labels(report.HelpWanted, wanted))


def _unit(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    if isinstance(value, str):
        return  # the coordinator's own unit: whose page this is
    yield Fact(words("field.unit"), f"{value['organisation']}, {value['name']}")
    if phone := value.get("phone"):
        yield Fact(words("field.phone"), str(phone))


def _basis(value: Any, words: Words, names: Names) -> Iterator[Fact]:
    if isinstance(value, str):
        return  # the opaque id of a legal basis
    yield Fact(words("field.rule"), words.label(report.HandoverRule, value["rule"]))
    yield from lines.signed("field.decided_by")(value["decided_by"], words, names)
    if informed := value.get("patient_informed"):
        told = words.label(report.PatientInformed, informed)
        yield Fact(words("field.patient_informed"), told)
    if given := value.get("consent_given_at"):
        yield Fact(words("field.consent_given_at"), words.when(moment(given)))


def _answers(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    known = set(report.Answer)
    read = {item: words.label(report.Answer, a) if a in known else str(a) for item, a in value.items()}
    yield Fact(words("field.answers"), ", ".join(f"{item}: {answer}" for item, answer in read.items()))


def _reason(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    closed = RejectionReason if value in set(RejectionReason) else CancellationReason
    yield Fact(words("field.reason"), words.label(closed, value))


def _built_on(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    for one in value:
        told = words.labels(terms.Category, one["categories"])
        who = words.organisation(one["recipient"])
        yield Fact(words("field.built_on.disclosures"), f"{who}: {told}", grave=True)


def _bases_since(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    for one in value:
        rule = words.label(terms.BasisRule, one["rule"]) if "rule" in one else words("basis.consent")
        yield Fact(words("field.built_on.bases"), f"{rule}: {words.organisations(one['recipients'])}")


def _referred_since(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    yield Fact(words("field.built_on.referrals"), words.organisations([one["recipient"] for one in value]))


def _matched_since(value: Any, words: Words, _: Names) -> Iterator[Fact]:
    yield Fact(words("field.built_on.matches"), str(len(value)))


_SILENT: Final = frozenset(
    {
        *("role", "report", "report_id", "supplements", "text", "field"),
        *("consent", "referral", "assessment", "status", "of", "taken_up"),
        *("move", "notification", "entry", "erasure"),
    }
)
"""Opaque ids, and what is shown elsewhere on the page or not at all."""

_RENDER: Final[Mapping[str, Render]] = {
    "name": lines.plain("field.name"),
    "cpr": _cpr,
    "cpr_is_replacement": _replacement,
    "birth_date": _born,
    "approximate_age": _age,
    "concerned": _concerned,
    "relation": _relation,
    "staff_tie": lines.one("field.staff_tie", report.StaffTie),
    "language": _tongue,
    "interpreter_needed": _interpreter,
    "warnings": _warnings,
    "staff_involved": _staff_involved,
    "strangulation": lines.danger("field.strangulation", report.StrangulationSign, "signs"),
    "threats_to_life": lines.danger("field.threats_to_life", report.ThreatTarget, "towards"),
    "weapon": _weapon,
    "happened": _happened,
    "told_at": lines.time("field.told_at"),
    "place_kind": lines.one("field.place_kind", report.PlaceKind),
    "violence_forms": lines.many("field.violence_forms", terms.ViolenceForm),
    "injuries": _injuries,
    "pregnancy": lines.one("field.pregnancy", report.Answer),
    "separation_under_way": lines.one("field.separation_under_way", report.Answer),
    "earlier_incidents": _earlier,
    "done_on_the_spot": lines.many("field.done_on_the_spot", report.DoneOnTheSpot),
    "children": _children,
    "wishes": _wishes,
    "unit": _unit,
    "written_by": lines.signed("field.written_by"),
    "reference": lines.plain("field.reference"),
    "urgency": lines.one("field.urgency", terms.Urgency),
    "basis": _basis,
    "number": lines.plain("field.number"),
    "coordinator": lines.plain("field.coordinator"),
    "rule": lines.one("field.rule", terms.BasisRule),
    "recipients": lines.organisations("field.recipients"),
    "recipient": lines.organisation("field.recipient"),
    "categories": lines.many("field.categories", terms.Category),
    "category": lines.one("field.category", terms.Category),
    "purpose": lines.plain("field.purpose"),
    "ends_at": lines.limit("field.ends_at"),
    "instrument": lines.plain("field.instrument"),
    "instrument_version": lines.plain("field.instrument_version"),
    "answers": _answers,
    "judgement": lines.one("field.judgement", terms.SafetyLevel),
    "previous": lines.one("field.previous", terms.SafetyLevel),
    "level": lines.one("field.level", terms.SafetyLevel),
    **OF_THE_CASE,
    "offer": lines.plain("field.offer"),
    "answer_by": lines.limit("field.answer_by"),
    "escalation": lines.one("field.escalation", terms.Escalation),
    "due": lines.limit("field.due"),
    "reason": _reason,
    "retracted": lines.one("field.retracted", terms.RetractionReason),
    "disclosures": _built_on,
    "bases": _bases_since,
    "referrals": _referred_since,
    "matches": _matched_since,
}
"""How each field is shown, danger first."""
