"""A partner: an organisation that may be told something, its agreement and its public keys.

In words: an organisation is active or suspended. While it is suspended nothing is sent to it and nothing
opens for it, but its agreement and keys can still be changed: a lost key is a reason to suspend. The
municipality's own units are partners like any other (seed 002 p. 5: consent covers internal actors too). A
perpetrator is a person, and no person is ever a partner.

When a command is legal (`yes`) or refused with `IllegalTransition` (`-`):

    command               active  suspended
    change_agreement      yes     yes
    rotate_keys           yes     yes
    name_receipts_leader  yes     yes
    suspend               yes     -
    resume                -       yes
"""

import re
from datetime import datetime
from typing import Self
from uuid import UUID

from eventsourcing.domain import Aggregate, AggregateCreated

from contracts.terms import Category, OrganisationKind
from hub.aggregates.base import Actor, Event, stored_as, stream_of
from hub.aggregates.guards import distinct, one_of, slug, written
from hub.errors import Conflict, IllegalTransition, Invalid

CONTACT = frozenset({"name", "email", "duty_phone"})
RESERVED = "hub"
"""Names the hub's own consumer groups, read models and login at the broker."""
_KEY_BYTES = 32
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class PartnerEvent(Event):
    """A fact about a partner."""

    def apply(self, aggregate: "Partner") -> None:
        """Assign what this fact changes."""


@stored_as("partner.registered")
class PartnerRegistered(PartnerEvent, AggregateCreated):
    """An organisation became a partner. Keys are raw public keys in lower-case hex."""

    slug: str
    name: str
    kind: OrganisationKind
    categories: tuple[Category, ...]
    sealing_key: str
    signing_key: str
    contact: dict[str, str]

    def apply(self, aggregate: "Partner") -> None:
        aggregate.slug = self.slug
        aggregate.name = self.name
        aggregate.kind = self.kind
        aggregate.categories = self.categories
        aggregate.sealing_key = bytes.fromhex(self.sealing_key)
        aggregate.signing_key = bytes.fromhex(self.signing_key)
        aggregate.contact = self.contact


@stored_as("partner.agreement_changed")
class AgreementChanged(PartnerEvent):
    """What it may receive changed. What it was told stays told, and opens as far as this still covers it."""

    categories: tuple[Category, ...]
    contact: dict[str, str]

    def apply(self, aggregate: "Partner") -> None:
        aggregate.categories = self.categories
        aggregate.contact = self.contact


@stored_as("partner.suspended")
class PartnerSuspended(PartnerEvent):
    """Nothing is sent to it and nothing opens for it, from the next request on."""

    reason: str

    def apply(self, aggregate: "Partner") -> None:
        aggregate.active = False


@stored_as("partner.resumed")
class PartnerResumed(PartnerEvent):
    """It is let in again."""

    def apply(self, aggregate: "Partner") -> None:
        aggregate.active = True


@stored_as("partner.keys_rotated")
class KeysRotated(PartnerEvent):
    """It has new public keys. What it signed with the former one and is on its way counts until then."""

    sealing_key: str
    signing_key: str
    former_sealing_key: str
    former_signing_key: str
    former_until: datetime

    def apply(self, aggregate: "Partner") -> None:
        aggregate.sealing_key = bytes.fromhex(self.sealing_key)
        aggregate.signing_key = bytes.fromhex(self.signing_key)
        aggregate.former_signing.append((bytes.fromhex(self.former_signing_key), self.former_until))


@stored_as("partner.receipts_leader_named")
class ReceiptsLeaderNamed(PartnerEvent):
    """One leader of a reporter may see the receipts of its people's reports; empty: nobody beside each."""

    person: str

    def apply(self, aggregate: "Partner") -> None:
        aggregate.receipts_leader = self.person


