"""Our own adapters with one fault each, for the conformance suite to catch: `planted.py FAULT ngo|police …`.

A fault is what a partner's developer might well do. Nothing of the suite is in here.
"""

import base64
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from contracts.client import inbox, kafka_profile, reading
from contracts.client.errors import HubUnreachable, NotLetIn, SealedForSomeoneElse
from contracts.client.http_profile import HttpHub
from contracts.client.keys import Identity
from contracts.client.party import Party
from contracts.envelope import BadMessage, Envelope
from contracts.inbound_v1 import Inbound
from contracts.message_v1 import Receipt, ReceiptStatus
from contracts.terms import OrganisationKind
from hub.adapters.partners import links, reporting
from hub.adapters.partners.links import Link
from hub.adapters.partners.ngo import __main__ as ngo_program
from hub.adapters.partners.ngo import rows
from hub.adapters.partners.ngo.adapter import Closing, Ngo
from hub.adapters.partners.ngo.desk import Desk
from hub.adapters.partners.ngo.keys import KeyCache, Look
from hub.adapters.partners.ngo.rows import Change
from hub.adapters.partners.reporter import Reporter

FAULTS: dict[str, Callable[[], None]] = {}


def fault(plant: Callable[[], None]) -> Callable[[], None]:
    """Make a fault known by its name."""
    FAULTS[plant.__name__] = plant
    return plant


def put(owner: Any, name: str, instead: Any) -> Any:
    """Put something in the place of what is there; what was there."""
    was = getattr(owner, name)
    setattr(owner, name, instead)
    return was


@fault
def takes_repeats_in_again() -> None:
    """It counts from where a batch begins, and not from its position."""

    def from_its_first(party: Party, batch: Sequence[Any], position: Any, *, whole: bool) -> Any:
        if batch and isinstance(batch[0], Envelope):
            epoch, sequence = batch[0].number
            position = min(position, (epoch, sequence - 1))
        return was(party, batch, position, whole=whole)

    was = put(reading, "sort", from_its_first)


@fault
def answers_under_new_ids() -> None:
    """A new message id for each try."""

    def anew(self: HttpHub, message_id: UUID, inbound: Inbound) -> Any:
        return was(self, uuid4(), inbound)

    was = put(HttpHub, "send", anew)


@fault
def moves_on_before_it_has_taken_in() -> None:
    """Its position is stored first, and the content in a transaction of its own."""

    def position_first(self: Ngo, received: Any, position: Any) -> None:
        self.store.apply(Change(position))
        was(self, received, position)

    was = put(Ngo, "apply", position_first)


@fault
def passes_a_hole_over() -> None:
    """Any higher number will do."""
    put(inbox, "_follows", lambda *_, **__: True)


@fault
def reports_no_problem() -> None:
    """It passes what it can't use over in silence."""
    put(reading, "_report", lambda *_: None)


@fault
def passes_strangers_over_in_silence() -> None:
    """What is no message is none of its business."""
    put(kafka_profile.KafkaHub, "poll", without_strangers(kafka_profile.KafkaHub.poll))


