"""Commands that set things right (domain rule 9): nothing is edited, a new fact points at what was wrong.

Rules, as sentences: only what stands can be corrected, and a correction keeps the category and the bans of
what it corrects. An attempt at contact and information given keep their fields: one that was wrong is said
anew, none goes. What has a command of its own that replaces it (a consent, a referral, what could kill, who
coordinates) is set right there. What a correction says waits to be read wherever it is free text.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from contracts.terms import Category, SafetyLevel
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.bases import consent_of, legal_basis_of, named_in
from hub.aggregates.citizen_case.events import (
    CaseEvent,
    ConsentCorrected,
    ContactAttempted,
    EntryCorrected,
    InformationGiven,
    InquiryContinued,
    LegalBasisCorrected,
    ReportReceived,
    SafetyAssessed,
    SafetyLevelChanged,
)
from hub.aggregates.citizen_case.legal_basis import end_legal_basis, was_forwarded_on
from hub.aggregates.citizen_case.safety import must_be_answers_by_id
from hub.aggregates.citizen_case.terms import Channel, ContactOutcome, Topic
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import Content, Entry, Grant
from hub.aggregates.guards import coded, distinct, not_ahead, one_of, written
from hub.aggregates.sealing import AboutPerson
from hub.errors import Conflict, Invalid, Missing

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

FIXED = frozenset(
    {
        *("report", "report_id", "role", "field", "assessment", "previous"),
        *("warnings", "staff_tie", "staff_involved"),
    }
)
"""What names or marks an entry. It is no statement that could be wrong, or has a command of its own."""
ATTEMPT = frozenset({"channel", "outcome", "attempted_at"})
INFORMATION = frozenset({"topics", "told_citizen_at"})
_LISTS: Mapping[str, type[StrEnum]] = MappingProxyType({"channel": Channel, "outcome": ContactOutcome})


def correct_entry(
    self: "CitizenCase",
    *,
    entry: int,
    field: str,
    instead: Mapping[str, Any],
    reason: str,
    by: Actor,
    at: datetime,
) -> None:
    """An entry was wrong: say what stands instead, field by field (None takes a field out), and why."""
    must_be_legal(self, "correct_entry")
    written("reason", reason)
    old = _standing(self, entry, field).content
    if why_not := not_correctable(self.fact(entry), old):
        raise Conflict(f"entry: {why_not}", field="entry")
    if wrong := FIXED & set(instead):
        raise Invalid(
            f"instead: {', '.join(sorted(wrong))} is set by other commands, or never; leave it out",
            field="instead",
        )
    data = {name: value for name, value in {**old.data, **instead}.items() if value is not None}
    if data == old.data:
        raise Conflict("instead: says what stands already; nothing to do", field="instead")
    now = self.moment(at)
    _must_keep_its_rules(old, data)
    if is_of_contact(old):
        _must_be_of_contact(old, data, now)
    self.trigger_event(
        EntryCorrected,
        entry=entry,
        field=field,
        category=old.category,
        bans=old.bans,
        slot=old.slot,
        owner_only=old.owner_only,
        instead=data if old.about is None else None,
        other=None if old.about is None else AboutPerson(old.about, data),
        reason=reason,
        by=by,
        timestamp=now,
    )


def correct_consent(
    self: "CitizenCase",
    *,
    consent_id: UUID,
    recipient: str | None = None,
    category: Category | None = None,
    reason: str,
    by: Actor,
    at: datetime,
) -> tuple[UUID, ...]:
    """The consent was recorded wrongly, whole, for a recipient or in a category; the grants that ended.

    As a withdrawal it is legal in every state and never a conflict; twice is once.
    """
    must_be_legal(self, "correct_consent")
    written("reason", reason)
    struck, ended = _not_struck(self, named_in(self, consent_of(self, consent_id), recipient, category))
    if struck:
        self.trigger_event(
            ConsentCorrected,
            grants=ended,
            consent_id=consent_id,
            recipient=recipient,
            category=category,
            struck=struck,
            reason=reason,
            by=by,
            timestamp=self.moment(at),
        )
    return ended


def correct_legal_basis(
    self: "CitizenCase",
    *,
    basis_id: UUID,
    recipient: str | None = None,
    category: Category | None = None,
    reason: str,
    by: Actor,
    at: datetime,
) -> tuple[UUID, ...]:
    """The legal basis was recorded wrongly, whole, for a recipient or in a category; the grants that ended.

    Legal in every state and never a conflict, as the end of one; twice is once. What was forwarded on it
    waits here again and all of it ends, for it is forwarded whole or not at all.
    """
    must_be_legal(self, "correct_legal_basis")
    written("reason", reason)
    struck, ended = _not_struck(self, named_in(self, legal_basis_of(self, basis_id), recipient, category))
    if struck:
        self.trigger_event(
            LegalBasisCorrected,
            grants=ended,
            basis_id=basis_id,
            recipient=recipient,
            category=category,
            struck=struck,
            reason=reason,
            by=by,
            timestamp=self.moment(at),
        )
        if was_forwarded_on(self, basis_id):
            return (*ended, *end_legal_basis(self, basis_id=basis_id, by=by, at=at))
    return ended


def continue_inquiry(self: "CitizenCase", *, inquiry: UUID, version: int, by: Actor, at: datetime) -> None:
    """Something happened in an inquiry that is matched to this case; whom this case tells is told of it."""
    must_be_legal(self, "continue_inquiry")
    if inquiry not in self.inquiries:
        raise Missing("inquiry: none such is matched to this case; read the case again", field="inquiry")
    self.trigger_event(InquiryContinued, inquiry=inquiry, version=version, by=by, timestamp=self.moment(at))


def not_correctable(fact: CaseEvent, content: Content) -> str | None:
    """Why an entry is not corrected but set right by a command of its own; None where it is corrected."""
    recorded = isinstance(fact, ReportReceived | SafetyAssessed | SafetyLevelChanged | EntryCorrected)
    if (
        recorded
        or isinstance(fact, ContactAttempted | InformationGiven)
        or content.category is Category.FREE_TEXT
    ):
        return None
    return "it is set right by a command of its own; record it anew, or correct the consent"


def is_of_contact(content: Content) -> bool:
    """Whether it says how an attempt at contact went, or what the citizen was told about."""
    return content.category is Category.COORDINATION and set(content.data) in (ATTEMPT, INFORMATION)


def _not_struck(case: "CitizenCase", named: list[Grant]) -> tuple[tuple[UUID, ...], tuple[UUID, ...]]:
    """Of the grants that are named those that nobody struck before, and of these those that still live."""
    fresh = [g for g in named if g.grant_id not in case.struck]
    return tuple(g.grant_id for g in fresh), tuple(g.grant_id for g in fresh if not g.ended)


def _standing(case: "CitizenCase", version: int, field: str) -> Entry:
    for entry in case.entries:
        if (entry.version, entry.content.field) == (version, field):
            return entry
    raise Missing("entry: there is none such, or it stands no longer; read the case again", field="entry")


def _must_keep_its_rules(old: Content, data: dict[str, Any]) -> None:
    """What a correction says obeys what the entry had to obey."""
    if old.category is Category.FREE_TEXT:
        written("instead", str(data.get("text", "")))
        if set(data) != {"field", "text"}:
            raise Invalid("instead: free text has text and nothing else; write it there", field="instead")
    if "level" in old.data:
        one_of("instead", data.get("level", ""), SafetyLevel)
    if "judgement" in old.data:
        one_of("instead", data.get("judgement", ""), SafetyLevel)
        coded("instead", data.get("instrument", ""))
        coded("instead", data.get("instrument_version", ""))
        must_be_answers_by_id(data.get("answers", {}), "instead")
    if old.category is Category.RISK and set(data) - set(old.data):
        raise Invalid("instead: holds what this entry has no field for; see the entry", field="instead")


def _must_be_of_contact(old: Content, data: dict[str, Any], now: datetime) -> None:
    """It obeys what was asked when the contact was recorded."""
    if set(data) != set(old.data):
        raise Invalid("instead: an entry on contact keeps its fields; see the entry", field="instead")
    for name, allowed in _LISTS.items():
        if name in data:
            one_of("instead", data[name], allowed)
    if not data.get("topics", True):
        raise Invalid("instead: at least one topic; say what was spoken of", field="instead")
    for topic in data.get("topics", ()):
        one_of("instead", topic, Topic)
    distinct("instead", data.get("topics", ()))
    for name in data.keys() & {"attempted_at", "told_citizen_at"}:
        not_ahead("instead", _time(data[name]), now)


def _time(said: object) -> datetime:
    try:
        return datetime.fromisoformat(str(said))
    except ValueError:
        raise Invalid(
            "instead: a time is written with date and offset; send it so", field="instead"
        ) from None
