"""The ledger of what one recipient was told of one case (videregivelse): on which basis, from which facts.

In words: it is written only together with its case, so that nothing is told that is not on record (domain
rule 3; GDPR art. 5(2), 15(1)(c)). A message is told once. Each of its parts rests on grants, any one of which
is enough; its head (part 0) rests on all of theirs. When a part's grants have all ended it is revoked, once.
Everything stays here after a "no": the citizen can always be shown what was told.

When a command is legal of a message's part (`yes`), refused with `Missing` (`none`) or `Conflict` (`-`):

    command   untold  standing  revoked
    disclose  yes     -         -
    renew     none    yes       -
    revoke    none    yes       -
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Self
from uuid import UUID

from eventsourcing.domain import Aggregate

from contracts.terms import Category, MessageKind
from hub.aggregates.base import Actor, stream_of
from hub.aggregates.disclosures import (
    BasisUsed,
    Disclosed,
    LedgerOpened,
    PartGrants,
    PartRenewed,
    RefusalReason,
    Refused,
    Renewed,
    RevocationReason,
    Revoked,
    Source,
)
from hub.aggregates.guards import after, slug
from hub.errors import Conflict, Invalid, Missing

__all__ = [
    "BasisUsed",
    "Disclosed",
    "DisclosureLedger",
    "LedgerOpened",
    "PartGrants",
    "PartRenewed",
    "RefusalReason",
    "Refused",
    "Renewed",
    "RevocationReason",
    "Revoked",
    "Source",
]

_SHA256 = re.compile(r"[0-9a-f]{64}")


@stream_of("ledger")
class DisclosureLedger(Aggregate):
    """One case × one recipient. Its id is the *thread*, all that the recipient has to name the case by."""

    def __init__(self) -> None:
        self.case_id: UUID
        self.recipient = ""
        self.parts: dict[UUID, dict[int, frozenset[UUID]]] = {}
        """Message id to part to the grants it rests on."""
        self.sources: dict[UUID, dict[int, Source]] = {}
        """Message id to part to what it was made from."""
        self.closed: set[tuple[UUID, int]] = set()
        """Parts that were revoked."""
        self.revocations: dict[UUID, datetime] = {}
        """Revocation's message id to the time when silence counts as silence."""

    @classmethod
    def open(cls, *, id: UUID, case_id: UUID, recipient: str, by: Actor, at: datetime) -> Self:  # noqa: A002 (the library's name)
        """Open the ledger with the first thing that concerns the recipient."""
        slug("recipient", recipient)
        return cls._create(LedgerOpened, id=id, case_id=case_id, recipient=recipient, by=by, timestamp=at)

    def disclose(
        self,
        *,
        message_id: UUID,
        kind: MessageKind,
        bases: tuple[BasisUsed, ...],
        categories: tuple[Category, ...],
        persons: tuple[UUID, ...],
        rule_version: int,
        digest: str,
        sources: tuple[Source, ...],
        parts: tuple[PartGrants, ...],
        by: Actor,
        at: datetime,
    ) -> None:
        """Put on record that the recipient is told, in the transaction that tells."""
        if message_id in self.parts:
            raise Conflict("message_id: is on record already; make a new one", field="message_id")
        if why_not := not_well_founded(bases, sources, parts, digest):
            raise Invalid(f"parts: {why_not}", field="parts")
        told = {"kind": kind, "bases": bases, "categories": categories, "persons": persons}
        made = {"rule_version": rule_version, "digest": digest, "sources": sources, "parts": parts}
        self.trigger_event(
            Disclosed, case_id=self.case_id, message_id=message_id, **told, **made, by=by, timestamp=at
        )

    def standing(self) -> frozenset[Source]:
        """What the recipient was told and need not drop."""
        return frozenset(
            source
            for message_id, sources in self.sources.items()
            for n, source in sources.items()
            if (message_id, n) not in self.closed
        )

    def ever(self) -> frozenset[Source]:
        """What the recipient was ever told, dropped since or not."""
        return frozenset(source for sources in self.sources.values() for source in sources.values())

    def told_as(self, wanted: Collection[Source]) -> list[tuple[UUID, int]]:
        """In which messages and parts the recipient was told these, as far as it need not drop them."""
        return [
            (message_id, n)
            for message_id, sources in self.sources.items()
            for n, source in sources.items()
            if source in wanted and (message_id, n) not in self.closed
        ]

    def made_from(self, stream: UUID) -> tuple[tuple[UUID, ...], dict[str, tuple[int, ...]]]:
        """What was told from another stream and still stands: whole messages, and parts of others."""
        whole: list[UUID] = []
        some: dict[str, tuple[int, ...]] = {}
        for message_id, sources in self.sources.items():
            standing = [n for n in sources if (message_id, n) not in self.closed]
            named = tuple(n for n in standing if sources[n].stream == stream)
            if named and len(named) == len(standing):
                whole.append(message_id)
            elif named:
                some[str(message_id)] = named
        return tuple(whole), some

    def renewable(self, category: Category, held: Collection[UUID]) -> dict[UUID, tuple[int, ...]]:
        """What was told as this category and still stands on one of the grants held: message id to parts."""
        alive, found = frozenset(held), {}
        for message_id, parts in self.parts.items():
            sources = self.sources[message_id]
            standing = tuple(
                n
                for n, grants in parts.items()
                if n
                and sources[n].category is category
                and (message_id, n) not in self.closed
                and grants & alive
            )
            if standing:
                found[message_id] = standing
        return found

    def renew(self, *, parts: tuple[PartRenewed, ...], by: Actor, at: datetime) -> None:
        """Put on record that parts told before rest on a new grant too. Nothing to renew, no event."""
        for renewed in parts:
            if renewed.part not in self.parts.get(renewed.message_id, {}):
                raise Missing("parts: only what was told can be renewed; read the ledger", field="parts")
            if (renewed.message_id, renewed.part) in self.closed:
                raise Conflict("parts: was revoked before; it stays closed", field="parts")
        if parts:
            self.trigger_event(Renewed, case_id=self.case_id, parts=parts, by=by, timestamp=at)

    def refuse(
        self,
        *,
        kind: MessageKind,
        category: Category,
        reason: RefusalReason,
        source: Source | None = None,
        by: Actor,
        at: datetime,
    ) -> None:
        """Put on record that a living grant did not carry, and why."""
        said = {"kind": kind, "category": category, "reason": reason, "source": source}
        self.trigger_event(Refused, case_id=self.case_id, **said, by=by, timestamp=at)

    def rests_on_none(self, living: Collection[UUID]) -> tuple[tuple[UUID, ...], dict[str, tuple[int, ...]]]:
        """What must be dropped while only these grants live: whole messages, and parts of others.

        What was revoked before is not named again. Grants are alternatives: one living is enough.
        """
        alive = frozenset(living)
        whole: list[UUID] = []
        some: dict[str, tuple[int, ...]] = {}
        for message_id, parts in self.parts.items():
            ended = tuple(n for n, g in parts.items() if (message_id, n) not in self.closed and not g & alive)
            if 0 in ended:
                whole.append(message_id)
            elif ended:
                some[str(message_id)] = ended
        return tuple(whole), some

    def revoke(
        self,
        *,
        revocation: UUID,
        grants: tuple[UUID, ...],
        messages: tuple[UUID, ...],
        parts: Mapping[str, tuple[int, ...]],
        reason: RevocationReason,
        answer_by: datetime,
        by: Actor,
        at: datetime,
    ) -> None:
        """Put on record that the recipient is asked to drop these. Nothing to drop, no event."""
        if not messages and not parts:
            return
        named = [*((m, 0) for m in messages), *((UUID(m), n) for m, ns in parts.items() for n in ns)]
        for message_id, part in named:
            if part not in self.parts.get(message_id, {}):
                raise Missing(
                    "messages: only what was told can be revoked; read the ledger", field="messages"
                )
            if (message_id, part) in self.closed:
                raise Conflict("messages: was revoked before; leave it out", field="messages")
        after("answer_by", answer_by, at)
        said = {"grants": grants, "messages": messages, "parts": dict(parts), "reason": reason}
        self.trigger_event(
            Revoked,
            case_id=self.case_id,
            revocation=revocation,
            **said,
            answer_by=answer_by,
            by=by,
            timestamp=at,
        )


def not_well_founded(
    bases: tuple[BasisUsed, ...], sources: tuple[Source, ...], parts: tuple[PartGrants, ...], digest: str
) -> str | None:
    """Why a disclosure may not stand as described; None where it may."""
    head, body = parts[:1], parts[1:]
    on_head = {g for p in head for g in p.grants}
    rules = (
        (_SHA256.fullmatch(digest), "the digest is a SHA-256 in lower-case hex"),
        (
            head and [p.part for p in parts] == list(range(len(parts))),
            "numbered from 0, the head, with no gap",
        ),
        (all(p.grants for p in parts), "each rests on a grant: no grant, no telling"),
        (
            not body or on_head == {g for p in body for g in p.grants},
            "the head rests on all the others' grants",
        ),
        (on_head == {b.grant_id for b in bases}, "every grant is named with its basis, and no other"),
        (len(sources) == len(body), "each but the head names what it was made from"),
    )
    return next((reason for holds, reason in rules if not holds), None)