def without_strangers(was: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Poll until something that is a message comes, or nothing."""

    def poll(self: Any, limit: int = 100, timeout_s: float = 0.2) -> list[Any]:
        return [one for one in was(self, limit, timeout_s) if isinstance(one, Envelope)]

    return poll


@fault
def stops_at_poison() -> None:
    """It raises where it should report."""

    def or_stop(self: Party, envelope: Envelope) -> Any:
        try:
            return was(self, envelope)
        except SealedForSomeoneElse:
            raise
        except BadMessage:
            raise RuntimeError from None

    was = put(Party, "control", or_stop)


@fault
def checks_no_signature() -> None:
    """It takes whoever answers for the hub."""
    put(Party, "verify", lambda *_: None)


@fault
def forgets_what_was_revoked() -> None:
    """Of a revocation it keeps no list, so what comes later is kept."""
    put(rows, "_remember", lambda *_: None)


@fault
def says_purged_and_keeps() -> None:
    """It answers, and drops nothing."""

    def answer_alone(self: Ngo, change: Change, revocation: UUID, closing: Closing) -> None:
        thrown_away = replace(change, close=set(), close_parts={})
        was(self, thrown_away, revocation, closing)

    was = put(Ngo, "close_revoked", answer_alone)


@fault
def answers_no_revocation() -> None:
    """It reports, and thinks that a reporter has nothing to drop."""
    put(Reporter, "answer", lambda _: None)


@fault
def keeps_its_old_keys() -> None:
    """It reads its keys once, and never again."""

    def kept(folder: Path) -> Any:
        copy = folder.parent / "copy"
        if not copy.exists():
            was(folder).save(copy)
        return was(copy)

    was = put(Identity, "load", kept)


@fault
def forgets_its_former_keys() -> None:
    """New keys, and the old ones are thrown away."""
    put(Identity, "_by_any", lambda self, opened: opened(self.sealing))


@fault
def logs_in_twice_by_one_assertion() -> None:
    """What proves who it is, is made once."""

    def kept(*arguments: Any) -> Any:
        form = was(*arguments)()
        return lambda: form

    was = put(links, "by_key", kept)


@fault
def hammers_when_refused() -> None:
    """It asks again at once."""

    def at_once(self: Ngo) -> Any:
        while True:
            try:
                return was(self)
            except NotLetIn:
                continue

    was = put(Ngo, "receive", at_once)


@fault
def gives_up_when_refused() -> None:
    """Refused once, it never asks again."""

    def once(self: Ngo) -> Any:
        marker = self.settings.data / "refused"
        if marker.exists():
            return 0
        try:
            return was(self)
        except NotLetIn:
            marker.touch()
            raise

    was = put(Ngo, "receive", once)


@fault
def keeps_keys_on_disk() -> None:
    """A cache that outlives the program."""

    def on_disk(self: KeyCache, look: Look, keys: Any, asked_at: float) -> None:
        path = Path(os.environ["PLANTED_DATA"]) / "keys.txt"
        path.write_text("\n".join(base64.b64encode(key).decode() for key in keys.values()), encoding="ascii")
        was(self, look, keys, asked_at)

    was = put(KeyCache, "put", on_disk)


@fault
def shows_what_it_kept() -> None:
    """What was opened once is shown again without the hub."""

    def kept(self: Desk, message_id: UUID, **who: Any) -> Any:
        path = self.settings.data / f"{message_id}.txt"
        try:
            opened = was(self, message_id, **who)
        except Exception:
            if path.exists():
                sys.stdout.write(path.read_text(encoding="utf-8"))
            raise
        words = "\n".join(str(part.data) for part in opened.parts)
        path.write_text(words, encoding="utf-8")
        return opened

    was = put(Desk, "open_message", kept)


@fault
def forgets_who_looks() -> None:
    """Everybody looks as the system."""

    def system(self: HttpHub, message_id: UUID, person: str, name: str, purpose: str, **more: Any) -> Any:
        return was(self, message_id, "system", "system", purpose, **more)

    was = put(HttpHub, "open", system)


@fault
def answers_at_once_or_never() -> None:
    """What a person answers is sent, and not kept."""

    def directly(self: Any, outgoing: Any, status: Any) -> None:
        desk = desks[0]
        desk._link.send(outgoing.message_id, desk._link.unlocked(outgoing.message_id, outgoing.sealed))

    def noted(self: Desk, *arguments: Any, **more: Any) -> None:
        was(self, *arguments, **more)
        desks.append(self)

    from hub.adapters.partners.ngo.store import NgoStore

    desks: list[Desk] = []
    was = put(Desk, "__init__", noted)
    put(NgoStore, "answer", directly)


# --- a reporter's -----------------------------------------------------------------------------------


@fault
def reports_under_new_ids() -> None:
    """A new report id for each try."""

    def anew(self: HttpHub, report_id: UUID, report: Any) -> Any:
        other = uuid4()
        return was(self, other, {**report, "report_id": str(other)})

    was = put(HttpHub, "report", anew)


@fault
def counts_sent_as_delivered() -> None:
    """It never looks whether anybody answered."""

    def hopeful(self: Link, report_id: UUID, body: Any, now: Any) -> Any:
        try:
            return was(self, report_id, body, now)
        except (HubUnreachable, NotLetIn):
            return Receipt(report_id=report_id, number="0", status=ReceiptStatus.RECEIVED, at=now)

    was = put(Link, "report", hopeful)


@fault
def counts_as_delivered_before_it_sends() -> None:
    """The outbox is emptied first."""

    def first(self: Reporter, report_id: UUID, body: Any) -> Any:
        now = self._clock()
        told = Receipt(report_id=report_id, number="0", status=ReceiptStatus.RECEIVED, at=now)
        self._outbox.delivered(told, now)
        return was(self, report_id, body)

    was = put(Reporter, "_deliver", first)


@fault
def asks_all_the_time() -> None:
    """It never pauses."""

    def forever(step: Callable[[], bool], pause_s: float) -> None:
        was(step, 0.001)

    was = put(reporting, "until_stopped", forever)
    put(sys.modules["hub.adapters.partners.program"], "PAUSE_MAX_S", 0.001)


@fault
def refuses_while_the_hub_is_down() -> None:
    """It wants to send before it keeps."""

    def checked(self: Reporter, report: Any) -> Any:
        self._link.hub.messages(0, 0, 1)
        return was(self, report)

    was = put(Reporter, "submit", checked)


@fault
def hides_the_duty_number() -> None:
    """*Not yet delivered*, and nobody to ring."""
    put(reporting, "line", lambda one, *_: f"{one.report_id} {one.state.value}")


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Plant one fault."""
    FAULTS[name]()
    yield


def main() -> int:
    """Run the adapter with its fault."""
    name, adapter, *arguments = sys.argv[1:]
    os.environ["PLANTED_DATA"] = str(Path(arguments[1]).parent / "data")
    with planted(name):
        if adapter == "ngo":
            return ngo_program.main(arguments)
        return reporting.main(OrganisationKind.POLICE, arguments)


if __name__ == "__main__":
    sys.exit(main())
