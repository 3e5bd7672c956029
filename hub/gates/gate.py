"""The consent gate, gate 1: who is told what, on which grants. Pure: no I/O, no clock, no ids made here.

Rules, as sentences:
- No grant, no telling. Unknown, ended or unreadable means no (domain rule 1).
- A recipient is told the categories it was granted, never the case (domain rule 2).
- The owning unit holds `standing`: it is told everything in its cases, save free text that nobody has read.
- Who consented to what, and how the municipality does its own work, is told to the owning unit alone; a
  referral to that unit and to its recipient; that a report was taken up to that unit and to its reporter;
  where the citizen moves to that unit and to the municipality there.
- A grant carries nothing that happened before its own fact: what stood then, that fact tells.
- A new grant tells what stands in its category and was not told before; what was told rests on it too.
- What is read in a matched inquiry is told on the grants of the case that it is matched to.
- A match undone: what was told because of it is revoked, as told in error.
- What happens in a matched inquiry is told to whom its case tells; to the unit in the inquiry's own thread.
- A correction is told to whoever may be told its category, and says in the place of what it stands. Whoever
  was told that and may be told no more is refused, on record, so that a person can see it (domain rule 9).
- That a report was retracted is told to whoever was told of it, in the categories in which it was.
- Whoever took a case over keeps what it took over when the case is erased here.
- A grant that the partner's agreement does not cover tells nothing, and the refusal is recorded. Danger to
  life waits for no agreement: its grants carry to every partner in force (domain rule 6).
- What is told carries the bans of what it was told from and of every basis it rests on.
- What could kill is in no category, so no rule here can tell it (domain rule 5).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from contracts.terms import (
    BasisRule,
    Category,
    MessageKind,
    OrganisationKind,
    Urgency,
)
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.events import (
    CaseErased,
    CaseEvent,
    ConsentGiven,
    EntryCorrected,
    GrantsEnded,
    InquiryContinued,
    InquiryMatched,
    InquiryTextRead,
    InquiryUnmatched,
    LegalBasisRecorded,
    ReportRetracted,
)
from hub.aggregates.citizen_case.values import Content, Entry, Grant
from hub.aggregates.disclosures import RefusalReason, Source
from hub.gates.heads import deadline_of, refs_of, urgency_of

RULE_VERSION = 5
"""Rises with every change to these rules; each `Disclosed` keeps the one it was decided under."""

GIVES_GRANTS = ConsentGiven | LegalBasisRecorded
"""The facts that tell what stands and was not told before."""
SETS_RIGHT = (EntryCorrected, InquiryContinued, ReportRetracted)
"""The facts for which it matters what a recipient was ever told."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a partner's agreement lets it receive, and whether it is in force."""

    slug: str
    kind: OrganisationKind
    categories: frozenset[Category]
    active: bool


@dataclass(frozen=True, slots=True)
class PartToTell:
    """One part of a message: one category, about the citizen or one other person, on these grants."""

    case_id: UUID
    entry: Entry
    bans: tuple[str, ...]
    grants: tuple[UUID, ...]
    corrects: tuple[Source, ...] = ()
    """In the place of what it stands, wherever the recipient was told that."""

    @property
    def category(self) -> Category:
        """The category of the part."""
        return self.entry.content.category


