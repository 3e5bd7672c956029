"""Commands on legal bases other than consent (hjemmel; GDPR art. 6(1)(c)-(e), 9(2)).

Rules, as sentences: each has a reason and someone who answers for it. What is told under retsplejelov § 115
is never for criminal investigation. A rule that names its recipients carries nothing to others. The citizen
is told of it when that is safe.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from contracts.terms import BasisRule, OrganisationKind
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.bases import (
    end_in_time,
    legal_basis_of,
    must_be_grants,
    must_be_new,
    not_ended,
)
from hub.aggregates.citizen_case.events import (
    CitizenTold,
    LegalBasisEnded,
    LegalBasisRecorded,
    ReportReturned,
)
from hub.aggregates.citizen_case.transitions import must_be_legal
from hub.aggregates.citizen_case.values import NOT_FOR_CRIMINAL_INVESTIGATION, CaseState, GrantTerms
from hub.aggregates.guards import coded, not_ahead, one_of, written
from hub.errors import Conflict, Invalid

if TYPE_CHECKING:
    from hub.aggregates.citizen_case.case import CitizenCase

_K = OrganisationKind
MAY_BE_TOLD_UNDER: Mapping[BasisRule, frozenset[OrganisationKind]] = MappingProxyType(
    {
        # Police, social authorities and psychiatry; somatic A&E is not named in it.
        BasisRule.RETSPLEJELOV_115: frozenset(
            {_K.POLICE, _K.MUNICIPAL_UNIT, _K.CHILD_SERVICES, _K.SUBSTANCE_TREATMENT}
        ),
        # A notification goes to the municipality (barnets lov).
        BasisRule.CHILD_NOTIFICATION: frozenset({_K.CHILD_SERVICES, _K.MUNICIPAL_UNIT}),
    }
)
"""The kinds of organisation that a rule names as recipients; a rule that is not here names none."""

EMERGENCY_LASTS = timedelta(hours=24)
"""How long an emergency's grants live where nobody says otherwise: the danger is now."""


def record_legal_basis(
    self: "CitizenCase",
    *,
    basis_id: UUID,
    rule: BasisRule,
    reason: str,
    answers_for: str,
    grants: tuple[GrantTerms, ...],
    purpose: str,
    ends_at: datetime | None,
    recipient_kinds: Mapping[str, OrganisationKind],
    bans: tuple[str, ...] = (),
    by: Actor,
    at: datetime,
) -> None:
    """Record a basis other than consent (GDPR art. 6(1)(c)-(e), 9(2)), with reason and who answers for it.

    Legal in every state: an emergency is never blocked by software (domain rule 6).
    """
    must_be_legal(self, "record_legal_basis")
    now, rule = self.moment(at), one_of("rule", rule, BasisRule)
    must_be_new(self, basis_id, "basis_id")
    _must_be_answered_for(reason=reason, answers_for=answers_for, purpose=purpose)
    must_be_grants(self, grants)
    _must_be_recipients(rule, grants, recipient_kinds)
    self.trigger_event(
        LegalBasisRecorded,
        basis_id=basis_id,
        rule=rule,
        reason=reason,
        answers_for=answers_for,
        grants=grants,
        purpose=purpose,
        bans=bans_under(rule, bans),
        ends_at=end_in_time(ends_at, now),
        by=by,
        timestamp=now,
    )


def end_legal_basis(self: "CitizenCase", *, basis_id: UUID, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """End a legal basis, by a named professional or because its time has come; the grants that ended."""
    must_be_legal(self, "end_legal_basis")
    basis = legal_basis_of(self, basis_id)
    ended = not_ended(self, basis)
    if ended:
        self.trigger_event(LegalBasisEnded, basis_id=basis_id, grants=ended, by=by, timestamp=self.moment(at))
    sent = self.forwarding
    if sent is not None and was_forwarded_on(self, basis_id):
        self.trigger_event(ReportReturned, recipient=sent.recipient, by=by, timestamp=self.moment(at))
    return ended


def was_forwarded_on(case: "CitizenCase", basis_id: UUID) -> bool:
    """Whether the case is forwarded on that basis: with its end what was sent waits here again."""
    sent = case.forwarding
    return sent is not None and sent.basis_id == basis_id and case.state is CaseState.FORWARDED


def tell_citizen(self: "CitizenCase", *, basis_id: UUID, told_at: datetime, by: Actor, at: datetime) -> None:
    """The citizen was told what was told without her or his consent, when that was safe (domain rule 6)."""
    must_be_legal(self, "tell_citizen")
    legal_basis_of(self, basis_id)
    now = self.moment(at)
    if basis_id in self.citizen_told:
        raise Conflict("basis_id: the citizen was told of it already; nothing to do", field="basis_id")
    not_ahead("told_at", told_at, now)
    self.trigger_event(CitizenTold, basis_id=basis_id, told_at=told_at, by=by, timestamp=now)


def not_a_recipient_under(rule: BasisRule, kind: OrganisationKind | None) -> str | None:
    """Why an organisation of this kind cannot be told under the rule; None where it can."""
    if kind is None:
        return "each must be a registered partner; register it first"
    allowed = MAY_BE_TOLD_UNDER.get(rule)
    if allowed is not None and kind not in allowed:
        return f"{rule} names no {kind}; ask the citizen's consent, or find the rule that fits"
    return None


def bans_under(rule: BasisRule, bans: tuple[str, ...]) -> tuple[str, ...]:
    """The bans asked for, and those that the rule itself brings (retsplejelov § 115 stk. 3)."""
    for ban in bans:
        coded("bans", ban)
    own = {NOT_FOR_CRIMINAL_INVESTIGATION} if rule is BasisRule.RETSPLEJELOV_115 else set()
    return tuple(sorted({*bans, *own}))


def _must_be_answered_for(**words: str) -> None:
    for field, text in words.items():
        written(field, text)


def _must_be_recipients(
    rule: BasisRule, grants: tuple[GrantTerms, ...], kinds: Mapping[str, OrganisationKind]
) -> None:
    for grant in grants:
        if why_not := not_a_recipient_under(rule, kinds.get(grant.recipient)):
            raise Invalid(f"recipients: {why_not}", field="recipients")
