"""The hub as the suite plays it: what was told, what was asked, and what may go wrong on the way."""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from pydantic import ValidationError

from contracts.client.keys import Identity, PublicKeys
from contracts.client.sealed import build_message, seal_control
from contracts.envelope import BadMessage, Envelope, from_json, to_json
from contracts.inbound_v1 import Answer, Inbound, InboundType, PurgeAnswer
from contracts.message_v1 import Control, Head, Part, Ref
from contracts.social_report_v1 import SocialReport
from contracts.terms import Category, LookPurpose, MessageKind, Urgency

Number = tuple[int, int]
Answered = tuple[int, dict[str, Any]]
AT: Final = datetime(2026, 11, 22, 2, 40, tzinfo=UTC)
ON_CALL: Final = "00 10 00 99"
SENDS_IN: Final = frozenset({"/v1/inbound", "/v1/social-reports"})
MAX_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it came."""

    at: float
    method: str
    path: str
    after: Number | None
    status: int


@dataclass(frozen=True, slots=True)
class Told:
    """A data message, with what a test must know of it."""

    message_id: UUID
    sealed: bytes = field(repr=False)
    keys: list[bytes] = field(repr=False)
    head: Head
    words: tuple[str, ...]
    """One made-up word in each part: where one is seen, that part was opened."""

    def piece(self, number: int) -> bytes:
        """The sealed bytes of the head (0) or of a part."""
        start = 1024 + sum(self.head.parts[: number - 1]) if number else 0
        return self.sealed[start : start + (self.head.parts[number - 1] if number else 1024)]


@dataclass
class PlayedHub:
    """One municipality's hub, for one partner. Everything is guarded by `lock`."""

    municipality: str
    partner: str
    partner_keys: PublicKeys
    identity: Identity = field(default_factory=Identity.new)
    epoch: int = 1
    last: Counter[int] = field(default_factory=Counter)
    """The last number of each epoch."""
    topic: list[Envelope] = field(default_factory=list)
    hidden: set[Number] = field(default_factory=set)
    """Numbers that the list of messages leaves out."""
    replay: bool = False
    """Answer every pull from the start, as a topic is read again."""
    told: dict[UUID, Told] = field(default_factory=dict)
    refuse: int = 0
    """The status of every answer, while it is not 0."""
    lose: int = 0
    """How many answers to what is sent in are lost after the work is done."""
    hold: bool = False
    """Leave questions for head keys and reports lying, as long as it is true."""
    held: int = 0
    """How many were left lying."""
    asked: list[Asked] = field(default_factory=list)
    head_keys: Counter[UUID] = field(default_factory=Counter)
    looks: list[tuple[UUID, dict[str, Any]]] = field(default_factory=list)
    tokens: int = 0
    inbound: dict[UUID, Inbound] = field(default_factory=dict)
    sent: Counter[UUID] = field(default_factory=Counter)
    """How often each inbound id came."""
    reports: dict[UUID, SocialReport] = field(default_factory=dict)
    report_posts: Counter[UUID] = field(default_factory=Counter)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    """Rule and text of what was asked or sent against the contract."""
    outlet: Callable[[Envelope], None] | None = None
    """Where messages go beside the list: the topic, in the Kafka profile."""
    on_purged: Callable[[PurgeAnswer], None] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    # --- what the hub says --------------------------------------------------------------------------

    def number(self, message_id: UUID, sealed: bytes) -> Number:
        """Say it under the next number."""
        with self.lock:
            self.last[self.epoch] += 1
            return self.place(message_id, sealed, (self.epoch, self.last[self.epoch]))

    def place(self, message_id: UUID, sealed: bytes, number: Number, *, by: Identity | None = None) -> Number:
        """Say it under this number; signed by somebody else it is a forgery."""
        envelope = (by or self.identity).numbered(self.municipality, self.partner, number, message_id, sealed)
        with self.lock:
            self.topic.append(envelope)
        if self.outlet is not None and number not in self.hidden:
            self.outlet(envelope)
        return number

    def build(
        self,
        *,
        parts: int = 2,
        referral: UUID | None = None,
        taken_up: UUID | None = None,
        spoil_head: bool = False,
    ) -> Told:
        """Make a data message, and keep its keys; it is not said yet. `taken_up` is a report's id."""
        message_id, thread = uuid4(), uuid4()
        words = tuple(f"kanarie{uuid4().hex}" for _ in range(parts))
        category = [Category.IDENTITY, Category.INCIDENT, Category.WISHES]
        made = [
            Part(category=category[n % 3], recorded=AT, data={"name": word}) for n, word in enumerate(words)
        ]
        kind, refs = _said(referral, taken_up)
        head = Head(kind=kind, thread=thread, urgency=Urgency.URGENT, recorded=AT, refs=refs)
        sealed, keys = build_message(self.municipality, self.partner, message_id, head, made)
        lengths = tuple(28 + len(one.model_dump_json().encode()) for one in made)
        if spoil_head:
            sealed = sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:]
        found = Told(message_id, sealed, keys, head.model_copy(update={"parts": lengths}), words)
        with self.lock:
            self.told[message_id] = found
        return found

    def tell(self, **more: Any) -> Told:
        """Make a data message and say it."""
        found = self.build(**more)
        self.number(found.message_id, found.sealed)
        return found

    def control(self, control: Control) -> UUID:
        """Say a control message; its id."""
        message_id = uuid4()
        self.number(message_id, self.sealed_control(message_id, control))
        return message_id

    def sealed_control(self, message_id: UUID, control: Control) -> bytes:
        """Seal a control message, not said yet."""
        key = self.partner_keys.sealing
        return seal_control(self.municipality, self.partner, message_id, control, key)

    # --- what was seen ------------------------------------------------------------------------------

    def answers(self, kind: type[Answer]) -> list[tuple[UUID, Any]]:
        """What the partner sent of one kind, by message id."""
        with self.lock:
            found = [(one, said.answer()) for one, said in self.inbound.items() if _typed(said)]
        return [(one, answer) for one, answer in found if isinstance(answer, kind)]

    def pulls(self, since: float = 0) -> list[Number]:
        """The positions that messages were asked from."""
        with self.lock:
            return [one.after for one in self.asked if one.after is not None and one.at >= since]

    def count(self, since: float, path: str = "") -> int:
        """How many requests came since a time."""
        with self.lock:
            return sum(one.at >= since and one.path.startswith(path) for one in self.asked)

    # --- what the hub does --------------------------------------------------------------------------

    def get(self, path: str, query: dict[str, list[str]]) -> Answered:
        """Answer one GET."""
        if path == "/v1/hub":
            public = self.identity.public
            keys = {"sealing_key": public.sealing.hex(), "signing_key": public.signing.hex()}
            return 200, {"municipality": self.municipality, **keys, "on_call": ON_CALL}
        after, limit = number(query), query.get("limit", ["100"])[0]
        if path != "/v1/messages" or after is None:
            return problem(404, "not-found")
        if not limit.isdigit() or not 1 <= int(limit) <= MAX_BATCH:
            self.wrong.append(("section 6", f"limit must be 1 to {MAX_BATCH}"))
            return problem(422, "invalid")
        with self.lock:
            listed = [
                one
                for one in self.topic
                if (self.replay or one.number > after) and one.number not in self.hidden
            ]
        return 200, {"messages": [to_json(one) for one in listed][: int(limit)]}

    def post(self, path: str, body: bytes, idempotency_key: str | None) -> Answered:
        """Answer one POST."""
        try:
            found = json.loads(body)
        except ValueError:
            self.wrong.append(("section 6", f"{path}: the body is no JSON"))
            return problem(422, "invalid")
        match path.strip("/").split("/"):
            case ["v1", "messages", "head-keys"]:
                return self._head_keys(found)
            case ["v1", "messages", text, "open"]:
                return self._open(text, found)
            case ["v1", "inbound"]:
                return self._inbound(found)
            case ["v1", "social-reports"]:
                return self._report(found, idempotency_key)
        return problem(404, "not-found")

    def _head_keys(self, found: Any) -> Answered:
        try:
            asked = [UUID(one) for one in found["messages"]]
            fine = set(found) <= {"messages", "rebuild"} and 1 <= len(asked) <= MAX_BATCH
            rebuild = found.get("rebuild", False)
        except (ValueError, KeyError, TypeError, AttributeError):
            fine = False
        if not fine:
            self.wrong.append(
                ("section 6", "head-keys: the body must be messages (1 to 500 ids) and rebuild")
            )
            return problem(422, "invalid")
        with self.lock:
            if not rebuild:
                self.head_keys.update(asked)
            keys = {str(one): _b64(self.told[one].keys[0]) for one in asked if one in self.told}
        self._lie()
        return 200, {"keys": keys}

    def _lie(self) -> None:
        self.held += self.hold
        while self.hold:
            time.sleep(0.02)

    def _open(self, text: str, found: Any) -> Answered:
        try:
            message_id = UUID(text)
            LookPurpose(found["purpose"])
            fine = all(str(found[name]).strip() for name in ("person", "name"))
        except (ValueError, KeyError, TypeError):
            fine = False
        if not fine:
            self.wrong.append(("section 6", "open: needs person, name and a purpose of the list"))
            return problem(422, "invalid")
        with self.lock:
            if message_id not in self.told:
                return problem(404, "not-found")
            self.looks.append((message_id, found))
            keys = self.told[message_id].keys
        return 200, {"keys": {str(n): _b64(key) for n, key in enumerate(keys)}}

    def _inbound(self, found: Any) -> Answered:
        try:
            envelope = from_json(found)
        except (BadMessage, AttributeError, TypeError) as error:
            self.wrong.append(("section 2", f"what was sent is no envelope: {error}"))
            return problem(422, "invalid")
        return self.take(envelope)

    def take(self, envelope: Envelope) -> Answered:
        """Take in what the partner sent, once."""
        try:
            said = self.identity.receive(self.municipality, self.partner, envelope, self.partner_keys)
            answer = SocialReport.model_validate(dict(said.body)) if not _typed(said) else said.answer()
        except BadMessage as error:
            self.wrong.append(("section 5", f"what was sent does not verify or open: {error.slug}"))
            return problem(422, error.slug)
        except ValidationError as error:
            where = error.errors(include_input=False, include_context=False, include_url=False)[0]["loc"]
            self.wrong.append(("section 5", f"what was sent is not what its schema says, at {where}"))
            return problem(422, "invalid")
        if isinstance(answer, PurgeAnswer) and self.on_purged is not None:
            self.on_purged(answer)
        with self.lock:
            self.sent[envelope.message_id] += 1
            if self.inbound.setdefault(envelope.message_id, said) != said:
                self.wrong.append(("R8", "the same message id was used for something else"))
                return problem(422, "idempotency-key-reused")
            if isinstance(answer, SocialReport):
                self._taken(answer)
        return 202, {"position": 1}

    def _report(self, found: Any, idempotency_key: str | None) -> Answered:
        try:
            report = SocialReport.model_validate(found)
        except ValidationError:
            self.wrong.append(("section 5", "the report is not what schemas/social_report_v1.json says"))
            return problem(422, "invalid")
        if idempotency_key != str(report.report_id):
            self.wrong.append(("R8", "a report's Idempotency-Key is its report_id"))
            return problem(422, "invalid")
        if self.hold:
            self._lie()
            return problem(503, "unavailable")
        with self.lock:
            if not self._taken(report):
                return problem(422, "idempotency-key-reused")
        return 202, {**self.receipt(report.report_id), "position": 1, "read_by_a_person": False}

    def _taken(self, report: SocialReport) -> bool:
        self.report_posts[report.report_id] += 1
        if self.reports.setdefault(report.report_id, report) != report:
            self.wrong.append(("R8", "the same report_id was used for another report"))
            return False
        return True

    def receipt(self, report_id: UUID) -> dict[str, str]:
        """The number of a report."""
        number = f"{report_id.int % 9000 + 1000}-TEST"
        return {"number": number, "status": "received", "on_call": ON_CALL}


def _said(referral: UUID | None, taken_up: UUID | None) -> tuple[MessageKind, dict[Ref, UUID]]:
    if taken_up is not None:
        return MessageKind.REPORT_TAKEN_UP, {"report": taken_up}
    if referral is not None:
        return MessageKind.REFERRAL_REQUESTED, {"referral": referral}
    return MessageKind.PRESENT_STATE, {}


def number(query: dict[str, list[str]]) -> Number | None:
    """The position in `after`, if it is one."""
    epoch, _, sequence = query.get("after", ["0.0"])[0].partition(".")
    return (int(epoch), int(sequence)) if epoch.isdigit() and sequence.isdigit() else None


def problem(status: int, slug: str) -> Answered:
    """An RFC 9457 problem."""
    return status, {"type": f"https://tvaers.example/problems/{slug}", "title": "no", "status": status}


def _typed(said: Inbound) -> bool:
    return said.type is not InboundType.SOCIAL_REPORT


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
