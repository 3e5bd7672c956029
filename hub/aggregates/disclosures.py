"""The facts of a ledger of disclosures. Attributes here are stored bytes: they are never renamed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import AggregateCreated

from contracts.terms import Category, MessageKind
from hub.aggregates.base import Event, stored_as

if TYPE_CHECKING:
    from hub.aggregates.disclosure_ledger import DisclosureLedger


class RefusalReason(StrEnum):
    """Why a living grant did not carry."""

    UNKNOWN_PARTNER = "unknown_partner"
    PARTNER_SUSPENDED = "partner_suspended"
    NOT_IN_AGREEMENT = "not_in_agreement"
    NO_LIVING_GRANT = "no_living_grant"
    """It was told what has been corrected or retracted since, and may be told no more of it."""


class RevocationReason(StrEnum):
    """Why what was told must be dropped."""

    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    BASIS_ENDED = "basis_ended"
    DISCLOSED_IN_ERROR = "disclosed_in_error"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class BasisUsed:
    """A basis and the grant of it that carried."""

    basis_id: UUID
    grant_id: UUID


@dataclass(frozen=True, slots=True)
class Source:
    """What a part was made from: stream, version and field, and the category it was told as."""

    stream: UUID
    version: int
    field: str
    category: Category


@dataclass(frozen=True, slots=True)
class PartGrants:
    """The grants that a part rests on; any one is enough. Part 0 is the head."""

    part: int
    grants: tuple[UUID, ...]


class LedgerEvent(Event):
    """A fact in a ledger. Sealed under the case's key (`case_id`), erased with the case."""

    case_id: UUID

    def apply(self, aggregate: "DisclosureLedger") -> None:
        """Assign what this fact changes."""


@stored_as("ledger.opened")
class LedgerOpened(LedgerEvent, AggregateCreated):
    """Something of the case concerned this recipient for the first time."""

    recipient: str

    def apply(self, aggregate: "DisclosureLedger") -> None:
        aggregate.case_id = self.case_id
        aggregate.recipient = self.recipient


@stored_as("ledger.disclosed")
class Disclosed(LedgerEvent):
    """The recipient was told. `digest` is the SHA-256 of the sealed bytes, in hex."""

    message_id: UUID
    kind: MessageKind
    bases: tuple[BasisUsed, ...]
    categories: tuple[Category, ...]
    persons: tuple[UUID, ...]
    rule_version: int
    digest: str
    sources: tuple[Source, ...]
    parts: tuple[PartGrants, ...]

    def apply(self, aggregate: "DisclosureLedger") -> None:
        aggregate.parts[self.message_id] = {p.part: frozenset(p.grants) for p in self.parts}
        aggregate.sources[self.message_id] = dict(enumerate(self.sources, 1))


@dataclass(frozen=True, slots=True)
class PartRenewed:
    """A part of a message that rests on one more grant."""

    message_id: UUID
    part: int
    basis: BasisUsed


@stored_as("ledger.renewed")
class Renewed(LedgerEvent):
    """What was told before rests on a new grant too; nothing was sealed or sent again (design: *Grant*)."""

    parts: tuple[PartRenewed, ...]

    def apply(self, aggregate: "DisclosureLedger") -> None:
        for renewed in self.parts:
            told = aggregate.parts[renewed.message_id]
            carried = told[renewed.part] | {renewed.basis.grant_id}
            aggregate.parts[renewed.message_id] = {**told, renewed.part: carried}


@stored_as("ledger.refused")
class Refused(LedgerEvent):
    """A grant lived and did not carry. A business failure is a fact too."""

    kind: MessageKind
    category: Category
    reason: RefusalReason
    source: Source | None


@stored_as("ledger.revoked")
class Revoked(LedgerEvent):
    """The recipient was asked to drop what rested on ended grants only.

    `messages` closed entirely, of others the numbered `parts` (by message id as text). Silence after
    `answer_by` escalates.
    """

    revocation: UUID
    grants: tuple[UUID, ...]
    messages: tuple[UUID, ...]
    parts: dict[str, tuple[int, ...]]
    reason: RevocationReason
    answer_by: datetime

    def apply(self, aggregate: "DisclosureLedger") -> None:
        aggregate.revocations[self.revocation] = self.answer_by
        for message_id in self.messages:
            aggregate.closed.update((message_id, part) for part in aggregate.parts[message_id])
        for text, parts in self.parts.items():
            aggregate.closed.update((UUID(text), part) for part in parts)
