"""Looks: who opened which case, when, in which role, and why (domain rule 4). One stream, one event.

Insiders are the likeliest leak, so a look is on record before it is answered (design: *Edges*).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from hub.aggregates.base import Actor, Lone, stored_as
from hub.aggregates.guards import one_of, written


class Looked(StrEnum):
    """What was looked at."""

    CASE = "case"
    TIMELINE = "timeline"
    WORKLIST = "worklist"
    INTAKE_INBOX = "intake_inbox"
    REFERRAL_INBOX = "referral_inbox"
    REPORT_RECEIPTS = "report_receipts"
    DISCLOSURES = "disclosures"
    POSSIBLE_BREACHES = "possible_breaches"
    EMERGENCIES = "emergencies"
    FREE_TEXT = "free_text"
    COULD_KILL = "could_kill"
    CANDIDATES = "candidates"
    """Other cases that may be about the same citizen."""
    BLOCK_LIST = "block_list"
    OTHER_ROLES = "other_roles"
    """Cases in which somebody stands in another role: asked by the programme lead, whatever was found."""


@stored_as("look.recorded")
@dataclass(frozen=True)
class LookRecorded(Lone):
    """A named person looked. `messages` were opened for it, `fields` were fetched; either may be empty."""

    case_id: UUID
    what: Looked
    purpose: str
    messages: tuple[UUID, ...]
    fields: tuple[str, ...]

    @classmethod
    def record(
        cls,
        *,
        id: UUID,  # noqa: A002 (as on the aggregates)
        case_id: UUID,
        what: str,
        purpose: str,
        messages: tuple[UUID, ...] = (),
        fields: tuple[str, ...] = (),
        by: Actor,
        at: datetime,
    ) -> Self:
        """Put the look on record."""
        seen = one_of("what", what, Looked)
        written("purpose", purpose)
        return cls(id, cls.VERSION, at, by, case_id, seen, purpose, messages, fields)
