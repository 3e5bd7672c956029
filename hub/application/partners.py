"""Commands on partners, and their answers to revocations."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from contracts.client.sealed import seal_blank
from contracts.message_v1 import Heartbeat
from contracts.terms import Category, OrganisationKind
from hub.aggregates.partner import Partner
from hub.aggregates.receipts import Purged, Retained
from hub.application.carrying import Answer, Carrier
from hub.application.committing import Change, Command
from hub.errors import Conflict, Invalid, Missing
from hub.ports import PartnerRow

ON_ITS_WAY = timedelta(days=30)
"""How long what a partner signed with its former key may be on its way: as long as a topic may keep it."""


class Partners(Carrier):
    """Organisations that may be told something, and what they answer."""

    def register_partner(
        self,
        command: Command,
        *,
        slug: str,
        name: str,
        kind: OrganisationKind,
        categories: Sequence[Category],
        sealing_key: bytes,
        signing_key: bytes,
        contact: dict[str, str],
    ) -> Answer:
        """Register a partner with its agreement and public keys; its messages are numbered from here.

        A partner's slug is its login at the broker, so the hub's own is none; the unit is given no login.
        """
        if slug == self._broker_login and slug != self._unit:
            raise Invalid(
                "slug: the hub itself logs in to the broker by that name: choose another slug, or set "
                "another HUB_KAFKA_USERNAME first",
                field="slug",
            )
        partner_id = self._committer.partner_id(slug)

        def act(now: datetime) -> Change:
            if self._committer.is_partner(slug):
                raise Conflict("slug: a partner of that name is registered already", field="slug")
            _must_seal(sealing_key)
            self._must_be_nobody_elses(slug, sealing_key=sealing_key, signing_key=signing_key)
            partner = Partner.register(
                id=partner_id,
                slug=slug,
                name=name,
                kind=kind,
                categories=tuple(categories),
                sealing_key=sealing_key,
                signing_key=signing_key,
                contact=contact,
                by=command.by,
                at=now,
            )
            row = PartnerRow(slug, kind, True, sealing_key, signing_key)
            return Change(others=(partner,), mints=(partner_id,), partner=row, ids={"partner": slug})

        return self._once(command, act)

    def send_heartbeat(self, command: Command, slug: str) -> Answer:
        """Tell a recipient that nothing was missed up to this number."""
        return self._once(command, lambda now: Change(controls=((slug, Heartbeat(at=now)),)))

    def suspend_partner(self, command: Command, slug: str, reason: str) -> Answer:
        """Stop sending to and opening for a partner, effective at the next request."""
        if slug == self._unit:
            raise Invalid(
                "slug: the unit of this hub (HUB_UNIT) reads every report and is never suspended: stop the "
                "login of one of its people with `hub person stop`",
                field="slug",
            )
        return self._partner(command, slug, lambda p, now: p.suspend(reason=reason, by=command.by, at=now))

    def resume_partner(self, command: Command, slug: str) -> Answer:
        """Let a suspended partner in again."""
        return self._partner(command, slug, lambda p, now: p.resume(by=command.by, at=now))

    def name_receipts_leader(self, command: Command, slug: str, person: str) -> Answer:
        """Name the one leader who sees receipts beside each report's own reporter, or nobody."""

        def change(partner: Partner, now: datetime) -> None:
            partner.name_receipts_leader(person=person, by=command.by, at=now)

        return self._partner(command, slug, change)

    def change_agreement(
        self, command: Command, slug: str, *, categories: Sequence[Category], contact: dict[str, str]
    ) -> Answer:
        """Change what a partner may receive and whom to ring; what is taken out of it opens no more."""

        def change(partner: Partner, now: datetime) -> None:
            partner.change_agreement(categories=tuple(categories), contact=contact, by=command.by, at=now)

        return self._partner(command, slug, change)

    def rotate_keys(
        self, command: Command, slug: str, *, sealing_key: bytes, signing_key: bytes, stolen: bool
    ) -> Answer:
        """Take a partner's new keys. What it signed before and is on its way counts, unless it was stolen."""
        _must_seal(sealing_key)

        def change(partner: Partner, now: datetime) -> None:
            self._must_be_nobody_elses(slug, sealing_key=sealing_key, signing_key=signing_key)
            partner.rotate_keys(
                sealing_key=sealing_key,
                signing_key=signing_key,
                former_until=now if stolen else now + ON_ITS_WAY,
                by=command.by,
                at=now,
            )

        return self._partner(command, slug, change)

    def answer_revocation(
        self, command: Command, thread: UUID, revocation: UUID, basis: str | None, reason: str | None
    ) -> Answer:
        """A recipient says that it purged what was revoked, or on which basis of its own it retains it."""
        recipient = command.by.organisation
        ledger = self._committer.ledger(thread)
        if ledger is None and self._committer.was_sent(revocation, recipient):
            # The case is erased since, its receipts with it: heard, and nowhere to keep.
            return Answer(0, {})
        case_id, receipt_id = self._case_of(thread, recipient), self._new_id()
        if ledger is None or revocation not in ledger.revocations:
            raise Missing("no such revocation was sent to you", field="revocation")

        def act(now: datetime) -> Change:
            receipt: Purged | Retained
            if basis is None:
                receipt = Purged.record(
                    id=receipt_id,
                    case_id=case_id,
                    recipient=recipient,
                    revocation=revocation,
                    by=command.by,
                    at=now,
                )
            else:
                receipt = Retained.record(
                    id=receipt_id,
                    case_id=case_id,
                    recipient=recipient,
                    revocation=revocation,
                    basis=basis,
                    reason=reason or "",
                    by=command.by,
                    at=now,
                )
            return Change(others=(receipt,), may_not_wait=True)

        return self._once(command, act)

    def _must_be_nobody_elses(self, slug: str, **keys: bytes) -> None:
        """With the key of another, one opens what the other is told, or sends in its name."""
        for row in self._committer.partner_rows():
            for field, key in keys.items():
                if row.slug != slug and key in (row.sealing_key, row.signing_key):
                    raise Conflict(
                        f"{field}: is the key of {row.slug}: take what this partner's own program printed",
                        field=field,
                    )

    def _partner(self, command: Command, slug: str, change: Callable[[Partner, datetime], None]) -> Answer:
        def act(now: datetime) -> Change:
            partner = self._committer.partner(slug)
            change(partner, now)
            keys = (partner.sealing_key, partner.signing_key)
            row = PartnerRow(slug, partner.kind, partner.active, *keys)
            return Change(others=(partner,), partner=row, ids={"partner": slug})

        return self._once(command, act)


def _must_seal(key: bytes) -> None:
    """A key to which nothing can be sealed would stop every withdrawal that has to be told to its partner."""
    try:
        seal_blank("any", "any", UUID(int=0), key)
    except ValueError:
        raise Invalid(
            "sealing_key: nothing can be sealed to it; make new keys", field="sealing_key"
        ) from None
