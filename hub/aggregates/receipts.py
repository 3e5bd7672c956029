"""Receipts: what became of a message. Each is a stream of one event, so that looking never blocks writing.

`Delivered` is not read and `Opened` is not acted on (domain rule 10): nine facts, never one flag. Six are
sealed under their case's key and erased with it. A delivery spans cases and names message ids only; that a
report was forwarded, or its case erased, outlives the case and says nothing of it. Those lie under a
partner's key.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from contracts.terms import Category
from hub.aggregates.base import Actor, Lone, stored_as
from hub.aggregates.citizen_case.terms import ErasureGround
from hub.aggregates.disclosures import RefusalReason
from hub.aggregates.guards import coded, written
from hub.errors import Invalid


@stored_as("receipt.delivered")
@dataclass(frozen=True)
class Delivered(Lone):
    """A recipient's system took the heads of a batch. No person has seen anything.

    `epoch`, `first` and `last` say which stretch of the recipient's sequence it asked for, where it asked by
    sequence; `rebuild` tells a read model that is filled anew from a first delivery.
    """

    sealed_under: UUID
    """The recipient's stream (`Partner`)."""
    recipient: str
    messages: tuple[UUID, ...]
    rebuild: bool
    epoch: int | None
    first: int | None
    last: int | None

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        sealed_under: UUID,
        recipient: str,
        messages: tuple[UUID, ...],
        rebuild: bool,
        epoch: int | None = None,
        first: int | None = None,
        last: int | None = None,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put on record that a system took heads."""
        if not messages:
            raise Invalid("messages: a batch holds at least one; record nothing instead", field="messages")
        return cls(id, cls.VERSION, at, by, sealed_under, recipient, messages, rebuild, epoch, first, last)


@stored_as("receipt.opened")
@dataclass(frozen=True)
class Opened(Lone):
    """A named person opened parts of a message, or a system took the content over, as its journal must."""

    case_id: UUID
    message_id: UUID
    recipient: str
    parts: tuple[int, ...]
    purpose: str
    taken_over: bool

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        case_id: UUID,
        message_id: UUID,
        recipient: str,
        parts: tuple[int, ...],
        purpose: str,
        taken_over: bool,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put on record who opened what, and why, before any key is given out (domain rule 4)."""
        if not parts:
            raise Invalid("parts: an opening names at least one; record nothing instead", field="parts")
        written("purpose", purpose)
        return cls(id, cls.VERSION, at, by, case_id, message_id, recipient, parts, purpose, taken_over)


@stored_as("receipt.withheld")
@dataclass(frozen=True)
class Withheld(Lone):
    """A recipient opened a message and got no key to these parts: its agreement covers them no more."""

    case_id: UUID
    message_id: UUID
    recipient: str
    parts: tuple[int, ...]
    categories: tuple[Category, ...]
    reason: RefusalReason

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        case_id: UUID,
        message_id: UUID,
        recipient: str,
        parts: tuple[int, ...],
        categories: tuple[Category, ...],
        reason: RefusalReason,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put on record what was not opened, and why."""
        if not parts:
            raise Invalid("parts: what is withheld is at least one; record nothing instead", field="parts")
        return cls(id, cls.VERSION, at, by, case_id, message_id, recipient, parts, categories, reason)


@stored_as("receipt.purged")
@dataclass(frozen=True)
class Purged(Lone):
    """The recipient says that it dropped everything the revocation named."""

    case_id: UUID
    recipient: str
    revocation: UUID

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        case_id: UUID,
        recipient: str,
        revocation: UUID,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put the answer on record, by whoever gave it."""
        return cls(id, cls.VERSION, at, by, case_id, recipient, revocation)


@stored_as("receipt.retained")
@dataclass(frozen=True)
class Retained(Lone):
    """The recipient says that a duty of its own makes it keep what it took over (GDPR art. 17(3))."""

    case_id: UUID
    recipient: str
    revocation: UUID
    basis: str
    """A code from the published list of duties."""
    reason: str

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        case_id: UUID,
        recipient: str,
        revocation: UUID,
        basis: str,
        reason: str,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put the answer on record, by whoever gave it."""
        coded("basis", basis)
        return cls(id, cls.VERSION, at, by, case_id, recipient, revocation, basis, reason)


@stored_as("receipt.read")
@dataclass(frozen=True)
class ReportRead(Lone):
    """A named person of the unit opened a report for the first time. Read is not acted on.

    Its stream is named by the report (docs/format.md section 1), so the store itself lets it happen once.
    """

    case_id: UUID
    report_id: UUID

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        case_id: UUID,
        report_id: UUID,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put on record who read it first, and when."""
        return cls(id, cls.VERSION, at, by, case_id, report_id)


@stored_as("receipt.erased")
@dataclass(frozen=True)
class ErasedOnRequest(Lone):
    """A citizen asked to be forgotten, and is: on which ground and by whose decision, and of nobody.

    It outlives the case, so that the decision can be answered for. Its stream is named by a report of the
    case (docs/format.md section 1), so that who handed that over is not told that it was forwarded.
    """

    sealed_under: UUID
    """The unit's stream (`Partner`)."""
    ground: ErasureGround

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        sealed_under: UUID,
        ground: ErasureGround,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put on record that it was done."""
        return cls(id, cls.VERSION, at, by, sealed_under, ground)


@stored_as("receipt.forwarded")
@dataclass(frozen=True)
class Forwarded(Lone):
    """A report was not ours and was sent to the municipality that is responsible, on a recorded basis.

    It outlives our copy of the report, so that what became of it can be answered for, and says nothing of the
    citizen.
    """

    sealed_under: UUID
    """The reporter's stream (`Partner`)."""
    report_id: UUID
    recipient: str
    basis_id: UUID

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        sealed_under: UUID,
        report_id: UUID,
        recipient: str,
        basis_id: UUID,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put on record where a report went."""
        return cls(id, cls.VERSION, at, by, sealed_under, report_id, recipient, basis_id)


@stored_as("receipt.retraction_seen")
@dataclass(frozen=True)
class RetractionSeen(Lone):
    """A named person of the unit saw for the first time that a report was taken back. Seen is not acted on.

    Its stream is named by the report (docs/format.md section 1), so the store itself lets it happen once.
    """

    case_id: UUID
    report_id: UUID

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        case_id: UUID,
        report_id: UUID,
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put on record who saw it first, and when."""
        return cls(id, cls.VERSION, at, by, case_id, report_id)
