"""A small fictitious municipality on real parts, for tests that tell a story.

    world = World.built(tmp_path)
    case = world.open_case()
    consent = world.consent(case, ["havnen"], [Category.INCIDENT])
    world.told("havnen")            # what the NGO opens
    world.withdraw(case, consent)

The clock stands still until a test moves it; it may be moved backwards.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from copy import copy as shallow
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

from contracts.client.errors import SealedForSomeoneElse
from contracts.client.inbox import sort, take
from contracts.client.keys import Identity
from contracts.client.sealed import open_control, open_head, open_part
from contracts.inbound_v1 import Inbound as Sent
from contracts.message_v1 import Control, Head, Part
from contracts.social_report_v1 import SocialReport
from contracts.terms import (
    BasisRule,
    Category,
    MoveRefusal,
    MoveStatus,
    OrganisationKind,
    RetractionReason,
    SafetyLevel,
    Urgency,
)
from hub.adapters.store.unread import unread_class
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.case import CitizenCase
from hub.aggregates.citizen_case.children import NOTIFIED_OF, waiting_notifications
from hub.aggregates.citizen_case.terms import (
    Channel,
    ClosingConversation,
    ClosingReason,
    ContactDecision,
    ContactOutcome,
    Found,
    HandOverReason,
    NotificationDecision,
    NotNotifiedReason,
    ReopeningReason,
    SetAsideReason,
    StaysPossible,
    Topic,
    UnsafeReason,
)
from hub.aggregates.citizen_case.values import ConsentForm
from hub.aggregates.disclosure_ledger import DisclosureLedger
from hub.application import Answer
from hub.application.committing import Command
from hub.bootstrap import Parts, build
from hub.errors import Missing
from hub.keys.fence import Fence
from hub.keys.keyring import create_kek_file
from hub.ports import StoredMessage
from hub.settings import Settings
from tests.criteria import MET
from tests.support.social_reports import REPORTS, example

T = TypeVar("T")

ON_CALL = "00 10 00 99"
MUNICIPALITY, UNIT = "eksempel", "familieenheden"
POLICE, HOSPITAL, NGO, SHELTER, CHILDREN = "politiet", "skadestuen", "havnen", "krisecenter", "boern-og-unge"
PARTNERS = {
    UNIT: OrganisationKind.MUNICIPAL_UNIT,
    POLICE: OrganisationKind.POLICE,
    HOSPITAL: OrganisationKind.EMERGENCY_DEPARTMENT,
    NGO: OrganisationKind.NGO,
    SHELTER: OrganisationKind.SHELTER,
    CHILDREN: OrganisationKind.CHILD_SERVICES,
}
BEGAN = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
EVERYTHING = tuple(Category)
NIGHT = "01-politi-natlig-vold-i-hjemmet"
SAME_WOMAN = "02-skadestue-samme-kvinde-en-time-senere"
CHILDLESS = "skadestue-mand-slaaet-af-sin-bror"

OPERATOR = Actor("drift", "Ditte Drift", "operator", UNIT)
CASEWORKER = Actor("inge", "Inge Indskriver", "caseworker", UNIT)
ANOTHER_TOVHOLDER = Actor("bo", "Bo Tovholder", "tovholder", UNIT)
TOVHOLDER = Actor("tove", "Tove Tovholder", "tovholder", UNIT)


def at(organisation: str, person: str = "anna") -> Actor:
    """A person at a partner."""
    return Actor(person, "Anna Ansat", "partner_staff", organisation)


def reporter(organisation: str) -> Actor:
    """A reporter as the hub knows it by topic: its program, by its slug."""
    return Actor(organisation, organisation, "reporter", organisation)


@dataclass
class Clock:
    """Stands where it is put."""

    now: datetime = BEGAN

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


@dataclass(frozen=True)
class Told:
    """What somebody opened of one message; a part that did not open is left out."""

    message_id: UUID
    head: Head
    parts: dict[int, Part]

    @property
    def categories(self) -> set[Category]:
        return {part.category for part in self.parts.values()}


class World:
    """The hub with its partners, and short words for what people do."""

    def __init__(self, parts: Parts, identities: dict[str, Identity], clock: Clock) -> None:
        self.parts = parts
        self.identities = identities
        self.clock = clock
        self._keys = count(1)

    @classmethod
    def built(
        cls,
        folder: Path,
        url: str = "",
        *,
        clock: Clock | None = None,
        new_id: Callable[[], UUID] = uuid4,
    ) -> Self:
        """A new store with every partner registered; `url` names PostgreSQL, else SQLite in `folder`."""
        (folder / "keys").mkdir(parents=True)
        (folder / "fence").mkdir()
        create_kek_file(folder / "keys" / "kek.json")
        Fence.create(folder / "fence" / "destroyed")
        world = cls.opened(folder, {}, url, clock=clock, new_id=new_id, migrate=True)
        for slug, kind in PARTNERS.items():
            world.register(slug, kind)
        return world

    @classmethod
    def opened(
        cls,
        folder: Path,
        identities: dict[str, Identity],
        url: str = "",
        *,
        clock: Clock | None = None,
        new_id: Callable[[], UUID] = uuid4,
        migrate: bool = False,
    ) -> Self:
        """A store that is there already: another process, or after a restart."""
        clock = clock or Clock()
        settings = Settings(
            municipality=MUNICIPALITY, unit=UNIT, data_dir=folder, database_url=url, on_call=ON_CALL
        )
        return cls(build(settings, clock=clock, new_id=new_id, migrate=migrate), identities, clock)

    def copied(self, folder: Path) -> "World":
        """The same municipality on a copy of the files; SQLite alone. The clock begins anew."""
        shutil.copytree(self.parts.settings.data_dir, folder)
        copy = World.opened(folder, self.identities)
        # How event classes are read and written is the same in every store, and slow to find out.
        # What opens a fact that is unread belongs to one store: each copy has its own.
        known = vars(self.parts.app.mapper)["_kinds"]
        mapper: Any = copy.parts.app.mapper
        for topic, kind in known.items():
            own = shallow(kind)
            if own.unread is not None:
                own.unread = unread_class(own.codec.event_class, partial(mapper._look_into, topic))
            vars(mapper)["_kinds"][topic] = own
        return copy

    def close(self) -> None:
        self.parts.close()

    def command(self, by: Actor, key: str | None = None, body: bytes = b"") -> Command:
        """A command under an idempotency key of its own, unless one is said."""
        return Command(by=by, key=key if key is not None else f"key-{next(self._keys)}-{uuid4()}", body=body)

    # --- partners -----------------------------------------------------------------------------------

    def register(
        self, slug: str, kind: OrganisationKind, categories: Sequence[Category] = EVERYTHING, **contact: str
    ) -> None:
        """A new partner with keys of its own; `contact` may name `name`, `email` and `duty_phone`."""
        identity = self.identities[slug] = Identity.new()
        whom = {"name": "Vagten", "email": "vagt@partner.example", "duty_phone": "00 00 00 00", **contact}
        self.parts.hub.register_partner(
            self.command(OPERATOR),
            slug=slug,
            name=slug.capitalize(),
            kind=kind,
            categories=categories,
            sealing_key=identity.public.sealing,
            signing_key=identity.public.signing,
            contact=whom,
        )

    def suspend(self, slug: str) -> None:
        self.parts.hub.suspend_partner(self.command(OPERATOR), slug, "Nøglen er tabt")

    def resume(self, slug: str) -> None:
        self.parts.hub.resume_partner(self.command(OPERATOR), slug)

    # --- reports and the case -----------------------------------------------------------------------

    def report(self, name: str = NIGHT, report: SocialReport | None = None) -> UUID:
        """A partner of its kind hands over a report, an example under a new id; the inquiry it opened."""
        report = report or REPORTS[name].model_copy(update={"report_id": uuid4(), "supplements": None})
        kind = report.unit.kind
        by = next((slug for slug, its in PARTNERS.items() if its is kind), kind.value.replace("_", "-"))
        if by not in self.identities:
            self.register(by, kind, [])
        who = Actor(by, report.written_by.name, "reporter", by)
        return UUID(self.parts.inbound.report(who, report).ids["case"])

    def send(self, partner: str, message: Sent, message_id: UUID | None = None) -> Answer | None:
        """A partner sends something in by the topic's way: sealed to the hub and signed."""
        envelope = self.identities[partner].send(
            MUNICIPALITY, partner, message_id or uuid4(), message, self.parts.identity.public
        )
        return self.parts.inbound.take(partner, envelope).answer

    def open(self, case: UUID) -> Answer:
        return self.parts.hub.open_case(self.command(CASEWORKER), case, MET)

    def answer_for_children(self, case: UUID) -> None:
        """Answer every child notification that waits in a case and in what is matched to it: not notified."""
        for one in (case, *self.case(case).inquiries):
            for due in waiting_notifications(self.case(one)):
                self.parts.hub.answer_child_notification(
                    self.command(CASEWORKER),
                    one,
                    due.due_id,
                    decision=NotificationDecision.NOT_NOTIFIED,
                    decided_by="Inge Indskriver",
                    notified_at=None,
                    reason=NotNotifiedReason.ALREADY_NOTIFIED,
                    text="Politiet har underrettet",
                )

    def notify(
        self, case: UUID, recipient: str = CHILDREN, categories: Sequence[Category] = NOTIFIED_OF
    ) -> Answer:
        """Tell child services, in answer to the notification that waits."""
        (due,) = waiting_notifications(self.case(case))
        return self.parts.hub.notify_child_services(
            self.command(CASEWORKER),
            case,
            due.due_id,
            recipient=recipient,
            decided_by="Inge Indskriver",
            text="Børnene var til stede",
            categories=categories,
        )

    def child_at_risk(self, case: UUID, entry: int = 2) -> Answer:
        return self.parts.hub.observe_child_at_risk(self.command(CASEWORKER), case, entry)

    def find_minor(self, case: UUID) -> Answer:
        return self.parts.hub.find_minor(self.command(CASEWORKER), case)

    def set_aside(self, case: UUID) -> Answer:
        """After answering for the children in it, without which no report is set aside."""
        self.answer_for_children(case)
        return self.parts.hub.set_report_aside(
            self.command(CASEWORKER), case, SetAsideReason.HELPED_ALREADY, "Får hjælp i en anden indsats"
        )

    def decide_contact(self, case: UUID, before: datetime, **how: str) -> None:
        """That contact is made, and by when."""
        self.parts.hub.decide_contact(
            self.command(CASEWORKER),
            case,
            decision=ContactDecision.CONTACT,
            how={"safe_contact": {"channel": "sms", **how}},
            contact_by=CASEWORKER,
            before=before,
            reason="Hun bad om at blive ringet op",
        )

    def contact(self, case: UUID, before: datetime, **how: str) -> None:
        """Contact is decided, tried, and information given."""
        hub = self.parts.hub
        self.decide_contact(case, before, **how)
        hub.attempt_contact(
            self.command(CASEWORKER),
            case,
            channel=Channel.SMS,
            outcome=ContactOutcome.REACHED,
            attempted_at=self.clock(),
            text="",
        )
        hub.give_information(self.command(CASEWORKER), case, [Topic.VIOLENCE, Topic.RIGHTS], self.clock())

    def leave_unasked(self, case: UUID, review_at: datetime) -> Answer:
        return self.parts.hub.leave_consent_unasked(
            self.command(CASEWORKER), case, UnsafeReason.CONTACT_WATCHED, "Han læser med", review_at
        )

    def decline(self, case: UUID) -> Answer:
        return self.parts.hub.decline(self.command(CASEWORKER), case, [StaysPossible.LATER_YES], "Ikke nu")

    def close_case(
        self, case: UUID, follow_up: timedelta | None = None, going_on: Sequence[UUID] = ()
    ) -> Answer:
        """After answering for the children in it, without which no case is closed."""
        self.answer_for_children(case)
        return self.parts.hub.close_case(self.command(TOVHOLDER), case, **self.closing(follow_up, going_on))

    def closing(self, follow_up: timedelta | None = None, going_on: Sequence[UUID] = ()) -> dict[str, Any]:
        return {
            "reason": ClosingReason.GOALS_REACHED,
            "summary": "Målene i planen er nået",
            "conversation": ClosingConversation.HELD,
            "safety_level": SafetyLevel.LOW,
            "keeps_safe": Found.YES,
            "knows_where_to_turn": Found.YES,
            "going_on": going_on,
            "follow_up_until": self.clock() + follow_up if follow_up else None,
        }

    def reopen(self, case: UUID, reason: ReopeningReason = ReopeningReason.CITIZEN_ASKS) -> Answer:
        return self.parts.hub.reopen_case(self.command(CASEWORKER), case, reason, "Hun ringede selv")

    def coordinator(self, case: UUID, who: Actor = TOVHOLDER) -> Answer:
        return self.parts.hub.assign_coordinator(self.command(CASEWORKER), case, who)

    def hand_over(self, case: UUID, to: Actor = ANOTHER_TOVHOLDER) -> UUID:
        """The tovholder asks another to take the case over, within two days."""
        answer = self.parts.hub.request_hand_over(
            self.command(TOVHOLDER),
            case,
            to=to,
            reason=HandOverReason.ABSENCE,
            accept_by=self.clock() + timedelta(days=2),
        )
        return UUID(answer.ids["hand_over"])

    def open_case(self, name: str = NIGHT) -> UUID:
        """A reported case that is open and has its tovholder."""
        case = self.report(name)
        self.open(case)
        self.coordinator(case)
        return case

    def take_up(self, case: UUID, report: UUID | None = None) -> Answer:
        """The first report of the case, unless one is said."""
        report = report or next(iter(self.case(case).reports))
        return self.parts.hub.take_up_report(self.command(CASEWORKER), case, report)

    def match(self, case: UUID, inquiry: UUID) -> Answer:
        return self.parts.hub.match_inquiry(self.command(CASEWORKER), case, inquiry, "Samme kvinde")

    def unmatch(self, case: UUID, inquiry: UUID) -> Answer:
        return self.parts.hub.unmatch_inquiry(self.command(CASEWORKER), case, inquiry, "En anden kvinde")

    def read_free_text(self, case: UUID, entry: int = 2) -> Answer:
        return self.parts.hub.read_free_text(self.command(CASEWORKER), case, entry)

    def level(self, case: UUID, level: SafetyLevel, reason: str = "Truslerne tager til") -> Answer:
        return self.parts.hub.change_safety_level(self.command(TOVHOLDER), case, level, reason)

    def assess(self, case: UUID, by: Actor = TOVHOLDER) -> Answer:
        """Something happens in the case, as often as a test likes."""
        return self.parts.hub.assess_safety(
            self.command(by),
            case,
            instrument="sara-v3",
            instrument_version="3",
            answers={"item-1": "yes"},
            judgement=SafetyLevel.HIGH,
            reason="Samlet vurdering",
        )

    # --- set right ----------------------------------------------------------------------------------

    def shown(
        self, case: UUID, field: str, recipient: str = UNIT, stream: UUID | None = None
    ) -> tuple[UUID, int]:
        """Where a recipient was last told a field of an event of this case: message and part."""
        ledger = self.ledger(case, recipient)
        assert ledger is not None
        return [
            (message, n)
            for message, sources in ledger.sources.items()
            for n, source in sources.items()
            if source.field == field and source.stream == (stream or case)
        ][-1]

    def correct(
        self,
        case: UUID,
        field: str,
        instead: dict[str, Any],
        by: Actor = TOVHOLDER,
        stream: UUID | None = None,
    ) -> Answer:
        """Somebody of the unit corrects an entry of the timeline."""
        message, part = self.shown(stream or case, field)
        return self.parts.hub.correct_entry(
            self.command(by), case, message=message, part=part, instead=instead, reason="Skrevet forkert"
        )

    def never_said(
        self, case: UUID, consent: UUID, recipient: str | None = None, category: Category | None = None
    ) -> Answer:
        """A consent was recorded wrongly."""
        return self.parts.hub.correct_consent(
            self.command(TOVHOLDER),
            case,
            consent,
            recipient=recipient,
            category=category,
            reason="Aldrig sagt",
        )

    def wrong_basis(
        self, case: UUID, basis: UUID, recipient: str | None = None, category: Category | None = None
    ) -> Answer:
        """A legal basis was recorded wrongly."""
        return self.parts.hub.correct_legal_basis(
            self.command(TOVHOLDER),
            case,
            basis,
            recipient=recipient,
            category=category,
            reason="Ikke den rigtige regel",
        )

    def supplement(self, report_id: UUID, name: str = NIGHT, reporter: str = POLICE, **changed: Any) -> UUID:
        """The reporter adds to a report of its own, with an example under a new id."""
        update = {"report_id": uuid4(), "supplements": report_id, **changed}
        report = REPORTS[name].model_copy(update=update)
        who = Actor(reporter, report.written_by.name, "reporter", reporter)
        self.parts.inbound.report(who, report)
        return report.report_id

    def retract(
        self,
        report_id: UUID,
        reason: RetractionReason = RetractionReason.WRONG_PERSON,
        explanation: str = "",
        reporter: str = POLICE,
    ) -> Answer:
        """The reporter takes a report back."""
        who = Actor(reporter, "Bodil Betjent", "reporter", reporter)
        return self.parts.hub.retract_report(self.command(who), report_id, reason, explanation)

    def forward(self, case: UUID, recipient: str) -> Answer:
        """A caseworker found that the citizen lives in another municipality."""
        return self.parts.hub.forward_report(
            self.command(CASEWORKER),
            case,
            recipient=recipient,
            reason="Bor der",
            answers_for="Inge Indskriver",
        )

    def report_of(self, case: UUID) -> UUID:
        """The id of the first report of a case."""
        return min(self.case(case).reports, key=lambda report: self.case(case).reports[report])

    # --- consent, basis, referral -------------------------------------------------------------------

    def consent(
        self,
        case: UUID,
        recipients: Sequence[str] = (NGO,),
        categories: Sequence[Category] = (Category.INCIDENT, Category.RISK),
        *,
        lasts: timedelta = timedelta(days=90),
        by: Actor = TOVHOLDER,
    ) -> UUID:
        answer = self.parts.hub.give_consent(
            self.command(by),
            case,
            recipients=recipients,
            categories=categories,
            purpose="Henvisning til samtaleforløb",
            form=ConsentForm.ORAL,
            given_at=min(BEGAN, self.clock()) - timedelta(days=1),
            ends_at=self.clock() + lasts,
        )
        return UUID(answer.ids["consent"])

    def legal_basis(
        self,
        case: UUID,
        recipients: Sequence[str],
        categories: Sequence[Category],
        rule: BasisRule = BasisRule.VITAL_INTEREST,
        *,
        lasts: timedelta = timedelta(days=7),
    ) -> UUID:
        answer = self.parts.hub.record_legal_basis(
            self.command(TOVHOLDER),
            case,
            rule=rule,
            reason="Fare for liv",
            answers_for="Tove Tovholder",
            recipients=recipients,
            categories=categories,
            purpose="Afværge fare",
            ends_at=self.clock() + lasts,
        )
        return UUID(answer.ids["basis"])

    def withdraw(
        self, case: UUID, consent: UUID, recipient: str | None = None, category: Category | None = None
    ) -> Answer:
        return self.parts.hub.withdraw_consent(
            self.command(TOVHOLDER), case, consent, recipient=recipient, category=category
        )

    def end_basis(self, case: UUID, basis: UUID) -> Answer:
        return self.parts.hub.end_legal_basis(self.command(CASEWORKER), case, basis)

    def timers(self, case: UUID) -> Answer | None:
        """The clock's own work in one case: what is due, is done."""
        return self.parts.hub.do_what_is_due(Command(by=Actor("hub", "hub", "timer", UNIT)), case)

    def refer(self, case: UUID, recipient: str = NGO, offer: str = "samtaleforloeb") -> UUID:
        answer = self.parts.hub.request_referral(
            self.command(TOVHOLDER),
            case,
            recipient=recipient,
            offer=offer,
            urgency=Urgency.URGENT,
            answer_by=self.clock() + timedelta(days=2),
        )
        return UUID(answer.ids["referral"])

    def move(self, case: UUID, recipient: str) -> UUID:
        """Another municipality is asked to take the case over, within a week."""
        answer = self.parts.hub.request_move(
            self.command(TOVHOLDER),
            case,
            recipient=recipient,
            answer_by=self.clock() + timedelta(days=7),
        )
        return UUID(answer.ids["move"])

    def answer_move(self, case: UUID, move: UUID, who: str, *, accepts: bool) -> Answer:
        status = MoveStatus.ACCEPTED if accepts else MoveStatus.DECLINED
        reason = None if accepts else MoveRefusal.TOO_LITTLE_TOLD
        return self.parts.hub.answer_move(self.command(at(who)), self.thread(case, who), move, status, reason)

    # --- what stands --------------------------------------------------------------------------------

    def case(self, case: UUID) -> CitizenCase:
        return self.parts.committer.case(case)

    def ledger(self, case: UUID, recipient: str) -> DisclosureLedger | None:
        return self.parts.committer.ledger(self.thread(case, recipient))

    def thread(self, case: UUID, recipient: str) -> UUID:
        """The name by which a recipient knows a case."""
        mac = self.parts.app.keys.mac("index", b"ledger" + case.bytes + recipient.encode())
        return UUID(bytes=mac[:16])

    def log(self, after: int = 0) -> list[tuple[int, Any]]:
        """Every event with its position."""
        app = self.parts.app
        found = app.notifications(after, 1_000_000)
        return [(notification.id, app.open(notification)) for notification in found]

    def facts(self, kind: type[Any]) -> list[Any]:
        """Every event of one class, in the order of the log."""
        return [event for _, event in self.log() if isinstance(event, kind)]

    def project(self) -> None:
        """What relay and projection do, from the outbox straight into the unit's read models."""
        parts = self.parts
        folder = parts.settings.data_dir / "keys" / "recipients" / UNIT
        if not folder.exists():
            self.identities[UNIT].save(folder)
        models = parts.models(UNIT, {name: parts.views[name] for name in ("timeline", "intake")})
        while found := parts.outgoing.messages_of(UNIT, *models.position(), 500):
            given = sort(parts.party(UNIT), found, models.position(), whole=True)
            take(given, models.position(), models, _never)

    # --- messages -----------------------------------------------------------------------------------

    def stored(self, recipient: str) -> list[StoredMessage]:
        """All that was ever written for a recipient, in order."""
        return self.parts.app.store.messages_of(recipient, 0, 0, 1_000_000, self.clock())

    def messages_of(self, recipient: str) -> list[StoredMessage]:
        """Its data messages."""
        return [message for message in self.stored(recipient) if not message.control]

    def controls_of(self, recipient: str) -> list[Control]:
        """What its control messages say, opened with its own key."""
        return [self.control(m) for m in self.stored(recipient) if m.control]

    def control(self, message: StoredMessage) -> Control:
        key = self.identities[message.recipient].sealing
        return open_control(message.sealed, key, MUNICIPALITY, message.recipient, message.message_id)

    def open_message(
        self, recipient: str, message: StoredMessage, by: Actor | None = None, purpose: str = "referral"
    ) -> Told:
        """Ask the hub for the keys of a message, and open it. Raises `Missing`."""
        keys = self.parts.opener.open(by or at(recipient), message.message_id, purpose=purpose)
        return opened_with(keys, message)

    def told(self, recipient: str) -> list[Told]:
        """Everything that the recipient opens now, message by message."""
        found = []
        for message in self.messages_of(recipient):
            try:
                found.append(self.open_message(recipient, message))
            except Missing:
                continue
        return found

    def told_categories(self, recipient: str) -> set[Category]:
        return {category for told in self.told(recipient) for category in told.categories}


