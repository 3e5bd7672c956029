"""What partners send in, by topic or over HTTP: checked, opened, taken in once, for ever."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from contracts.base import UNKNOWN_FIELD
from contracts.client.errors import BadSignature
from contracts.client.keys import Identity, PublicKeys
from contracts.cpr import refuse_test
from contracts.envelope import Envelope
from contracts.inbound_v1 import Inbound as Message
from contracts.inbound_v1 import MoveAnswer, Problem, PurgeAnswer, ReferralAnswer, ReportRetraction
from contracts.social_report_v1 import SocialReport
from contracts.times import LIES_AHEAD
from hub.aggregates.base import Actor
from hub.application import Answer, Hub
from hub.application.committing import Command
from hub.application.translate import report_taken
from hub.errors import Forbidden, Invalid, SameKeyOtherBody
from hub.ports import PartnerRow, Store

Answered = ReferralAnswer | MoveAnswer | PurgeAnswer | ReportRetraction


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an inbound message."""

    answer: Answer | None
    problem: Problem | None = None
    """The partner cannot use a message of ours; the caller puts that on the dead-letter topic."""


class Inbound:
    """Verifies, opens and carries out what a partner sent."""

    def __init__(
        self,
        *,
        hub: Hub,
        store: Store,
        identity: Identity,
        municipality: str,
        former_keys: Callable[[str], Sequence[bytes]],
        production: bool,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._hub = hub
        self._store = store
        self._identity = identity
        self._municipality = municipality
        self._former_keys = former_keys
        self._production = production
        self._clock = clock
        self._new_id = new_id

    def take(self, partner: str, envelope: Envelope) -> Taken:
        """Carry out one message of `partner`, known by its topic or its login.

        The message id is the idempotency key: the same message again gives the same answer and does nothing.
        Raises the client's `BadMessage` for what can never be used, and every error of the hub.
        """
        row = self._store.partner(partner)
        if row is None or not row.active:
            raise Forbidden("this partner is not registered here, or is suspended: call the programme lead")
        return self._do(partner, envelope.message_id, self._opened(row, envelope))

    def refuse(self, partner: str, envelope: Envelope) -> None:
        """Answer a social report that came by topic and was refused; anything else needs no answer."""
        row = self._store.partner(partner)
        if row is None or not row.active:
            return
        message = self._opened(row, envelope)
        try:
            report_id = UUID(str(message.body.get("report_id")))
        except ValueError:
            return
        if message.type == "social_report":
            by = Actor(partner, partner, "reporter", partner)
            command = Command(by=by, key=f"refused:{envelope.message_id}", body=report_id.bytes)
            self._hub.refuse_report(command, report_id)

    def _opened(self, row: PartnerRow, envelope: Envelope) -> Message:
        """What a partner sent, by its present key or by a former one that still counts."""
        try:
            return self._received(row, row.signing_key, envelope)
        except BadSignature:
            for former in self._former_keys(row.slug):
                with suppress(BadSignature):
                    return self._received(row, former, envelope)
            raise

    def _received(self, row: PartnerRow, signing_key: bytes, envelope: Envelope) -> Message:
        keys = PublicKeys(row.sealing_key, signing_key)
        return self._identity.receive(self._municipality, row.slug, envelope, keys)

    def _do(self, partner: str, message_id: UUID, message: Message) -> Taken:
        key = f"inbound:{message_id}"
        body = message.model_dump_json().encode()
        try:
            if message.type == "social_report":
                report = SocialReport.model_validate(dict(message.body))
                by = Actor(partner, report.written_by.name, "reporter", partner)
                return Taken(self.report(by, report))
            answer = message.answer()
        except ValidationError as error:
            raise Invalid(_first(error), field="body") from None
        if isinstance(answer, Problem):
            return Taken(None, answer)
        return Taken(self._answer(partner, key, body, answer))

    def report(self, by: Actor, report: SocialReport) -> Answer:
        """Take in a social report that already passed its contract. Its own id is the idempotency key.

        Which rule a report may be handed over by depends on what kind of organisation hands it over, so that
        is what the agreement says, never what the report says of itself.
        """
        partner = self._store.partner(by.organisation)
        if partner is not None and partner.kind != report.unit.kind:
            raise Invalid(
                "unit.kind must be what your agreement with the municipality says", field="/unit/kind"
            )
        self._not_in_the_future(report)
        self._no_test_number(report)
        command = Command(
            by=by, key=f"report:{report.report_id}", body=report.model_dump_json().encode(), shared=True
        )
        taken = report_taken(report, self._new_id)
        try:
            if taken.supplements is not None:
                return self._hub.supplement_report(command, taken)
            return self._hub.receive_report(command, taken)
        except SameKeyOtherBody:
            raise SameKeyOtherBody(
                "/report_id: another report was handed in under it; send this one under a new report_id, "
                "which names the former in supplements where it adds to it",
                field="/report_id",
            ) from None

    def _not_in_the_future(self, report: SocialReport) -> None:
        """What the contract cannot judge by itself, for it has no clock."""
        for name in report.ahead(self._clock()):
            field = "/" + name.replace(".", "/")
            raise Invalid(f"{field}: {LIES_AHEAD}", field=field)

    def _no_test_number(self, report: SocialReport) -> None:
        """Test numbers are for demonstrations and tests: in production one names nobody."""
        for number, person in enumerate(report.persons):
            if self._production and person.cpr is not None:
                try:
                    refuse_test(person.cpr, is_replacement=bool(person.cpr_is_replacement))
                except ValueError as error:
                    field = f"/persons/{number}/cpr"
                    raise Invalid(f"{field}: {error}", field=field) from None

    def _answer(
        self,
        partner: str,
        key: str,
        body: bytes,
        answer: Answered,
    ) -> Answer:
        match answer:
            case ReferralAnswer():
                by = Actor(answer.by.person, answer.by.name, "partner_staff", partner)
                return self._hub.answer_referral(
                    Command(by=by, key=key, body=body),
                    answer.thread,
                    answer.referral,
                    answer.status,
                    answer.reason,
                )
            case MoveAnswer():
                by = Actor(answer.by.person, answer.by.name, "partner_staff", partner)
                return self._hub.answer_move(
                    Command(by=by, key=key, body=body),
                    answer.thread,
                    answer.move,
                    answer.status,
                    answer.reason,
                )
            case PurgeAnswer():
                by = Actor(partner, partner, "partner_system", partner)
                return self._hub.answer_revocation(
                    Command(by=by, key=key, body=body),
                    answer.thread,
                    answer.revocation,
                    answer.basis,
                    answer.reason,
                )
            case ReportRetraction():
                by = Actor(answer.by.person, answer.by.name, "reporter", partner)
                return self._hub.retract_report(
                    Command(by=by, key=key, body=body),
                    answer.report_id,
                    answer.reason,
                    answer.explanation or "",
                )


def _first(error: ValidationError) -> str:
    """Where and by which rule, never the value; an unknown field's name is the sender's word and left out."""
    found = error.errors(include_input=False, include_context=False, include_url=False)[0]
    unknown = found["type"] == "extra_forbidden"
    rule = UNKNOWN_FIELD if unknown else str(found["msg"])
    where = ".".join(map(str, found["loc"][:-1] if unknown else found["loc"]))
    return f"{where}: {rule}" if where else rule
