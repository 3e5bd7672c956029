"""Commands that set things right (domain rule 9): nothing is edited, and whoever was told is told."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.social_report_terms_v1 import ThreatTarget
from contracts.terms import BasisRule, Category
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.contact import unmade_contact
from hub.aggregates.citizen_case.correcting import is_of_contact
from hub.aggregates.citizen_case.terms import NotificationCause
from hub.aggregates.citizen_case.transitions import LEGAL
from hub.aggregates.citizen_case.values import Content
from hub.aggregates.disclosure_ledger import RevocationReason, Source
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer
from hub.application.children import ChildrenAtRisk, Falling, minor_by, notification_ids
from hub.application.committing import Change, Command
from hub.application.stated import stated, stated_of_contact
from hub.errors import Corrupt, Missing, StaleVersion


class Correcting(ChildrenAtRisk):
    """A mistake is corrected by a new fact that points at it."""

    def correct_entry(
        self,
        command: Command,
        case_id: UUID,
        *,
        message: UUID,
        part: int,
        instead: Mapping[str, Any],
        reason: str,
    ) -> Answer:
        """An entry of the timeline was wrong: named by its message and part, as the unit was told it.

        It is corrected where it happened, also in a matched inquiry. Whoever was told it and still may be is
        told the correction; who may not stands as refused among the disclosures.
        """
        if done := self._committer.done(command):
            return self._answer(done)
        case = self._load(case_id)
        if command.expected is not None and case.version != command.expected:
            raise StaleVersion(command.expected, case.version)
        source = self._told_as(case, message, part)

        def act(case: CitizenCase, now: datetime) -> Change:
            old, before, was = _content(case, source), case.numbers, minor_by(case, now)
            case.correct_entry(
                entry=source.version,
                field=source.field,
                instead=_said(old, instead, now),
                reason=reason,
                by=command.by,
                at=now,
            )
            falling = self._turned_out(case, was, command.by, now)
            if falling is None and old is not None and _tells_of_a_child(old, instead):
                falling = self._at_risk(case, NotificationCause.CORRECTION, command.by, now)
            falling = falling or Falling()
            whole = self._continued(case, command, now)
            return Change(
                cases=(case, *whole),
                related=(case, *self._related(case)) if falling.grants else (case,),
                grants=falling.grants,
                blind=self._committer.blinds(case.id, case.numbers - before),
                blind_gone=self._committer.blinds(case.id, before - case.numbers),
                timers=(*falling.timers, *(self._unmade(case) if old and is_of_contact(old) else ())),
            )

        # The version that the caller saw is its case's; the entry may stand in an inquiry matched to it.
        if source.stream != case_id:
            command = replace(command, expected=None)
        return self._on(command, source.stream, act)

    def correct_consent(
        self,
        command: Command,
        case_id: UUID,
        consent_id: UUID,
        *,
        recipient: str | None = None,
        category: Category | None = None,
        reason: str,
    ) -> Answer:
        """A consent was recorded wrongly: its grants end at once, as in a withdrawal, never as a conflict.

        What was told on them is revoked as told in error, and stands among the possible breaches.
        """
        command = replace(command, expected=None)

        def act(case: CitizenCase, now: datetime) -> Change:
            ended = case.correct_consent(
                consent_id=consent_id,
                recipient=recipient,
                category=category,
                reason=reason,
                by=command.by,
                at=now,
            )
            return Change(
                cases=(case,),
                ends=tuple(ended),
                reason=RevocationReason.DISCLOSED_IN_ERROR,
                may_not_wait=True,
            )

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def correct_legal_basis(
        self,
        command: Command,
        case_id: UUID,
        basis_id: UUID,
        *,
        recipient: str | None = None,
        category: Category | None = None,
        reason: str,
    ) -> Answer:
        """A legal basis was recorded wrongly: its grants end at once, never as a conflict.

        What was told on them is revoked as told in error, and stands among the possible breaches. Where it
        notified of a child, that is due again: a person says whether anybody has been told (domain rule 7).
        """
        command = replace(command, expected=None)

        def act(case: CitizenCase, now: datetime) -> Change:
            before, falling = case.version, Falling()
            ended = case.correct_legal_basis(
                basis_id=basis_id,
                recipient=recipient,
                category=category,
                reason=reason,
                by=command.by,
                at=now,
            )
            notified = case.bases[basis_id].rule is BasisRule.CHILD_NOTIFICATION
            if case.version > before and notified and case.state in LEGAL["child_notification_falls_due"]:
                falling = self._at_risk(case, NotificationCause.CORRECTION, command.by, now)
            return Change(
                cases=(case,),
                ids=notification_ids(case) if falling.timers else {},
                ends=tuple(ended),
                reason=RevocationReason.DISCLOSED_IN_ERROR,
                timers=falling.timers,
                may_not_wait=True,
            )

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def _unmade(self, case: CitizenCase) -> tuple[tuple[datetime, UUID], ...]:
        """Contact that was only said to be made waits again, also in what is matched with the case."""
        found: list[tuple[datetime, UUID]] = []
        for one in (case.id, *sorted(case.inquiries, key=str)):
            with suppress(Missing, Corrupt):
                decided = unmade_contact(case if one == case.id else self._load(one))
                if decided is not None and decided.before is not None:
                    found.append((decided.before, one))
        return tuple(found)

    def _told_as(self, case: CitizenCase, message: UUID, part: int) -> Source:
        for case_id in (case.id, *sorted(case.inquiries, key=str)):
            ledger = self._committer.ledger_of(case_id, case.unit)
            if ledger is not None and part in ledger.sources.get(message, {}):
                return ledger.sources[message][part]
        raise Missing("message: no such part was told of this case; read the timeline", field="message")


def _content(case: CitizenCase, source: Source) -> Content | None:
    found = case.fact(source.version).tells()
    return next((c for c in found if c.field == source.field), None)


def _tells_of_a_child(old: Content, instead: Mapping[str, Any]) -> bool:
    """Whether a correction tells that a child was there, is concerned, or threatened (domain rule 7)."""
    children, threats = instead.get("children") or {}, instead.get("threats_to_life") or {}
    if old.category is Category.CHILDREN:
        return bool(children.get("present") == "yes" or children.get("concerned") or instead.get("concerned"))
    return old.category is Category.INCIDENT and ThreatTarget.CHILDREN in threats.get("towards", ())


def _said(old: Content | None, instead: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Checked by the report's contract where the entry came in a report; the case checks the rest itself."""
    if old is None or old.category is Category.RISK:
        return instead
    if is_of_contact(old):
        return stated_of_contact(instead)
    return stated(old.category, old.about is not None, instead, now)