@stream_of("partner")
class Partner(Aggregate):
    """An organisation that may be told something. Whether it *is* told something, grants decide."""

    def __init__(self) -> None:
        self.slug = ""
        self.name = ""
        self.kind: OrganisationKind
        self.categories: tuple[Category, ...] = ()
        self.sealing_key = b""
        """X25519, raw, 32 bytes."""
        self.signing_key = b""
        """Ed25519, raw, 32 bytes."""
        self.former_signing: list[tuple[bytes, datetime]] = []
        """Signing keys that it had, and until when what they signed counts."""
        self.contact: dict[str, str] = {}
        self.receipts_leader = ""
        """The login's subject of who may see receipts beside each report's own reporter."""
        self.active = True

    @classmethod
    def register(
        cls,
        *,
        id: UUID,  # noqa: A002 (the library's name)
        slug: str,
        name: str,
        kind: OrganisationKind,
        categories: tuple[Category, ...],
        sealing_key: bytes,
        signing_key: bytes,
        contact: dict[str, str],
        by: Actor,
        at: datetime,
    ) -> Self:
        """Make an organisation a partner under its agreement."""
        _must_be_an_organisation(slug, name)
        _must_be_an_agreement(categories, contact)
        _must_be_keys(sealing_key, signing_key)
        return cls._create(
            PartnerRegistered,
            id=id,
            slug=slug,
            name=name,
            kind=one_of("kind", kind, OrganisationKind),
            categories=categories,
            sealing_key=sealing_key.hex(),
            signing_key=signing_key.hex(),
            contact=contact,
            by=by,
            timestamp=at,
        )

    def change_agreement(
        self, *, categories: tuple[Category, ...], contact: dict[str, str], by: Actor, at: datetime
    ) -> None:
        """Change what it may receive and whom to ring."""
        _must_be_an_agreement(categories, contact)
        self.trigger_event(AgreementChanged, categories=categories, contact=contact, by=by, timestamp=at)

    def suspend(self, *, reason: str, by: Actor, at: datetime) -> None:
        """Stop sending to it and opening for it."""
        if not self.active:
            raise IllegalTransition("partner: is suspended already; nothing was changed", field="partner")
        written("reason", reason)
        self.trigger_event(PartnerSuspended, reason=reason, by=by, timestamp=at)

    def resume(self, *, by: Actor, at: datetime) -> None:
        """Let it in again."""
        if self.active:
            raise IllegalTransition("partner: is not suspended; nothing was changed", field="partner")
        self.trigger_event(PartnerResumed, by=by, timestamp=at)

    def rotate_keys(
        self, *, sealing_key: bytes, signing_key: bytes, former_until: datetime, by: Actor, at: datetime
    ) -> None:
        """Take its new public keys, one of which is another; what the former signed counts until then."""
        _must_be_keys(sealing_key, signing_key)
        if (sealing_key, signing_key) == (self.sealing_key, self.signing_key):
            raise Invalid("sealing_key: both keys are the present ones; send a new one", field="sealing_key")
        self.trigger_event(
            KeysRotated,
            sealing_key=sealing_key.hex(),
            signing_key=signing_key.hex(),
            former_sealing_key=self.sealing_key.hex(),
            former_signing_key=self.signing_key.hex(),
            former_until=former_until,
            by=by,
            timestamp=at,
        )

    def name_receipts_leader(self, *, person: str, by: Actor, at: datetime) -> None:
        """Name the one leader who sees receipts beside each report's own reporter, or nobody."""
        if person == self.receipts_leader:
            raise Conflict("person: is who is named already; nothing to do", field="person")
        self.trigger_event(ReceiptsLeaderNamed, person=person, by=by, timestamp=at)

    def former_keys(self, now: datetime) -> tuple[bytes, ...]:
        """The signing keys that it had and under which what is on its way still counts."""
        return tuple(key for key, until in self.former_signing if now < until)

    def may_receive(self, category: Category) -> bool:
        """Whether the agreement covers the category now; a grant is needed as well."""
        return self.active and category in self.categories


def _must_be_an_organisation(name_in_topics: str, name: str) -> None:
    slug("slug", name_in_topics)
    if name_in_topics == RESERVED:
        raise Invalid(f"slug: {RESERVED!r} is the hub's own; choose another", field="slug")
    written("name", name)


def _must_be_an_agreement(categories: tuple[Category, ...], contact: dict[str, str]) -> None:
    for category in categories:
        one_of("categories", category, Category)
    distinct("categories", categories)
    if set(contact) != CONTACT or not all(text.strip() for text in contact.values()):
        raise Invalid("contact: name, email and duty_phone, each filled in, nothing else", field="contact")
    if not _EMAIL.fullmatch(contact["email"]):
        raise Invalid("contact: email must hold one '@'; correct it", field="contact")


def _must_be_keys(sealing_key: bytes, signing_key: bytes) -> None:
    for field, key in (("sealing_key", sealing_key), ("signing_key", signing_key)):
        if len(key) != _KEY_BYTES:
            raise Invalid(f"{field}: a raw public key is 32 bytes; export it raw", field=field)
    if sealing_key == signing_key:
        raise Invalid("signing_key: must be another key than the sealing key", field="signing_key")
