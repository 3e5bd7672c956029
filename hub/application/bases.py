"""Commands on consents and legal bases: what lets anything leave the municipality (domain rule 1)."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from contracts.terms import BasisRule, Category
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.emergency import REVIEW_WITHIN
from hub.aggregates.citizen_case.legal_basis import EMERGENCY_LASTS
from hub.aggregates.citizen_case.terms import ReviewFinding
from hub.aggregates.citizen_case.values import ConsentForm
from hub.aggregates.disclosure_ledger import RevocationReason
from hub.application.carrying import WITHDRAWAL_ATTEMPTS, Answer, Carrier
from hub.application.committing import Change, Command

AVERT_DANGER = "Afværge fare for liv"


class Bases(Carrier):
    """A basis is given, and withdrawn; what ends in time is the matter of `due`."""

    def give_consent(
        self,
        command: Command,
        case_id: UUID,
        *,
        recipients: Sequence[str],
        categories: Sequence[Category],
        purpose: str,
        form: ConsentForm,
        given_at: datetime,
        ends_at: datetime,
    ) -> Answer:
        """Record the citizen's consent; each new grant tells the present state of its category."""
        consent_id = self._new_id()
        terms = self._terms(recipients, categories)

        def act(case: CitizenCase, now: datetime) -> Change:
            self._known(recipients)
            case.give_consent(
                consent_id=consent_id,
                grants=terms,
                purpose=purpose,
                form=form,
                given_at=given_at,
                ends_at=ends_at,
                by=command.by,
                at=now,
            )
            return Change(
                cases=(case,),
                related=self._related(case),
                ids={"consent": str(consent_id)},
                grants=tuple((t, ends_at) for t in terms),
                timers=((ends_at, case_id),),
            )

        return self._on(command, case_id, act)

    def withdraw_consent(
        self,
        command: Command,
        case_id: UUID,
        consent_id: UUID,
        *,
        recipient: str | None = None,
        category: Category | None = None,
    ) -> Answer:
        """Withdraw, whole or for one recipient or category: at once, whatever anybody else is doing."""
        command = replace(command, expected=None)

        def act(case: CitizenCase, now: datetime) -> Change:
            ended = case.withdraw_consent(
                consent_id=consent_id, recipient=recipient, category=category, by=command.by, at=now
            )
            return Change(
                cases=(case,), ends=tuple(ended), reason=RevocationReason.WITHDRAWN, may_not_wait=True
            )

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def end_again(self, command: Command, case_id: UUID, grants: Collection[UUID]) -> Answer:
        """These grants ended, and a restored backup does not know of it: they end once more, on record."""

        def act(case: CitizenCase, now: datetime) -> Change:
            ended: list[UUID] = []
            for grant in [g for g in case.grants.values() if g.grant_id in grants and not g.ended]:
                basis = case.bases[grant.basis_id]
                if basis.rule is None:
                    ended += case.withdraw_consent(
                        consent_id=basis.basis_id,
                        recipient=grant.recipient,
                        category=grant.category,
                        by=command.by,
                        at=now,
                    )
                else:
                    ended += case.end_legal_basis(basis_id=basis.basis_id, by=command.by, at=now)
            return Change(
                cases=(case,), ends=tuple(ended), reason=RevocationReason.WITHDRAWN, may_not_wait=True
            )

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def record_legal_basis(
        self,
        command: Command,
        case_id: UUID,
        *,
        rule: BasisRule,
        reason: str,
        answers_for: str,
        recipients: Sequence[str],
        categories: Sequence[Category],
        purpose: str,
        ends_at: datetime,
    ) -> Answer:
        """Record a legal basis other than consent, with its reason and who answers for it."""
        basis_id, in_danger = self._new_id(), rule is BasisRule.VITAL_INTEREST
        terms = self._terms(recipients, categories)

        def act(case: CitizenCase, now: datetime) -> Change:
            kinds, review = self._known(recipients), now + REVIEW_WITHIN
            case.record_legal_basis(
                basis_id=basis_id,
                rule=rule,
                reason=reason,
                answers_for=answers_for,
                grants=terms,
                purpose=purpose,
                ends_at=ends_at,
                recipient_kinds=kinds,
                by=command.by,
                at=now,
            )
            return Change(
                cases=(case,),
                related=self._related(case),
                ids={"basis": str(basis_id)},
                grants=tuple((t, ends_at) for t in terms),
                timers=((ends_at, case_id), *(((review, case_id),) if in_danger else ())),
                may_not_wait=in_danger,
            )

        return self._on(command, case_id, act)

    def disclose_in_emergency(
        self,
        command: Command,
        case_id: UUID,
        *,
        recipients: Sequence[str],
        categories: Sequence[Category],
        reason: str,
        answers_for: str,
        ends_at: datetime | None = None,
    ) -> Answer:
        """A life is in danger: tell at once, in every state of the case, and answer for it afterwards.

        The answer names as `not_told` whom the hub could not tell: whoever asked must ring them.
        """
        answer = self.record_legal_basis(
            command,
            case_id,
            rule=BasisRule.VITAL_INTEREST,
            reason=reason,
            answers_for=answers_for,
            recipients=recipients,
            categories=categories,
            purpose=AVERT_DANGER,
            ends_at=ends_at or self._committer.now() + EMERGENCY_LASTS,
        )
        agreements = {slug: self._committer.agreement(slug) for slug in recipients}
        not_told = sorted(slug for slug, found in agreements.items() if found is None or not found.active)
        ids = {**answer.ids, "not_told": ",".join(not_told)} if not_told else answer.ids
        return Answer(answer.position, ids)

    def end_legal_basis(self, command: Command, case_id: UUID, basis_id: UUID) -> Answer:
        """A person ends a legal basis before its time: at once, as a withdrawal does."""
        command = replace(command, expected=None)

        def act(case: CitizenCase, now: datetime) -> Change:
            ended = case.end_legal_basis(basis_id=basis_id, by=command.by, at=now)
            return Change(
                cases=(case,), ends=tuple(ended), reason=RevocationReason.BASIS_ENDED, may_not_wait=True
            )

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)

    def tell_citizen(self, command: Command, case_id: UUID, basis_id: UUID, told_at: datetime) -> Answer:
        """The citizen was told of what went out on a legal basis, when that was safe."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.tell_citizen(basis_id=basis_id, told_at=told_at, by=command.by, at=now),
        )

    def review_emergency(
        self, command: Command, case_id: UUID, basis_id: UUID, finding: ReviewFinding, reason: str
    ) -> Answer:
        """Judge afterwards what was told because a life was in danger. One not justified ends at once.

        What was told on it is revoked as told in error, and stands among the possible breaches.
        """

        def act(case: CitizenCase, now: datetime) -> Change:
            ended = case.review_emergency(
                basis_id=basis_id, finding=finding, reason=reason, by=command.by, at=now
            )
            return Change(
                cases=(case,),
                ids={"basis": str(basis_id)},
                ends=ended,
                reason=RevocationReason.DISCLOSED_IN_ERROR,
                may_not_wait=True,
            )

        return self._on(command, case_id, act, attempts=WITHDRAWAL_ATTEMPTS)
