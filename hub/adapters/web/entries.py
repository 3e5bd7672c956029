"""The timeline as a page shows it: days, entries, and in each the citizen's part and other persons apart."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from contracts.message_v1 import Ban, Part
from contracts.terms import Category, MessageKind, OrganisationKind, PersonRole, Urgency
from contracts.times import day_of
from hub.adapters.web.facts import facts_of
from hub.adapters.web.lines import Fact, Names
from hub.adapters.web.wording import WORDS, Words
from hub.aggregates.citizen_case.terms import NotificationCause
from hub.aggregates.citizen_case.values import Notification
from hub.gates.opening import OpenedRow

KindOf = Callable[[str], str | None]
"""The kind of a partner, by its slug."""
Asked = Mapping[str, tuple[str, ...]]
"""Slugs of organisations, by the id of a referral, consent or legal basis."""

_SHAPES = {
    OrganisationKind.POLICE: "police",
    OrganisationKind.EMERGENCY_DEPARTMENT: "emergency",
    OrganisationKind.NGO: "ngo",
    OrganisationKind.SHELTER: "ngo",
    OrganisationKind.MUNICIPAL_UNIT: "municipality",
}
_REPORTS = {MessageKind.REPORT_RECEIVED, MessageKind.REPORT_SUPPLEMENTED}
_BY_A_REPORT = {NotificationCause.REPORT, NotificationCause.MINOR}
_ANSWERS = {
    MessageKind.REFERRAL_RECEIVED,
    MessageKind.REFERRAL_ACCEPTED,
    MessageKind.REFERRAL_REJECTED,
    MessageKind.REFERRAL_IN_PROGRESS,
    MessageKind.REFERRAL_COMPLETED,
}
_ENDS = {
    MessageKind.CONSENT_WITHDRAWN,
    MessageKind.CONSENT_CORRECTED,
    MessageKind.CONSENT_EXPIRED,
    MessageKind.LEGAL_BASIS_ENDED,
    MessageKind.LEGAL_BASIS_CORRECTED,
}
_ALWAYS_URGENCY = {
    MessageKind.REPORT_RECEIVED,
    MessageKind.REPORT_SUPPLEMENTED,
    MessageKind.REFERRAL_REQUESTED,
}
_MANY = 6
_ORDER = [
    Category.IDENTITY,
    Category.WISHES,
    Category.INCIDENT,
    Category.CHILDREN,
    Category.OTHER_PERSONS,
    Category.RISK,
    Category.REFERRAL,
    Category.COORDINATION,
    Category.FREE_TEXT,
]
"""Who and what she or he wants, then what happened, then how we know."""


@dataclass(frozen=True, slots=True)
class ChildDue:
    """A child notification that waits: what it came of, in words, and by when a person must answer."""

    what: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """Where an entry comes from: in words, and the shape beside them."""

    word: str
    name: str
    shape: str


@dataclass(frozen=True, slots=True)
class Section:
    """One category about the citizen, or one other person."""

    title: str
    facts: Sequence[Fact]
    banned: bool
    unshown: int

    @property
    def wide(self) -> bool:
        """Whether it holds much, or somebody's own words."""
        return len(self.facts) > _MANY or any(fact.text for fact in self.facts)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as an entry of the timeline."""

    at: datetime
    kind: MessageKind
    title: str
    source: Source
    urgency: Urgency | None
    deadline: datetime | None
    note: str
    banned: bool
    """Whether the purpose ban lies on all of it; else it stands at each section."""
    sections: Sequence[Section]
    persons: Sequence[Section]
    closed: int
    """Parts that no living grant carries any more."""
    corrected: int
    """Parts in whose place a later entry stands."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day in Copenhagen."""

    title: str
    entries: Sequence[Entry]


def days(rows: Sequence[OpenedRow], words: Words, kind_of: KindOf) -> list[Day]:
    """The entries in order, by day."""
    asked = recipients(rows)
    wrong = {named for row in rows for part in row.parts for named in part.corrects}
    corrected = Counter(named.message for named in wrong)
    entries = [_entry(row, words, kind_of, asked, corrected[row.row.message_id]) for row in rows]
    grouped = groupby(entries, key=lambda e: day_of(e.at))
    return [Day(words.long_day(on), list(found)) for on, found in grouped]


def children_due(rows: Sequence[OpenedRow], words: Words, waiting: Iterable[Notification]) -> list[ChildDue]:
    """What waits for an answer about children, told apart by when it came and what it came of."""
    what: dict[str, str] = {}
    reported: dict[UUID, Source] = {}
    for row in rows:
        if row.head.kind in _REPORTS:
            reported[row.head.thread] = _reporter(row, words)
        for data in (part.data for part in row.parts if row.head.kind is MessageKind.CHILD_NOTIFICATION_DUE):
            cause, source = words.label(NotificationCause, data["cause"]), reported.get(row.head.thread)
            if data["cause"] in _BY_A_REPORT and source is not None:
                cause += f" ({', '.join(filter(None, (source.word, source.name)))})"
            what.setdefault(str(data["notification"]), f"{words.when(row.head.recorded)}, {cause}")
    unread = words("case.child.unread")
    return [ChildDue(what.get(str(one.due_id), unread), one.deadline) for one in waiting]