@dataclass(frozen=True, slots=True)
class Telling:
    """What one recipient is told at once. `refs` name cases and referrals; the caller makes them opaque."""

    recipient: str
    kind: MessageKind
    urgency: Urgency
    deadline: datetime | None
    refs: Mapping[str, UUID]
    head_grants: tuple[UUID, ...]
    parts: tuple[PartToTell, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was not told: the agreement lacks the category, the partner is suspended, or the grant has ended.

    `source` is what the recipient was told before, where that has been set right since.
    """

    recipient: str
    kind: MessageKind
    category: Category
    reason: RefusalReason
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Renewal:
    """A new grant for what a recipient holds already: what was told before rests on it too."""

    recipient: str
    category: Category
    grant: UUID
    held: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a command's events, before anything is sealed."""

    tellings: tuple[Telling, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    renewals: tuple["Renewal", ...] = ()
    mistaken: tuple[UUID, ...] = ()
    """Inquiries that were matched by mistake: what was told from them is revoked."""
    ended: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    """Grants that ended, by recipient: what rests on them alone is revoked."""


def decide(
    case: CitizenCase,
    events: Sequence[CaseEvent],
    *,
    related: Sequence[CitizenCase],
    agreements: Mapping[str, Agreement | None],
    told: Mapping[str, frozenset[Source]],
    ever: Mapping[str, frozenset[Source]],
    now: datetime,
) -> Decision:
    """Decide for a command's new `events` of `case`, already applied.

    `related` are its matched inquiries; `told` is what each recipient was told and still holds, `ever` what
    it was told at all.
    """
    tellings: list[Telling] = []
    refusals: list[Refusal] = []
    ended: dict[str, list[UUID]] = {}
    born = {g.grant_id: n for n, e in enumerate(events) if isinstance(e, GIVES_GRANTS) for g in e.grants}
    for number, happened in enumerate(events):
        source, event = _where(case, happened, related)
        contents = source.contents_of(event)
        living = _by_recipient(g for g in case.living_grants(now) if born.get(g.grant_id, 0) <= number)
        for recipient, grants in living.items():
            if recipient == case.unit and source is not case:
                continue
            held, once = told.get(recipient, frozenset()), ever.get(recipient, frozenset())
            wanted = _wanted(case, source, event, contents, recipient, related, held, once)
            parts, refused = _parts(case, wanted, recipient, grants, agreements)
            kind = event.KIND or MessageKind.PRESENT_STATE
            if recipient != case.unit and parts and _is_present_state(event):
                kind = MessageKind.PRESENT_STATE
            refusals += [Refusal(recipient, kind, category, reason) for category, reason in refused]
            if parts or (recipient == case.unit and event.KIND):
                tellings.append(_telling(case, event, recipient, kind, grants, parts))
        refusals += _no_more(source, event, ever, living)
        if isinstance(event, GrantsEnded):
            keeps = event.taken_over_by if isinstance(event, CaseErased) else None
            for grant_id in event.grants:
                if (who := case.grants[grant_id].recipient) != keeps:
                    ended.setdefault(who, []).append(grant_id)
    renewals = [r for event in events for r in _renewals(case, event, now)]
    return Decision(
        tuple(tellings),
        tuple(refusals),
        tuple(renewals),
        tuple(event.inquiry for event in events if isinstance(event, InquiryUnmatched)),
        {who: tuple(ids) for who, ids in ended.items()},
    )


def may_receive(agreement: Agreement | None, category: Category) -> RefusalReason | None:
    """None where the agreement lets the partner receive the category, else the reason why not."""
    if agreement is None:
        return RefusalReason.UNKNOWN_PARTNER
    if not agreement.active:
        return RefusalReason.PARTNER_SUSPENDED
    if category not in agreement.categories:
        return RefusalReason.NOT_IN_AGREEMENT
    return None


def _by_recipient(living: Iterable[Grant]) -> dict[str, list[Grant]]:
    found: dict[str, list[Grant]] = {}
    for grant in living:
        found.setdefault(grant.recipient, []).append(grant)
    return found


def _is_present_state(event: CaseEvent) -> bool:
    return isinstance(event, GIVES_GRANTS | InquiryMatched | InquiryTextRead)


def _where(
    case: CitizenCase, event: CaseEvent, related: Sequence[CitizenCase]
) -> tuple[CitizenCase, CaseEvent]:
    """Where something happened, and what: in the case itself, or in an inquiry that is matched to it."""
    if isinstance(event, InquiryContinued):
        inquiry = next(c for c in related if c.id == event.inquiry)
        return inquiry, inquiry.fact(event.version)
    return case, event


def _wanted(
    case: CitizenCase,
    source: CitizenCase,
    event: CaseEvent,
    contents: Sequence[Entry],
    recipient: str,
    related: Sequence[CitizenCase],
    told: frozenset[Source],
    ever: frozenset[Source],
) -> list[tuple[CitizenCase, Entry]]:
    """The entries that this event would tell this recipient, whatever its grants."""
    if recipient == case.unit:
        return [(case, entry) for entry in contents]
    if isinstance(event, GIVES_GRANTS):
        granted = frozenset(g.category for g in event.grants if g.recipient == recipient)
        state = [(c, entry) for c in (case, *related) for entry in c.present_state(granted)]
        return [(c, entry) for c, entry in state if _source(c, entry) not in told]
    if isinstance(event, InquiryMatched):
        matched = [c for c in related if c.id == event.inquiry]
        return [(c, entry) for c in matched for entry in c.present_state(frozenset(Category))]
    if isinstance(event, InquiryTextRead):
        return [(c, entry) for c in related if c.id == event.inquiry for entry in c.free_text_of(event.entry)]
    return [(source, e) for e in contents if _concerns(source, e, ever)]


def _source(case: CitizenCase, entry: Entry) -> Source:
    return Source(case.id, entry.version, entry.content.field, entry.content.category)


def _set_right(case: CitizenCase, content: Content) -> tuple[Source, ...]:
    """What a content sets right, as it may have been told."""
    return tuple(Source(case.id, *pointed, content.category) for pointed in case.in_place_of(content))


def _concerns(case: CitizenCase, entry: Entry, ever: frozenset[Source]) -> bool:
    """That something was retracted is told to whoever was told it, and to nobody else."""
    return not entry.content.retracts or not ever.isdisjoint(_set_right(case, entry.content))


def _no_more(
    source: CitizenCase,
    event: CaseEvent,
    ever: Mapping[str, frozenset[Source]],
    living: Mapping[str, Sequence[Grant]],
) -> list[Refusal]:
    """Who was told what this sets right, and holds no grant any more that would carry it."""
    found = []
    for content in event.tells() if ever else ():
        pointed = _set_right(source, content)
        for recipient, told in ever.items():
            was = next((s for s in pointed if s in told), None)
            may = any(g.category is content.category for g in living.get(recipient, ()))
            if was is not None and not may:
                kind = event.KIND or MessageKind.PRESENT_STATE
                found.append(Refusal(recipient, kind, content.category, RefusalReason.NO_LIVING_GRANT, was))
    return found


def _renewals(case: CitizenCase, event: CaseEvent, now: datetime) -> list[Renewal]:
    if not isinstance(event, GIVES_GRANTS):
        return []
    new = {g.grant_id for g in event.grants}
    found = []
    for terms in event.grants:
        held = tuple(
            g.grant_id
            for g in case.grants_of(terms.recipient, now)
            if g.category is terms.category and g.grant_id not in new
        )
        if held:
            found.append(Renewal(terms.recipient, terms.category, terms.grant_id, held))
    return found


def _parts(
    case: CitizenCase,
    wanted: Iterable[tuple[CitizenCase, Entry]],
    recipient: str,
    grants: Sequence[Grant],
    agreements: Mapping[str, Agreement | None],
) -> tuple[list[PartToTell], list[tuple[Category, RefusalReason]]]:
    parts: list[PartToTell] = []
    refused: dict[Category, RefusalReason] = {}
    for source, entry in wanted:
        category = entry.content.category
        if not _is_for(case, source, entry, recipient):
            continue
        carrying = [g for g in grants if g.category is None or g.category == category]
        if not carrying:
            continue
        if recipient != case.unit and (reason := may_receive(agreements.get(recipient), category)):
            carrying = [
                g
                for g in carrying
                if reason is RefusalReason.NOT_IN_AGREEMENT and _in_danger_to_life(case, g)
            ]
            if not carrying:
                refused[category] = reason
                continue
        bans = {*entry.content.bans, *(b for g in carrying for b in _bans(case, g))}
        ids = tuple(g.grant_id for g in carrying)
        corrects = _set_right(source, entry.content)
        parts.append(PartToTell(source.id, entry, tuple(sorted(bans)), ids, corrects))
    return parts, list(refused.items())


def _in_danger_to_life(case: CitizenCase, grant: Grant) -> bool:
    basis = case.bases.get(grant.basis_id)
    return basis is not None and basis.rule is BasisRule.VITAL_INTEREST


def _is_for(case: CitizenCase, source: CitizenCase, entry: Entry, recipient: str) -> bool:
    content = entry.content
    if recipient == case.unit:
        return True
    if content.owner_only or content.only_for not in {None, recipient}:
        return False
    if content.category is Category.REFERRAL:
        return source.referrals[UUID(content.data["referral"])].recipient == recipient
    return True


def _bans(case: CitizenCase, grant: Grant) -> tuple[str, ...]:
    basis = case.bases.get(grant.basis_id)
    return basis.bans if basis else ()


def _telling(
    case: CitizenCase,
    event: CaseEvent,
    recipient: str,
    kind: MessageKind,
    grants: Sequence[Grant],
    parts: Sequence[PartToTell],
) -> Telling:
    carried = {g for part in parts for g in part.grants} or {g.grant_id for g in grants if g.category is None}
    return Telling(
        recipient=recipient,
        kind=kind,
        urgency=urgency_of(event),
        deadline=deadline_of(event, recipient == case.unit),
        refs=refs_of(event, recipient == case.unit),
        head_grants=tuple(sorted(carried, key=str)),
        parts=tuple(parts),
    )
