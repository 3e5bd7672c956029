"""What stands, beside the timeline: warnings, the safety level, referrals, consents and legal bases.

Made from the same opened rows as the timeline, so it can't show more than was disclosed to the reader's unit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.terms import BasisRule, Category, MessageKind, ReferralStatus, SafetyLevel
from hub.adapters.web.lines import moment
from hub.adapters.web.wording import Words
from hub.aggregates.citizen_case.terms import ReviewFinding
from hub.gates.opening import OpenedRow

SAFE_CONTACT, PROTECTED_ADDRESS = "safe_contact", "protected_address"
_OVER = frozenset({ReferralStatus.REJECTED, ReferralStatus.COMPLETED, ReferralStatus.CANCELLED})
WARNINGS = (SAFE_CONTACT, PROTECTED_ADDRESS)


@dataclass(slots=True)
class Referral:
    """Where a referral stands."""

    to: str = ""
    """The recipient's slug."""
    recipient: str = ""
    offer: str = ""
    status: ReferralStatus = ReferralStatus.REQUESTED
    since: datetime | None = None
    answer_by: datetime | None = None

    def is_shut(self, bases: Sequence["Basis"], now: datetime) -> bool:
        """Whether it goes on as it stands, and the recipient may open it no more."""
        return self.status not in _OVER and not any(basis.carries(self.to, now) for basis in bases)


@dataclass(slots=True)
class Basis:
    """A consent or a legal basis, and what became of it."""

    title: str
    recipients: str
    categories: Sequence[str]
    ends_at: datetime
    living: set[tuple[str, str]]
    """Recipient × category, as far as nothing was withdrawn."""
    by_consent: bool
    over: str = ""
    """In words, where all of it has ended."""
    less: list[str] = field(default_factory=list)
    """In words, what was withdrawn of it."""

    def carries(self, recipient: str, now: datetime) -> bool:
        """Whether a referral to this recipient still rests on it."""
        return not self.over and self.ends_at > now and (recipient, Category.REFERRAL) in self.living

    def state(self, words: Words, now: datetime) -> str:
        """In words, whether it still carries anything."""
        if self.over:
            return self.over
        if self.ends_at <= now:
            return words("basis.expired", limit=words.limit(self.ends_at))
        return words("basis.partly" if self.less else "basis.valid", limit=words.limit(self.ends_at))

    def tone(self, now: datetime) -> str:
        """Which of the three ways it looks; the words say the same."""
        if self.over or self.ends_at <= now:
            return "over"
        return "partly" if self.less else "valid"


def warnings(rows: Sequence[OpenedRow]) -> set[str]:
    """That there are rules or a protection, in any of the threads on the page; never what they say."""
    threads: dict[UUID, set[str]] = {}
    for row in rows:
        held = threads.setdefault(row.head.thread, set())
        for part in row.parts:
            if part.category is not Category.IDENTITY or part.about is not None:
                continue
            if row.head.kind is MessageKind.ADDRESS_PROTECTION_SET:
                held.discard(PROTECTED_ADDRESS)
            held.update(part.data.get("warnings", ()))
    return {w for held in threads.values() for w in held if w in WARNINGS}


def safety_level(rows: Sequence[OpenedRow]) -> SafetyLevel | None:
    """The latest level that was set; an assessment alone sets none."""
    levels = [data["level"] for _, data in _told(rows, Category.RISK) if "level" in data]
    return SafetyLevel(levels[-1]) if levels and levels[-1] in set(SafetyLevel) else None


def referrals(rows: Sequence[OpenedRow], words: Words) -> list[Referral]:
    """Every referral, in the order in which they were sent."""
    found: dict[str, Referral] = {}
    for row, data in _told(rows, Category.REFERRAL):
        if data.get("status") not in set(ReferralStatus):
            continue
        referral = found.setdefault(str(data.get("referral")), Referral())
        referral.status, referral.since = ReferralStatus(data["status"]), row.head.recorded
        if "recipient" in data:
            referral.to, referral.recipient = data["recipient"], words.organisation(data["recipient"])
        referral.offer = str(data.get("offer", referral.offer))
        if data.get("answer_by"):
            referral.answer_by = moment(data["answer_by"])
    return list(found.values())


def bases(rows: Sequence[OpenedRow], words: Words) -> list[Basis]:
    """Every consent and legal basis, and what became of it."""
    found: dict[str, Basis] = {}
    for row, data in _told(rows, Category.COORDINATION):
        key = str(data.get("consent") or data.get("basis"))
        when = words.when(row.head.recorded)
        match row.head.kind:
            case MessageKind.CONSENT_GIVEN | MessageKind.LEGAL_BASIS_RECORDED if "ends_at" in data:
                found[key] = _basis(data, words)
            case MessageKind.CASE_CLOSED | MessageKind.FOLLOW_UP_ENDED if data.get("consents_ended"):
                for basis in found.values():
                    _closed(basis, words, when)
            case MessageKind.CONSENT_WITHDRAWN if key in found:
                _less(found[key], data, words, when, "withdrawn")
            case MessageKind.CONSENT_CORRECTED | MessageKind.LEGAL_BASIS_CORRECTED if key in found:
                _less(found[key], data, words, when, "corrected")
            case MessageKind.EMERGENCY_REVIEWED if key in found:
                if data.get("review") == ReviewFinding.NOT_JUSTIFIED:
                    found[key].over = words("basis.not_justified", when=when)
            case MessageKind.CONSENT_EXPIRED | MessageKind.LEGAL_BASIS_ENDED if key in found:
                ran_out = found[key].ends_at <= row.head.recorded
                limit = words.limit(found[key].ends_at)
                found[key].over = (
                    words("basis.expired", limit=limit) if ran_out else words("basis.ended", when=when)
                )
    return list(found.values())


def _told(rows: Sequence[OpenedRow], category: Category) -> Iterator[tuple[OpenedRow, dict[str, Any]]]:
    for row in rows:
        for part in row.parts:
            if part.category is category and part.about is None:
                yield row, part.data


def _basis(data: dict[str, Any], words: Words) -> Basis:
    rule = data.get("rule")
    recipients, categories = list(data.get("recipients", ())), list(data.get("categories", ()))
    return Basis(
        title=words.label(BasisRule, rule) if rule else words("basis.consent"),
        recipients=words.organisations(recipients),
        categories=[words.label(Category, c) for c in categories],
        ends_at=moment(data["ends_at"]),
        living={(r, c) for r in recipients for c in categories},
        by_consent=rule is None,
    )


def _closed(basis: Basis, words: Words, when: str) -> None:
    """A consent ends with the case; a legal basis does not."""
    if basis.by_consent and not basis.over:
        basis.over = words("basis.ended", when=when)


def _less(basis: Basis, data: dict[str, Any], words: Words, when: str, how: str) -> None:
    """What was withdrawn of a consent, or of a basis was recorded wrongly."""
    recipient, category = data.get("recipient"), data.get("category")
    basis.living = {
        (r, c)
        for r, c in basis.living
        if (recipient is not None and r != recipient) or (category is not None and c != category)
    }
    if not basis.living:
        basis.over = words(f"basis.{how}", when=when)
        return
    what = [words.organisation(recipient)] if recipient else []
    what += [words.label(Category, category)] if category else []
    basis.less.append(words(f"basis.{how}.part", when=when, what=", ".join(what)))