def _never(problem: object) -> None:
    raise AssertionError(f"a message of our own was refused: {problem}")


def of_a_girl() -> SocialReport:
    """A report on somebody of sixteen."""
    report = example(CHILDLESS)
    report["report_id"] = str(uuid4())
    for person in report["persons"]:
        if person["role"] == "exposed":
            for key in ("cpr", "birth_date"):
                person.pop(key, None)
            person["approximate_age"] = 16
    return SocialReport.model_validate_json(json.dumps(report))


def elsewhere(what: Callable[[], T]) -> T:
    """Do it in another thread, as another request does, and wait for it."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(what).result()


def opened_with(keys: dict[int, bytes], message: StoredMessage) -> Told:
    """A message opened with the keys that the hub gave."""
    name = (MUNICIPALITY, message.recipient, message.message_id)
    head = open_head(message.sealed, keys[0], *name)
    numbers = range(1, len(head.parts) + 1)
    parts = {n: open_part(message.sealed, head, n, keys[n], *name) for n in numbers if n in keys}
    return Told(message.message_id, head, parts)


def is_blank(world: World, recipient: str, value: bytes, message_id: UUID) -> bool:
    """Whether bytes that left the hub are a blank."""
    try:
        control = open_control(
            value, world.identities[recipient].sealing, MUNICIPALITY, recipient, message_id
        )
    except SealedForSomeoneElse:
        return False
    return control.control == "blank"


# --- canaries -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planted:
    """A report with a canary in every field that takes free words, by what the field is."""

    report: SocialReport
    could_kill: tuple[str, ...]
    free_text: tuple[str, ...]
    others: tuple[str, ...]
    citizen: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.could_kill, *self.free_text, *self.others, *self.citizen)


def planted(name: str, first: int = 0) -> Planted:
    """An example with canaries; every field that could kill is filled in, whoever it may belong to."""
    numbers, report = count(first), example(name)
    report.pop("supplements", None)

    def canary(kind: list[str]) -> str:
        kind.append(f"Kanariefuglø{next(numbers):05d}q")
        return kind[-1]

    lethal: list[str] = []
    text: list[str] = []
    others: list[str] = []
    citizen: list[str] = []
    for person in report["persons"]:
        about = citizen if person["role"] == "exposed" else others
        if "name" in person:
            person["name"] = canary(about)
        could_kill = {field: canary(lethal) for field in ("address", "phone", "whereabouts")}
        if person["role"] == "child":
            could_kill["institution"] = canary(lethal)
        if person["role"] == "exposed":
            could_kill["meeting_place"] = canary(lethal)
            words = {field: canary(lethal) for field in ("handle", "code_word", "note")}
            contact = {"channel": "sms", "must_not_know": [canary(lethal)], **words}
            person["could_kill"] = {**could_kill, "safe_contact": contact}
        else:
            person["could_kill"] = could_kill
    report["reference"] = canary(citizen)
    for field in ("organisation", "name", "phone"):
        report["unit"][field] = canary(citizen)
    for professional in (report["written_by"], report["basis"]["decided_by"]):
        professional["name"], professional["title"] = canary(citizen), canary(citizen)
    report["narrative"] = canary(text)
    report["wishes"]["own_words"] = canary(text)
    report["basis"]["reason"] = canary(text)
    return Planted(
        SocialReport.model_validate_json(json.dumps(report)),
        tuple(lethal),
        tuple(text),
        tuple(others),
        tuple(citizen),
    )


@contextmanager
def a_world(folder: Path, url: str = "") -> Iterator[World]:
    """A world that is closed afterwards."""
    with closing(World.built(folder, url)) as world:
        yield world
