"""What people at the desk do: list, open, take over, answer. A named person opens, through the hub."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID, uuid4, uuid5

from contracts.client.errors import BadMessage, Refused
from contracts.client.sealed import open_head, open_part
from contracts.inbound_v1 import Answer, Inbound, Person, Problem, ReferralAnswer
from contracts.message_v1 import Head, Part
from contracts.terms import LookPurpose, ReferralStatus, RejectionReason
from hub.adapters.partners.duty import DutyNumber
from hub.adapters.partners.errors import NoLongerOpen, NotAllowed, UnknownItem
from hub.adapters.partners.links import Link
from hub.adapters.partners.ngo.inbox import ReferralLine, referrals, unasked
from hub.adapters.partners.ngo.keys import KeyCache, Look
from hub.adapters.partners.ngo.rows import Line, Outgoing
from hub.adapters.partners.ngo.store import NgoStore
from hub.adapters.partners.settings import PartnerSettings

_OVER: Final = frozenset({ReferralStatus.REJECTED, ReferralStatus.COMPLETED, ReferralStatus.CANCELLED})
"""From here a referral goes nowhere."""


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message as one named person sees it. Keep it no longer than the look lasts."""

    message_id: UUID
    head: Head
    parts: tuple[Part, ...] = field(repr=False)


class Desk:
    """The desk of one recipient."""

    def __init__(
        self,
        settings: PartnerSettings,
        link: Link,
        clock: Callable[[], datetime] = utc_now,
        keys: KeyCache | None = None,
    ) -> None:
        """Open the store. `clock` gives UTC; `keys` has a clock of its own, in seconds."""
        self.settings = settings
        self.store = NgoStore(settings.data / "ngo.db")
        self._duty = DutyNumber(settings, clock)
        self.keys = KeyCache() if keys is None else keys
        self._link = link
        self._clock = clock

    @classmethod
    def of(cls, settings: PartnerSettings) -> Self:
        """The adapter that the settings describe."""
        return cls(settings, Link.of(settings))

    @property
    def duty_number(self) -> str:
        """Whom to ring when it can't wait."""
        return self._duty.number

    def inbox(self) -> list[ReferralLine]:
        """The referrals that are here, those with the nearest deadline first."""
        return referrals(self.messages(), self.store.answered())

    def told(self) -> list[Line]:
        """What was told in threads without a referral, in order."""
        return unasked(self.messages())

    def messages(self) -> list[Line]:
        """Every message that is here, in order, by its head."""
        self.keys.sweep()
        return self.store.lines()

    def open_message(self, message_id: UUID, *, person: str, name: str, purpose: str) -> Opened:
        """Open a message for a named person, through the hub, which records it.

        Raises `NoLongerOpen`, and `HubUnreachable` where nobody answers.
        """
        look = Look(message_id, person, name, _purpose(purpose))
        sealed = self._sealed(message_id)
        keys = self.keys.get(look)
        if keys is None:
            asked_at = self.keys.clock()
            keys = self._asked(look, taken_over=False)
            self.keys.put(look, keys, asked_at)
        return self._shown(message_id, sealed, keys)

    def take_over(self, message_id: UUID, *, person: str, name: str, purpose: str) -> Opened:
        """Open a message for our own journal, which keeps it by duty; a revocation is answered *retained*.

        It is written down before the hub is asked, so that *purged* can't be said in between.
        """
        if self.settings.retains is None:
            raise NotAllowed("set `retains` to the duty by which this organisation keeps what it takes over")
        look, sealed = Look(message_id, person, name, _purpose(purpose)), self._sealed(message_id)
        new = self.store.take_over(message_id)
        try:
            return self._shown(message_id, sealed, self._asked(look, taken_over=True))
        except NoLongerOpen:
            if new:
                self.store.not_taken_over(message_id)
            raise

    def answer(
        self,
        referral: UUID,
        status: ReferralStatus,
        *,
        person: str,
        name: str,
        reason: RejectionReason | None = None,
    ) -> None:
        """Answer a referral: kept on disk now, sent with the next `send`. The same answer again is the same.

        Raises `UnknownItem`; `NotAllowed` where the referral is over, as far as we were told; pydantic's
        `ValidationError` where the answer is none.
        """
        found = next((one for one in self.inbox() if one.referral == referral), None)
        if found is None:
            raise UnknownItem("no referral of this id is here")
        last = found.answered
        if last is not None and (last.status, last.state != "refused") == (status, True):
            return
        if found.status in _OVER:
            raise NotAllowed(
                f"this referral is {found.status.value}, as the municipality told us: nothing more is "
                "answered to it; ask the municipality for a new one"
            )
        answer = ReferralAnswer(
            thread=found.thread,
            referral=referral,
            status=status,
            reason=reason,
            by=Person(person=person, name=name),
            at=self._clock(),
        )
        self.store.answer(self._outgoing(uuid4(), answer, referral=referral), status)

    def close(self) -> None:
        """Forget every key, and let go of the file and the connections."""
        self.keys.clear()
        self._link.close()
        self.store.close()

    # --- the small steps ----------------------------------------------------------------------------

    def _asked(self, look: Look, *, taken_over: bool) -> dict[int, bytes]:
        try:
            return self._link.hub.open(
                look.message_id, look.person, look.name, look.purpose, taken_over=taken_over
            )
        except Refused as error:
            raise NoLongerOpen(
                f"the municipality gives no key to this message ({error.problem}): the consent or basis it "
                "rests on has ended, or it is not for this person; ask the municipality"
            ) from None

    def _sealed(self, message_id: UUID) -> bytes:
        sealed = self.store.sealed(message_id)
        if sealed is None:
            raise NoLongerOpen("this message is not here: it never came, or it was withdrawn and purged")
        return sealed

    def _shown(self, message_id: UUID, sealed: bytes, keys: Mapping[int, bytes]) -> Opened:
        closed = self.store.closed_parts(message_id)
        try:
            head = open_head(sealed, keys[0], *self._names, message_id)
            numbers = [n for n in sorted(keys) if 0 < n <= len(head.parts) and n not in closed]
            parts = tuple(open_part(sealed, head, n, keys[n], *self._names, message_id) for n in numbers)
        except (BadMessage, KeyError) as error:
            reason = error.reason if isinstance(error, BadMessage) else BadMessage.reason
            problem = Problem(message_id=message_id, reason=reason)
            self.store.queue(self._outgoing(uuid5(message_id, "problem"), problem))
            raise NoLongerOpen("this message is damaged; the municipality is told") from None
        self.store.opened(message_id)
        return Opened(message_id, head, parts)

    def _outgoing(
        self, message_id: UUID, answer: Answer, *, purge: bool = False, referral: UUID | None = None
    ) -> Outgoing:
        sealed = self._link.locked(message_id, Inbound.of(answer))
        return Outgoing(message_id, sealed, purge, referral)

    @property
    def _names(self) -> tuple[str, str]:
        return self.settings.municipality, self.settings.slug


def _purpose(text: str) -> LookPurpose:
    try:
        return LookPurpose(text)
    except ValueError:
        raise NotAllowed(f"purpose: say why you look, one of {', '.join(LookPurpose)}") from None