def recipients(rows: Iterable[OpenedRow]) -> dict[str, tuple[str, ...]]:
    """Who was asked, by referral, and to whom a basis let something go: what follows does not repeat it."""
    found: dict[str, tuple[str, ...]] = {}
    for data in (part.data for row in rows for part in row.parts):
        if "referral" in data and "recipient" in data:
            found[str(data["referral"])] = (str(data["recipient"]),)
        elif "recipients" in data:
            found[_basis_id(data)] = tuple(map(str, data["recipients"]))
    return found


def _basis_id(data: Mapping[str, Any]) -> str:
    return str(data.get("consent") or data.get("basis"))


def _note(row: OpenedRow, words: Words, asked: Asked) -> str:
    if row.head.kind in _ENDS:
        covered = [asked[key] for part in row.parts if (key := _basis_id(part.data)) in asked]
        return words("note.ended", to=words.organisations(covered[0])) if covered else ""
    key = f"note.{row.head.kind}"
    return words(key) if key in WORDS else ""


def _entry(row: OpenedRow, words: Words, kind_of: KindOf, asked: Asked, corrected: int) -> Entry:
    head, parts = row.head, row.parts
    names = _names(parts, words)
    shows = head.urgency is not Urgency.ROUTINE or head.kind in _ALWAYS_URGENCY
    return Entry(
        at=head.recorded,
        kind=head.kind,
        title=words.label(MessageKind, head.kind),
        source=_source(row, words, kind_of, asked),
        urgency=head.urgency if shows else None,
        deadline=None if head.kind is MessageKind.ESCALATED else head.deadline,
        note=_note(row, words, asked),
        banned=bool(parts) and all(_banned(p) for p in parts),
        sections=_sections(parts, words, names),
        persons=_persons(parts, words, names),
        closed=len(head.parts) - len(parts),
        corrected=corrected,
    )


def _banned(part: Part) -> bool:
    return Ban.CRIMINAL_INVESTIGATION in part.bans


def _sections(parts: Sequence[Part], words: Words, names: Names) -> list[Section]:
    own = [p for p in parts if p.about is None]
    found = [
        _section(words.label(Category, category), [p for p in own if p.category is category], words, names)
        for category in _ORDER
    ]
    return [section for section in found if section.facts or section.unshown]


def _section(title: str, parts: Sequence[Part], words: Words, names: Names) -> Section:
    read = [facts_of(part.data, words, names) for part in parts]
    facts = [fact for shown, _ in read for fact in shown]
    return Section(title, facts, any(map(_banned, parts)), sum(unshown for _, unshown in read))


def _persons(parts: Sequence[Part], words: Words, names: Names) -> list[Section]:
    return [
        _section(name, [p for p in parts if str(p.about) == person], words, names)
        for person, name in names.items()
    ]


def _names(parts: Sequence[Part], words: Words) -> dict[str, str]:
    """What the other persons are called: their role, counted where there are several of one role."""
    roles: dict[UUID, str] = {}
    for part in parts:
        if part.about is not None:
            roles.setdefault(part.about, _role(part, words))
    names: dict[str, str] = {}
    counted: dict[str, int] = {}
    for person, role in sorted(roles.items(), key=lambda item: item[1] == words("person.apart")):
        counted[role] = counted.get(role, 0) + 1
        several = list(roles.values()).count(role) > 1
        names[str(person)] = words("person.nth", role=role, n=counted[role]) if several else role
    return names


def _role(part: Part, words: Words) -> str:
    role = part.data.get("role")
    return words.label(PersonRole, role) if role in set(PersonRole) else words("person.apart")


def _source(row: OpenedRow, words: Words, kind_of: KindOf, asked: Asked) -> Source:
    if row.head.kind in _REPORTS:
        return _reporter(row, words)
    if row.head.kind in _ANSWERS:
        (slug,) = asked.get(str(row.head.refs.get("referral")), ("",))
        return _named(kind_of(slug), words.organisation(slug), words)
    return _named(OrganisationKind.MUNICIPAL_UNIT, "", words)


def _reporter(row: OpenedRow, words: Words) -> Source:
    units = [p.data["unit"] for p in row.parts if isinstance(p.data.get("unit"), dict)]
    unit = units[0] if units else {}
    return _named(unit.get("kind"), str(unit.get("organisation", "")), words)


def _named(kind: object, name: str, words: Words) -> Source:
    if kind not in set(OrganisationKind):
        return Source(words("source.unknown"), name, "other")
    known = OrganisationKind(str(kind))
    return Source(words.label(OrganisationKind, known), name, _SHAPES.get(known, "other"))
