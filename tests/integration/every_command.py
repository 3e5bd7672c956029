"""Every command of the hub, with a canary in every field that takes words, for the story of canaries."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, get_args, get_type_hints
from uuid import UUID, uuid4

import pytest

from contracts.client.keys import Identity
from contracts.inbound_v1 import Inbound
from contracts.terms import (
    BasisRule,
    Category,
    MoveRefusal,
    MoveStatus,
    OrganisationKind,
    RetractionReason,
)
from hub.aggregates.base import Actor
from hub.aggregates.citizen_case.children import waiting_notifications
from hub.aggregates.citizen_case.terms import (
    Channel,
    ContactDecision,
    ContactOutcome,
    ErasureGround,
    HandOverReason,
    HandOverRefusal,
    KeepingRule,
    NotificationDecision,
    NotNotifiedReason,
    ReopeningReason,
    ReviewFinding,
    SetAsideReason,
    StaysPossible,
    Topic,
    UnsafeReason,
)
from hub.aggregates.citizen_case.values import ConsentForm
from hub.application import Hub
from tests.criteria import MET
from tests.world import CHILDLESS, CHILDREN, NGO, NIGHT, POLICE, SHELTER, UNIT, World, planted

C = Category
BIRDS = "Kanariefugl"
NEIGHBOUR, LATE = "nabokommunen", "roedkaelken"
HER_NEW_NUMBER = "6208881015"
CLOSED = {"recipient", "recipients", "slug", "organisation", "categories", "category", "protection", "basis"}
"""Fields of words that stand in a list or name a partner: no canary can be said in them."""
CODED = {"answer_move", "answer_referral", "cancel_referral"}
"""Commands whose reason stands in a closed list."""
MADE = {"receive_report", "supplement_report"}
"""A report as the translation makes it; its canaries are those of `planted`."""


class Played:
    """Which commands were carried out, and in which of their fields a canary stood."""

    def __init__(self) -> None:
        self.commands: set[str] = set()
        self.fields: set[tuple[str, str]] = set()

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Whoever calls them; before the hub is built, which takes its commands as they are then."""
        for name, method in commands():
            patch.setattr(Hub, name, self._watched(name, method))

    def _watched(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @wraps(method)
        def carried_out(*args: Any, **words: Any) -> Any:
            answer = method(*args, **words)
            said = signature.bind(*args, **words).arguments
            self.commands.add(name)
            self.fields |= {(name, field) for field, value in said.items() if _holds_a_canary(value)}
            return answer

        return carried_out


def _holds_a_canary(value: object) -> bool:
    text = repr([value.person, value.name]) if isinstance(value, Actor) else repr(value)
    return BIRDS in text or HER_NEW_NUMBER in text


def commands() -> list[tuple[str, Callable[..., Any]]]:
    """Everything public of the hub that takes a command."""
    methods = inspect.getmembers(Hub, inspect.isfunction)
    return [(n, m) for n, m in methods if n[0] != "_" and "command" in inspect.signature(m).parameters]


def fields_of_words() -> Iterator[tuple[str, str]]:
    """Each field of each command in which something could be said."""
    for name, method in commands():
        for field, hint in get_type_hints(method).items():
            takes = {str, Actor, dict, Mapping} & {
                hint,
                *get_args(hint),
                *map(_bare, get_args(hint)),
                _bare(hint),
            }
            if takes and field not in {"return", "command", *CLOSED} and (field, name) not in _REASONS:
                yield name, field


def _bare(hint: Any) -> Any:
    origin = getattr(hint, "__origin__", None)
    return Mapping if origin is not None and issubclass(origin, Mapping) else origin


def _keys() -> dict[str, Any]:
    public = Identity.new().public
    return {"sealing_key": public.sealing, "signing_key": public.signing}


_REASONS = {("reason", name) for name in CODED}


class TheRest:
    """What the story of one citizen doesn't come to, in cases of its own."""

    def __init__(self, world: World, by: Callable[..., Any], word: Callable[[], str], who: Actor) -> None:
        self.world, self.hub, self.by, self.word, self.who = world, world.parts.hub, by, word, who
        self.other = Actor(f"{BIRDS}-sub-9", word(), "tovholder", UNIT)
        self.later = world.clock() + timedelta(days=2)

    def play(self) -> None:
        self.partners()
        case, report = self.reported(NIGHT, 20_000)
        self.intake(case, report)
        self.children(case)
        self.contact(case)
        self.coordinated(case)
        self.staff(case)
        self.bases(case)
        self.moving(case)
        self.ending(case)
        self.other_ends()
        self.taken_back(case, report)

    def reported(self, name: str, first: int, **changed: Any) -> tuple[UUID, UUID]:
        report = planted(name, first).report.model_copy(update={"report_id": uuid4(), **changed})
        sent = self.world.send(POLICE, Inbound.report(report.model_dump(mode="json", exclude_none=True)))
        assert sent is not None
        return UUID(sent.ids["case"]), report.report_id

    def partners(self) -> None:
        hub = self.hub
        self.world.register(NEIGHBOUR, OrganisationKind.MUNICIPAL_UNIT)
        contact = {"name": self.word(), "email": f"{BIRDS}@y.example", "duty_phone": self.word()}
        agreed: dict[str, Any] = {"categories": list(C), "contact": contact}
        first, second = (_keys() for _ in range(2))
        kind = OrganisationKind.NGO
        hub.register_partner(self.by(), slug=LATE, name=self.word(), kind=kind, **agreed, **first)
        hub.change_agreement(self.by(), LATE, **agreed)
        hub.rotate_keys(self.by(), LATE, **second, stolen=False)
        hub.name_receipts_leader(self.by(), POLICE, f"{BIRDS}-leder")
        hub.suspend_partner(self.by(), LATE, self.word())
        hub.resume_partner(self.by(), LATE)
        hub.send_heartbeat(self.by(), LATE)

    def intake(self, case: UUID, report: UUID) -> None:
        hub = self.hub
        hub.record_reading(self.by(), case, report)
        self.basis(case, POLICE, [C.COORDINATION])
        hub.take_up_report(self.by(), case, report)
        self.reported(NIGHT, 21_000, supplements=report)
        hub.refuse_report(self.by(Actor(POLICE, POLICE, "reporter", POLICE)), uuid4())
        message, part = self.world.shown(case, "contents.identity")
        instead = {"name": self.word(), "cpr": "7403912006"}
        hub.correct_entry(self.by(), case, message=message, part=part, instead=instead, reason=self.word())
        hub.change_cpr_number(self.by(), case, HER_NEW_NUMBER, is_replacement=False)

    def children(self, case: UUID) -> None:
        hub = self.hub
        (due,) = waiting_notifications(self.world.case(case))
        told: dict[str, Any] = {"recipient": CHILDREN, "categories": [C.CHILDREN], "text": self.word()}
        hub.notify_child_services(self.by(), case, due.due_id, decided_by=self.word(), **told)
        hub.observe_child_at_risk(self.by(), case, 2)
        (due,) = waiting_notifications(self.world.case(case))
        hub.answer_child_notification(
            self.by(),
            case,
            due.due_id,
            decision=NotificationDecision.NOT_NOTIFIED,
            decided_by=self.word(),
            notified_at=None,
            reason=NotNotifiedReason.ALREADY_NOTIFIED,
            text=self.word(),
        )

    def contact(self, case: UUID) -> None:
        hub = self.hub
        hub.decide_contact(
            self.by(),
            case,
            decision=ContactDecision.CONTACT,
            how={"safe_contact": {"channel": "sms", "handle": self.word()}},
            contact_by=self.who,
            before=self.later,
            reason=self.word(),
        )
        tried: dict[str, Any] = {
            "channel": Channel.SMS,
            "outcome": ContactOutcome.REACHED,
            "text": self.word(),
        }
        hub.attempt_contact(self.by(), case, attempted_at=self.world.clock(), **tried)
        hub.give_information(self.by(), case, [Topic.RIGHTS], self.world.clock())
        hub.leave_consent_unasked(self.by(), case, UnsafeReason.CONTACT_WATCHED, self.word(), self.later)
        hub.advise_anonymously(self.by(), channel=Channel.PHONE_CALL, topics=[Topic.RIGHTS])

    def coordinated(self, case: UUID) -> None:
        hub = self.hub
        hub.open_case(self.by(), case, {**MET, f"{BIRDS}-adult": True})
        hub.assign_coordinator(self.by(), case, self.who)
        asked: dict[str, Any] = {"to": self.other, "reason": HandOverReason.ABSENCE, "accept_by": self.later}
        for accepts in (False, True):
            hand_over = UUID(hub.request_hand_over(self.by(), case, **asked).ids["hand_over"])
            if accepts:
                hub.accept_hand_over(self.by(self.other), case, hand_over)
            else:
                no = HandOverRefusal.NO_CAPACITY
                hub.decline_hand_over(self.by(self.other), case, hand_over, no)
        hub.name_substitute(self.by(), case, self.who, self.later)

    def staff(self, case: UUID) -> None:
        hub, login = self.hub, {"organisation": NGO, "person": f"{BIRDS}-sub-7"}
        hub.block_person(self.by(), case, **login, name=self.word(), reason=self.word())
        hub.unblock_person(self.by(), case, **login, reason=self.word())
        hub.consider_block_list(self.by(), case, self.word())
        hub.stop_person(self.by(), UNIT, f"{BIRDS}-sub-8", self.word())
        hub.resume_person(self.by(), UNIT, f"{BIRDS}-sub-8", self.word())

    def basis(self, case: UUID, who: str, what: list[Category]) -> UUID:
        answer = self.hub.record_legal_basis(
            self.by(),
            case,
            rule=BasisRule.VITAL_INTEREST,
            reason=self.word(),
            answers_for=self.word(),
            recipients=[who],
            categories=what,
            purpose=self.word(),
            ends_at=self.later,
        )
        return UUID(answer.ids["basis"])

    def consent(self, case: UUID, who: str) -> UUID:
        answer = self.hub.give_consent(
            self.by(),
            case,
            recipients=[who],
            categories=list(C),
            purpose=self.word(),
            form=ConsentForm.ORAL,
            given_at=self.world.clock(),
            ends_at=self.world.clock() + timedelta(days=9),
        )
        return UUID(answer.ids["consent"])

    def bases(self, case: UUID) -> None:
        hub, reason = self.hub, self.word()
        hub.correct_consent(self.by(), case, self.consent(case, SHELTER), reason=self.word())
        told: dict[str, Any] = {"recipients": [POLICE], "categories": [C.RISK], "answers_for": self.word()}
        emergency = hub.disclose_in_emergency(self.by(), case, **told, reason=reason, ends_at=self.later)
        acted = UUID(emergency.ids["basis"])
        hub.review_emergency(self.by(self.other), case, acted, ReviewFinding.JUSTIFIED, self.word())
        basis = self.basis(case, POLICE, [C.INCIDENT])
        hub.tell_citizen(self.by(), case, basis, self.world.clock())
        hub.end_legal_basis(self.by(), case, basis)
        hub.correct_legal_basis(self.by(), case, basis, reason=self.word())
        grants = [g.grant_id for g in self.world.case(case).grants.values() if g.recipient == POLICE]
        hub.end_again(self.by(), case, grants)

    def moving(self, case: UUID) -> None:
        hub = self.hub
        self.consent(case, NEIGHBOUR)
        asked: dict[str, Any] = {"recipient": NEIGHBOUR, "answer_by": self.later}
        hub.cancel_move(self.by(), case, UUID(hub.request_move(self.by(), case, **asked).ids["move"]))
        move = UUID(hub.request_move(self.by(), case, **asked).ids["move"])
        answering = self.by(Actor(f"{BIRDS}-sub-6", self.word(), "partner_staff", NEIGHBOUR))
        thread = self.world.thread(case, NEIGHBOUR)
        hub.answer_move(answering, thread, move, MoveStatus.DECLINED, MoveRefusal.TOO_LITTLE_TOLD)

    def ending(self, case: UUID) -> None:
        hub, closing = self.hub, {**self.world.closing(timedelta(hours=1)), "summary": self.word()}
        hub.decline(self.by(), case, [StaysPossible.LATER_YES], self.word())
        self.world.answer_for_children(case)
        hub.close_case(self.by(), case, **closing)
        hub.reopen_case(self.by(), case, ReopeningReason.CITIZEN_ASKS, self.word())

    def other_ends(self) -> None:
        hub = self.hub
        aside, _ = self.reported(CHILDLESS, 22_000, unit=planted(NIGHT, 22_500).report.unit)
        hub.set_report_aside(self.by(), aside, SetAsideReason.HELPED_ALREADY, self.word())
        for answers in (self.refused, self.granted):
            asked = hub.request_erasure(self.by(), aside, self.world.clock()).ids["request"]
            answers(aside, UUID(asked))
        sent_on, _ = self.reported(CHILDLESS, 23_000, unit=planted(NIGHT, 23_500).report.unit)
        hub.read_free_text(self.by(), sent_on, 2)
        words = {"reason": self.word(), "answers_for": self.word()}
        hub.forward_report(self.by(), sent_on, recipient=NEIGHBOUR, **words)
        minor, _ = self.reported(CHILDLESS, 24_000, unit=planted(NIGHT, 24_500).report.unit)
        hub.find_minor(self.by(), minor)

    def refused(self, case: UUID, request: UUID) -> None:
        self.hub.refuse_erasure(self.by(), case, request, KeepingRule.LEGAL_DUTY, self.word())

    def granted(self, case: UUID, request: UUID) -> None:
        ground = ErasureGround.CONSENT_WITHDRAWN
        self.hub.grant_erasure(self.by(), case, request, ground=ground, reason=self.word())

    def taken_back(self, case: UUID, report: UUID) -> None:
        by = self.by(Actor(POLICE, POLICE, "reporter", POLICE))
        self.hub.retract_report(by, report, RetractionReason.WRONG_PERSON, self.word())
        self.hub.record_retraction_seen(self.by(), case, report)
