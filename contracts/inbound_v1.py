"""What a partner sends to the hub, once it is open (BYTES.md section 5)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Self

from pydantic import TypeAdapter, model_validator

from contracts.base import Contract
from contracts.fields import Id, Line, Personal, Text
from contracts.terms import MoveRefusal, MoveStatus, ReferralStatus, RejectionReason, RetractionReason
from contracts.times import Moment


class Person(Personal):
    """A named professional, as the partner knows him or her."""

    person: Line
    """The partner's own identifier of the person."""
    name: Line


_ANSWERS: Final = frozenset(ReferralStatus) - {ReferralStatus.REQUESTED, ReferralStatus.CANCELLED}


class ReferralAnswer(Personal):
    """How a referral goes, by a named person of the recipient. Only the municipality cancels."""

    thread: Id
    referral: Id
    status: ReferralStatus
    reason: RejectionReason | None = None
    by: Person
    at: Moment

    @model_validator(mode="after")
    def _an_answer(self) -> Self:
        if self.status not in _ANSWERS:
            raise ValueError("status: an answer is received, accepted, rejected, in-progress or completed")
        if (self.status is ReferralStatus.REJECTED) != (self.reason is not None):
            raise ValueError("reason: needed when status is rejected, and only then")
        return self


_MOVE_ANSWERS: Final = frozenset({MoveStatus.ACCEPTED, MoveStatus.DECLINED})


class MoveAnswer(Personal):
    """Whether a municipality takes over the case that it was asked to, by a named person of it."""

    thread: Id
    move: Id
    status: MoveStatus
    reason: MoveRefusal | None = None
    by: Person
    at: Moment

    @model_validator(mode="after")
    def _an_answer(self) -> Self:
        if self.status not in _MOVE_ANSWERS:
            raise ValueError("status: an answer is accepted or declined")
        if (self.status is MoveStatus.DECLINED) != (self.reason is not None):
            raise ValueError("reason: needed when status is declined, and only then")
        return self


class PurgeOutcome(StrEnum):
    """What became of what was revoked."""

    PURGED = "purged"
    RETAINED = "retained"


class RetentionBasis(StrEnum):
    """The duty by which a recipient must keep what it took over."""

    HEALTH_RECORD = "health_record"
    """Journalføringspligt (autorisationsloven § 21)."""
    PUBLIC_RECORD = "public_record"
    """Journaliserings- og notatpligt (offentlighedsloven §§ 13-15)."""
    CHILD_NOTIFICATION = "child_notification"
    """An underretning was made of it."""
    LEGAL_CLAIM = "legal_claim"
    """GDPR art. 17(3)(e)."""


class PurgeAnswer(Personal):
    """The answer to `Revoked` or `Erased`."""

    revocation: Id
    """The id of the message that revoked."""
    thread: Id
    outcome: PurgeOutcome
    basis: RetentionBasis | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _a_basis_to_keep(self) -> Self:
        if (self.outcome is PurgeOutcome.RETAINED) != (self.basis is not None):
            raise ValueError("basis: needed when outcome is retained, and only then")
        return self


class ReportRetraction(Personal):
    """A reporter takes a report of its own back. A supplement of it goes with it."""

    report_id: Id
    """The report's own id, or a supplement's."""
    reason: RetractionReason
    explanation: Text | None = None
    """For the municipality; read by a person before anything is done with it."""
    by: Person
    at: Moment


class ProblemReason(StrEnum):
    """Why a message could not be used. No detail goes with it: a detail could carry what was sealed."""

    BAD_ENVELOPE = "bad_envelope"
    BAD_SIGNATURE = "bad_signature"
    SEALED_FOR_SOMEONE_ELSE = "sealed_for_someone_else"
    TAMPERED = "tampered"
    UNREADABLE = "unreadable"
    UNKNOWN_KIND = "unknown_kind"
    REFUSED = "refused"
    """Readable, but the reader's own rules say no."""


class Problem(Contract):
    """A message that its reader could not use. The hub puts it on its dead-letter topic, still sealed."""

    message_id: Id
    reason: ProblemReason


class InboundType(StrEnum):
    """What a partner may send in."""

    SOCIAL_REPORT = "social_report"
    REFERRAL_ANSWER = "referral_answer"
    MOVE_ANSWER = "move_answer"
    PURGE_ANSWER = "purge_answer"
    REPORT_RETRACTION = "report_retraction"
    PROBLEM = "problem"


Answer = ReferralAnswer | MoveAnswer | PurgeAnswer | ReportRetraction | Problem
_ANSWER: Final[Mapping[InboundType, TypeAdapter[Answer]]] = MappingProxyType(
    {
        InboundType.REFERRAL_ANSWER: TypeAdapter(ReferralAnswer),
        InboundType.MOVE_ANSWER: TypeAdapter(MoveAnswer),
        InboundType.PURGE_ANSWER: TypeAdapter(PurgeAnswer),
        InboundType.REPORT_RETRACTION: TypeAdapter(ReportRetraction),
        InboundType.PROBLEM: TypeAdapter(Problem),
    }
)
_NAMED: Final = MappingProxyType(
    {
        ReferralAnswer: InboundType.REFERRAL_ANSWER,
        MoveAnswer: InboundType.MOVE_ANSWER,
        PurgeAnswer: InboundType.PURGE_ANSWER,
        ReportRetraction: InboundType.REPORT_RETRACTION,
        Problem: InboundType.PROBLEM,
    }
)


class Inbound(Personal):
    """The plaintext of an inbound message. A social report's body is judged by its own contract."""

    type: InboundType
    body: dict[str, Any]

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """The inbound message that carries this answer."""
        return cls(type=_NAMED[type(answer)], body=answer.model_dump(mode="json", exclude_none=True))

    @classmethod
    def report(cls, body: Mapping[str, Any]) -> Self:
        """The inbound message that carries a social report, given as the JSON object it is."""
        return cls(type=InboundType.SOCIAL_REPORT, body=dict(body))

    def answer(self) -> Answer:
        """The typed body of everything but a social report; pydantic's `ValidationError` if it is not one."""
        if self.type is InboundType.SOCIAL_REPORT:
            raise ValueError("type: a social report is parsed by its own contract")
        return _ANSWER[self.type].validate_python(self.body, extra="ignore")
