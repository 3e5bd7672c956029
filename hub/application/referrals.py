"""Commands on referrals (seed 002 p. 13-14)."""

from datetime import datetime
from uuid import UUID

from contracts.terms import Category, ReferralStatus, Urgency
from hub.aggregates.citizen_case.case import CitizenCase
from hub.application.carrying import Answer, Carrier
from hub.application.committing import Change, Command
from hub.days import after_working_days
from hub.errors import Missing


class Referrals(Carrier):
    """A citizen is referred to an offer, and the offer answers."""

    def request_referral(
        self,
        command: Command,
        case_id: UUID,
        *,
        recipient: str,
        offer: str,
        urgency: Urgency,
        answer_by: datetime | None,
    ) -> Answer:
        """Refer the citizen to a partner's offer; needs a living grant and an agreement that covers it.

        A referral that could not be sent is refused: *requested* must never stand where nobody was asked. And
        it is never without a deadline: what nobody answers must come back to somebody.
        """
        referral_id = self._new_id()

        def act(case: CitizenCase, now: datetime) -> Change:
            working_days = self._within.referral_answered_working_days
            by_when = answer_by or after_working_days(now, working_days)
            case.request_referral(
                referral_id=referral_id,
                recipient=recipient,
                offer=offer,
                urgency=urgency,
                answer_by=by_when,
                by=command.by,
                at=now,
            )
            self._must_be_receivable(recipient, Category.REFERRAL, "recipient")
            return Change(
                cases=(case,),
                ids={"referral": str(referral_id)},
                needs_partners=(recipient,),
                timers=((by_when, case_id),),
            )

        return self._on(command, case_id, act)

    def answer_referral(
        self, command: Command, thread: UUID, referral_id: UUID, status: ReferralStatus, reason: str | None
    ) -> Answer:
        """A partner answers a referral that it was sent; it names the case by its own thread."""
        case_id = self._case_of(thread, command.by.organisation)

        def act(case: CitizenCase, now: datetime) -> Change:
            referral = case.referrals.get(referral_id)
            if referral is None or referral.recipient != command.by.organisation:
                raise Missing("no such referral was sent to you", field="referral")
            case.answer_referral(referral_id=referral_id, status=status, reason=reason, by=command.by, at=now)
            return Change(cases=(case,), needs_partners=(command.by.organisation,))

        return self._on(command, case_id, act)

    def cancel_referral(self, command: Command, case_id: UUID, referral_id: UUID, reason: str) -> Answer:
        """The municipality calls a referral back."""
        return self._do(
            command,
            case_id,
            lambda case, now: case.cancel_referral(
                referral_id=referral_id, reason=reason, by=command.by, at=now
            ),
        )
