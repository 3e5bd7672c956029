"""A hub that is simulated: the routes that adapters call, over real HTTP, with real seals and signatures.

It keeps what a hub must keep for an adapter to be judged: what was taken in under which id and how often, who
opened what, which keys still live. It can be down, refuse, and lose its answer after the work is done.
"""

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

from contracts.client.keys import Identity, PublicKeys
from contracts.client.sealed import build_message, seal_control
from contracts.envelope import BadMessage, Envelope, from_json, to_json
from contracts.inbound_v1 import Answer, InboundType
from contracts.message_v1 import Blank, Control, Head, Part, Receipt, Revoked
from contracts.terms import Category, MessageKind, Urgency

MUNICIPALITY = "eksempel"
PARTNER = "livsvej"
USERNAME, PASSWORD = "livsvej-adapter", "korrekt-hest-batteri"
ON_CALL = "00 10 00 99"
AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@dataclass
class SimulatedHub:
    """The hub's end for one partner."""

    partner: PublicKeys
    slug: str = PARTNER
    identity: Identity = field(default_factory=Identity.new)
    epoch: int = 1
    topic: list[Envelope] = field(default_factory=list)
    keys: dict[UUID, dict[int, bytes]] = field(default_factory=dict)
    """Living message keys by part."""
    reports: dict[str, bytes] = field(default_factory=dict)
    posts: Counter[str] = field(default_factory=Counter)
    """How often each report id came."""
    inbound: dict[UUID, Any] = field(default_factory=dict)
    looks: list[dict[str, Any]] = field(default_factory=list)
    key_batches: list[list[UUID]] = field(default_factory=list)
    down: bool = False
    on_call: str = ON_CALL
    lose_answers: int = 0
    refuse: tuple[int, str] | None = None
    why: tuple[str, str] | None = None
    """The field and the words with which it refuses."""
    url: str = ""
    tokens: int = 0

    # --- what the hub says --------------------------------------------------------------------------

    def number(self, message_id: UUID, sealed: bytes) -> UUID:
        """Put sealed bytes on the partner's topic under the next number."""
        number = (self.epoch, sum(one.epoch == self.epoch for one in self.topic) + 1)
        self.topic.append(self.identity.numbered(MUNICIPALITY, self.slug, number, message_id, sealed))
        return message_id

    def build(
        self,
        *parts: Part,
        thread: UUID,
        referral: UUID | None = None,
        report: UUID | None = None,
        kind: MessageKind = MessageKind.REFERRAL_REQUESTED,
        deadline: datetime | None = None,
    ) -> tuple[UUID, bytes]:
        """Seal a message and keep its keys, without sending it."""
        message_id = uuid4()
        head = Head(
            kind=kind,
            thread=thread,
            urgency=Urgency.URGENT,
            deadline=deadline,
            recorded=AT,
            refs={name: ref for name, ref in (("referral", referral), ("report", report)) if ref is not None},
        )
        sealed, keys = build_message(MUNICIPALITY, self.slug, message_id, head, parts)
        self.keys[message_id] = dict(enumerate(keys))
        return message_id, sealed

    def tell(self, *parts: Part, **head: Any) -> UUID:
        """Seal a message and send it."""
        return self.number(*self.build(*parts, **head))

    def control(self, control: Control) -> UUID:
        """Send a control message."""
        message_id = uuid4()
        sealed = seal_control(MUNICIPALITY, self.slug, message_id, control, self.partner.sealing)
        return self.number(message_id, sealed)

    def blank(self, message_id: UUID) -> UUID:
        """Send a message whose grants ended before it was sent."""
        self.keys.pop(message_id, None)
        sealed = seal_control(MUNICIPALITY, self.slug, message_id, Blank(), self.partner.sealing)
        return self.number(message_id, sealed)

    def answers(self) -> list[Answer]:
        """What the partner answered, in order; a report that came by topic is none."""
        return [one.answer() for one in self.inbound.values() if one.type is not InboundType.SOCIAL_REPORT]

    # --- what the hub does --------------------------------------------------------------------------

    def receipt(self, report_id: str) -> dict[str, Any]:
        """The answer to a report: the same each time, until the hub is restored."""
        number = f"{(int(UUID(report_id)) + self.epoch) % 9000 + 1000}-TEST"
        return {
            "position": 1,
            "number": number,
            "status": "received",
            "read_by_a_person": False,
            "on_call": ON_CALL,
        }

    def tell_receipt(self, report_id: UUID, status: str = "received") -> None:
        """Tell the reporter how far its report has come."""
        number = self.receipt(str(report_id))["number"]
        self.control(Receipt(report_id=report_id, number=number, status=status, at=AT))

    def tell_taken_up(self, report_id: UUID) -> Revoked:
        """Tell the reporter that a person took its report up; what revokes that."""
        thread = uuid4()
        message_id = self.tell(
            part(Category.COORDINATION, "taken up"),
            thread=thread,
            report=report_id,
            kind=MessageKind.REPORT_TAKEN_UP,
        )
        return Revoked(thread=thread, messages=(message_id,))

    def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer one POST."""
        found = json.loads(body)
        match path.strip("/").split("/"):
            case ["v1", "social-reports"]:
                return self._report(found["report_id"], body)
            case ["v1", "messages", "head-keys"]:
                asked = [UUID(one) for one in found["messages"]]
                self.key_batches.append(asked)
                return 200, {"keys": {str(m): _b64(self.keys[m][0]) for m in asked if m in self.keys}}
            case ["v1", "messages", message_id, "open"] if UUID(message_id) in self.keys:
                self.looks.append({"message": UUID(message_id), **found})
                return 200, {"keys": {str(n): _b64(k) for n, k in self.keys[UUID(message_id)].items()}}
            case ["v1", "inbound"]:
                envelope = from_json(found)
                try:
                    message = self.identity.receive(MUNICIPALITY, self.slug, envelope, self.partner)
                except BadMessage as error:
                    status, told = _problem(422, "invalid")
                    return status, {**told, "errors": [{"pointer": error.slug, "detail": str(error)}]}
                self.inbound.setdefault(envelope.message_id, message)
                return 202, {"position": 1}
        return _problem(404, "not-found")

    def _report(self, report_id: str, body: bytes) -> tuple[int, dict[str, Any]]:
        self.posts[report_id] += 1
        if self.reports.setdefault(report_id, body) != body:
            return _problem(422, "idempotency-key-reused")
        return 202, self.receipt(report_id)

    def get(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """Answer one GET."""
        if path == "/v1/hub":
            public = self.identity.public
            keys = {"sealing_key": public.sealing.hex(), "signing_key": public.signing.hex()}
            return 200, {"municipality": MUNICIPALITY, **keys, "on_call": self.on_call}
        if path != "/v1/messages":
            return _problem(404, "not-found")
        epoch, sequence = query.get("after", ["0.0"])[0].split(".")
        after, limit = (int(epoch), int(sequence)), int(query.get("limit", ["100"])[0])
        return 200, {"messages": [to_json(e) for e in self.topic if e.number > after][:limit]}


class _Routes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub: SimulatedHub

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self._answer(lambda: self.hub.get(address.path, parse_qs(address.query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/token":
            form = parse_qs(body.decode())
            right = form.get("username") == [USERNAME] and form.get("password") == [PASSWORD]
            self.hub.tokens += 1
            self._answer(
                lambda: (
                    (200, {"access_token": "t0ken", "expires_in": 600})
                    if right
                    else _problem(401, "not-logged-in")
                )
            )
            return
        self._answer(lambda: self.hub.post(self.path, body))

    def _answer(self, act: Any) -> None:
        if self.hub.down:
            self.close_connection = True
            return
        if self.path not in {"/token", "/v1/hub"} and self.headers.get("authorization") != "Bearer t0ken":
            status, body = _problem(401, "not-logged-in")
        elif self.path != "/token" and self.hub.refuse is not None:
            status, body = _problem(*self.hub.refuse)
            if self.hub.why is not None:
                pointer, title = self.hub.why
                body = {**body, "title": title, "errors": [{"pointer": pointer, "detail": title}]}
        else:
            status, body = act()
        if self.hub.lose_answers and self.path != "/token":
            self.hub.lose_answers -= 1
            self.close_connection = True
            return
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if status < 300 else "application/problem+json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (named by http.server)
        """Say nothing."""


@contextmanager
def serving(hub: SimulatedHub) -> Iterator[SimulatedHub]:
    """Serve a simulated hub on a port of its own."""
    routes = type("Routes", (_Routes,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), routes)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def part(category: Category, text: str, about: UUID | None = None) -> Part:
    """One part of a message."""
    return Part(category=category, about=about, recorded=AT, data={"text": text})


def _problem(status: int, slug: str) -> tuple[int, dict[str, Any]]:
    title = "the hub says no"
    return status, {"type": f"https://tvaers.example/problems/{slug}", "title": title, "status": status}


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


__all__: Sequence[str] = ["SimulatedHub", "part", "serving"]
