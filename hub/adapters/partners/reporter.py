"""What police and A&E share: take a social report, keep it, deliver it, and show how far it has come.

A report is in the outbox on disk before anything is sent, and stays *not yet delivered* until the
municipality has answered with its number. The report's own id is the idempotency key, so sending again never
does anything twice, whenever this program was killed. Over Kafka the answer comes on our own topic.

A hub that was put back from a backup has forgotten what came over HTTP since, so that is kept, sealed, for
`KEEP_FOR`, and handed over again when the epoch of our messages rises. What was sent over Kafka lies on the
topic, and the hub reads it there again.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID, uuid4, uuid5

from pydantic import ValidationError

from contracts.client.errors import (
    BadMessage,
    ClientError,
    HubUnreachable,
    NotKnownYet,
    NotLetIn,
    NotNow,
    NotThere,
    Refused,
)
from contracts.client.inbox import Position, Received
from contracts.client.sealed import open_head
from contracts.inbound_v1 import Inbound, Person, Problem, PurgeAnswer, PurgeOutcome, ReportRetraction
from contracts.message_v1 import Erased, Receipt, ReceiptStatus, Revoked
from contracts.social_report_v1 import SocialReport
from contracts.terms import MessageKind, OrganisationKind, RetractionReason
from contracts.times import LIES_AHEAD
from hub.adapters.partners.disk import NotScrubbed, write_private
from hub.adapters.partners.duty import DutyNumber
from hub.adapters.partners.errors import BadReport, NotAllowed, UnknownItem, problems_of
from hub.adapters.partners.links import Link
from hub.adapters.partners.outbox import Outbox, ReportStatus, State
from hub.adapters.partners.retracting import Retraction
from hub.adapters.partners.settings import PartnerSettings, Profile
from hub.adapters.partners.taking_up import Came

log = logging.getLogger("partners.reporter")

SEND_AGAIN_AFTER: Final = timedelta(minutes=15)
"""How long a report that was put on the topic may go without a receipt before it is put there again."""
KEEP_FOR: Final = timedelta(days=7)
"""How long a report that was delivered over HTTP stays here."""
_ITS_OWN_FAULT: Final = frozenset({400, 413, 415, 422})
"""Statuses by which the hub refuses the report itself, for good."""
_NO_ANSWER: Final = "the municipality's hub does not answer; it is tried again"
_FOLLOWS: Final = "it follows the report that it adds to"
_ADDS_TO_NONE: Final = (
    "supplements: the municipality knows no report of ours under this id; name the right one, or leave it "
    "out, and hand it in under a new report_id"
)
_BUSY: Final = "conflict"
"""The hub's word for: others were changing the same case, ask again."""


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Reporter:
    """One reporter: `submit` keeps, `deliver` sends, `receive` reads receipts, `step` does all it can now."""

    def __init__(
        self,
        settings: PartnerSettings,
        kind: OrganisationKind,
        link: Link,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open the outbox. `kind` is what `unit.kind` of every report must say; `clock` gives UTC."""
        self.settings = settings
        self._kind = kind
        self._link = link
        self._clock = clock
        keep_for = KEEP_FOR if settings.profile is Profile.HTTP else timedelta(0)
        self._outbox = Outbox(settings.data / "outbox.db", keep_for)
        self._duty = DutyNumber(settings, clock)

    @classmethod
    def of(cls, settings: PartnerSettings, kind: OrganisationKind) -> Self:
        """The reporter that the settings describe."""
        return cls(settings, kind, Link.of(settings))

    # --- taking reports -----------------------------------------------------------------------------

    def submit(self, report: SocialReport) -> ReportStatus:
        """Keep a report for delivery; handed in again under the same id it is the same report.

        Raises `BadReport` where another report under its id is still here, it is another kind of unit's, or
        it tells of the future.
        """
        if report.unit.kind is not self._kind:
            raise BadReport([f"unit.kind: this is the adapter of {self._kind.value}; use the unit's own"])
        if ahead := report.ahead(self._clock()):
            raise BadReport([f"{field}: {LIES_AHEAD}" for field in ahead])
        body, report_id = report.model_dump(mode="json", exclude_none=True), report.report_id
        try:
            sealed = self._link.locked(report_id, Inbound.report(body))
        except ValueError as error:
            raise BadReport([str(error)]) from None
        if not self._outbox.put(report_id, sealed, self._clock()):
            held = self._body(report_id)
            if held is not None and held != body:
                raise BadReport(
                    ["report_id: another report was handed in under it; a correction is sent under a new id"]
                )
        return self.one(report_id)

    def submit_json(self, text: str | bytes) -> ReportStatus:
        """Keep a report given as JSON. Raises `BadReport` with every problem."""
        try:
            report = SocialReport.model_validate_json(text)
        except ValidationError as error:
            raise BadReport(problems_of(error)) from None
        return self.submit(report)

    def retract(
        self,
        report_id: UUID,
        reason: RetractionReason,
        *,
        person: str,
        name: str,
        explanation: str | None = None,
    ) -> ReportStatus:
        """Take a report back: kept on disk now, and sent once the report is delivered. Twice is once.

        Raises `UnknownItem`, and `NotAllowed` where there is nothing to take back or a field is none.
        """
        one = self.one(report_id)
        if one.state is State.REFUSED:
            raise NotAllowed(
                "the municipality refused this report and has nothing of it to take back; "
                "hand-back gives it to you, to be corrected"
            )
        if one.receipt == ReceiptStatus.RETRACTED or one.retraction in {Retraction.WAITING, Retraction.SENT}:
            return one
        try:
            said = ReportRetraction(
                report_id=report_id,
                reason=reason,
                explanation=explanation,
                by=Person(person=person, name=name),
                at=self._clock(),
            )
        except ValidationError as error:
            raise NotAllowed("\n".join(problems_of(error))) from None
        message_id = uuid4()
        self._outbox.retract(report_id, message_id, self._link.locked(message_id, Inbound.of(said)))
        return self.one(report_id)

    def take_dropped(self) -> int:
        """Keep what lies in the drop folder as `….json`; a file goes when its report is in the outbox.

        Write under another name and rename: a half-written file is refused. One that is refused is set aside
        as `….refused`, with the problems beside it in `….problems.txt`.
        """
        folder, taken = self.settings.drop, 0
        for path in sorted(folder.glob("*.json")) if folder is not None else ():
            try:
                self.submit_json(path.read_bytes())
            except BadReport as error:
                path.with_suffix(".problems.txt").write_text(f"{error}\n", encoding="utf-8")
                path.rename(path.with_suffix(".refused"))
                log.warning("a dropped report was refused: see the .problems.txt beside it")
                continue
            path.unlink()
            taken += 1
        return taken

    # --- sending and reading ------------------------------------------------------------------------

    def deliver(self) -> int:
        """Send what waits; how many were delivered. What can't be sent now stays and keeps the reason."""
        delivered = 0
        for report_id, sealed in self._outbox.waiting(self._clock() - SEND_AGAIN_AFTER):
            body = self._link.unlocked(report_id, sealed).body
            try:
                delivered += self._deliver(report_id, body)
            except HubUnreachable:
                self._outbox.hindered(report_id, _NO_ANSWER)
                break
            except Refused as error:
                self._told_no(report_id, body, error)
        return delivered

    def deliver_retractions(self) -> int:
        """Send which reports are taken back; how many the hub, or the topic, has now."""
        delivered = 0
        for report_id, message_id, sealed in self._outbox.retractions():
            try:
                self._link.send(message_id, self._link.unlocked(message_id, sealed))
            except HubUnreachable:
                self._outbox.retraction(report_id, Retraction.WAITING, _NO_ANSWER)
                break
            except Refused as error:
                self._retraction_refused(report_id, error)
                continue
            self._outbox.retraction(report_id, Retraction.SENT)
            delivered += 1
        return delivered

    def receive(self) -> int:
        """Read our own messages; how many. Raises `HubUnreachable` and what else stops."""
        start = position = self._outbox.position
        while (reached := self._link.read(self, position)) != position:
            position = reached
        return position[1] - start[1] if position[0] == start[0] else position[1]

    def apply(self, received: Sequence[Received], position: Position) -> None:
        """Take in receipts and revocations; data is kept sealed until `open_heads` asks what it says."""
        came = Came({one.envelope.message_id: one.envelope.value for one in received if one.control is None})
        receipts = []
        for one in received:
            match one.control:
                case Receipt() as receipt:
                    receipts.append(receipt)
                case Revoked() | Erased() as closing:
                    came.closed |= {*closing.messages, *closing.parts}
                    revocation = one.envelope.message_id
                    answer = PurgeAnswer(
                        revocation=revocation, thread=closing.thread, outcome=PurgeOutcome.PURGED
                    )
                    answer_id = uuid5(revocation, "answer")
                    came.answers[answer_id] = self._link.locked(answer_id, Inbound.of(answer))
        self._outbox.take_in(receipts, came, position, self._clock())

    def open_heads(self) -> None:
        """Ask what the messages say that came. That a report was taken up is kept, and nothing else."""
        while sealed := self._outbox.unopened():
            keys = self._link.hub.head_keys(list(sealed))
            asked = {
                one: self._taken_up(one, body, keys[one]) if one in keys else None
                for one, body in sealed.items()
            }
            self._outbox.opened(asked)

    def answer(self) -> None:
        """Answer revocations: *purged*, once what was revoked is off the disk. It stays until it is sent."""
        try:
            waiting = self._outbox.answers()
        except NotScrubbed as error:
            log.warning("%s", error)
            return
        for message_id, sealed in waiting.items():
            if self._send(message_id, self._link.unlocked(message_id, sealed)):
                self._outbox.answered(message_id)

    def step(self) -> int:
        """Take, send and read all that there is now; how much moved. What can't be done now is done later."""
        self._outbox.forget(self._clock())
        moved = self.take_dropped() + self.deliver() + self.deliver_retractions()
        try:
            moved += self.receive()
            self.open_heads()
            self.answer()
        except ClientError as error:
            log.warning("our own messages can't be read or answered now: %s", error.slug)
        else:
            self._duty.ask(self._link.hub)
        return moved

    # --- showing ------------------------------------------------------------------------------------

    def status(self) -> list[ReportStatus]:
        """Every report: id, state, since when, receipt."""
        return self._outbox.status()

    def one(self, report_id: UUID) -> ReportStatus:
        """One report. Raises `UnknownItem`."""
        found = self._outbox.one(report_id)
        if found is None:
            raise UnknownItem("no report of this id was handed in here")
        return found

    def reference(self, report_id: UUID) -> str | None:
        """Our own case reference of a report, out of its sealed body, for as long as that is here."""
        body = self._body(report_id)
        return None if body is None else str(body.get("reference"))

    def duty_number(self, one: ReportStatus | None = None) -> str:
        """Whom to ring: as the hub told last, else as its receipt of this report says, else our settings."""
        receipt = one.on_call if one is not None else None
        return self._duty.told or receipt or self.settings.duty_number

    def waiting(self) -> int:
        """How many are not yet delivered, or taken back and that is not yet delivered."""
        return sum(
            one.state is State.NOT_YET_DELIVERED or one.retraction is Retraction.WAITING
            for one in self.status()
        )

    def hand_back(self, report_id: UUID, path: Path) -> None:
        """Write a refused report to a new file of its owner's alone, to be corrected; then drop it here."""
        body = self._body(report_id)
        if self.one(report_id).state is not State.REFUSED or body is None:
            raise NotAllowed("only a refused report whose body is still here can be handed back")
        write_private(path, json.dumps(body, ensure_ascii=False, indent=2).encode())
        self._outbox.drop_refused(report_id)

    def close(self) -> None:
        """Let go of the outbox and the connections."""
        self._link.close()
        self._outbox.close()

    def _deliver(self, report_id: UUID, body: Mapping[str, Any]) -> bool:
        receipt = self._link.report(report_id, body, self._clock())
        if receipt is None:
            self._outbox.sent(report_id, self._clock())
            return False
        self._outbox.delivered(receipt, self._clock())
        return True

    def _taken_up(self, message_id: UUID, sealed: bytes, key: bytes) -> UUID | None:
        """The report that was taken up, if the message says so. One that can't be used is told to the hub."""
        party = self._link.party
        try:
            head = open_head(sealed, key, party.municipality, party.name, message_id)
        except BadMessage as error:
            problem = Problem(message_id=message_id, reason=error.reason)
            self._send(uuid5(message_id, "problem"), Inbound.of(problem))
            return None
        return head.refs.get("report") if head.kind is MessageKind.REPORT_TAKEN_UP else None

    def _send(self, message_id: UUID, inbound: Inbound) -> bool:
        """Whether the hub took it. Raises `HubUnreachable` and `NotLetIn`."""
        try:
            self._link.send(message_id, inbound)
        except NotLetIn:
            raise
        except Refused as error:
            log.warning("answer %s: the hub says %s", message_id, error.problem)
            return False
        return True

    def _told_no(self, report_id: UUID, body: Mapping[str, Any], error: Refused) -> None:
        """What the report itself is refused for is final; our login, a conflict, a wrong address are not."""
        log.warning("report %s: the hub says %s", report_id, error.problem)
        if isinstance(error, NotThere) and error.pointer == "supplements":
            self._adds_to_none(report_id, UUID(str(body.get("supplements"))))
        elif error.status in _ITS_OWN_FAULT:
            self._outbox.refused(report_id, _why(error), self._clock())
        else:
            self._outbox.hindered(report_id, f"the hub says {error.problem}; it is tried again")

    def _adds_to_none(self, report_id: UUID, added_to: UUID) -> None:
        """The hub does not know the report that this one adds to: for good, unless that one waits here."""
        report = self._outbox.one(added_to)
        if report is not None and report.state is State.NOT_YET_DELIVERED:
            self._outbox.hindered(report_id, _FOLLOWS)
        else:
            self._outbox.refused(report_id, _ADDS_TO_NONE, self._clock())

    def _retraction_refused(self, report_id: UUID, error: Refused) -> None:
        """A no to it is final; our login, our new key, a busy case, a wrong address are not."""
        log.warning("taking back report %s: the hub says %s", report_id, error.problem)
        busy = isinstance(error, NotNow) and error.problem == _BUSY
        nowhere = isinstance(error, NotThere) and error.pointer is None
        if busy or nowhere or isinstance(error, NotLetIn | NotKnownYet):
            again = f"the hub says {error.problem}; it is tried again"
            self._outbox.retraction(report_id, Retraction.WAITING, again)
        else:
            self._outbox.retraction(report_id, Retraction.REFUSED, _why(error))

    def _body(self, report_id: UUID) -> Mapping[str, Any] | None:
        sealed = self._outbox.body(report_id)
        return None if sealed is None else self._link.unlocked(report_id, sealed).body


def _why(error: Refused) -> str:
    """The hub's no in its own words, which name the field, once, and never what was sent."""
    named = error.pointer is not None and error.detail.startswith(f"{error.pointer}:")
    return " ".join(filter(None, (error.problem, None if named else error.pointer, error.detail)))
