"""One scenario's stage: a played hub, a partner's program in a new folder, and what was found short."""

import base64
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from contracts.client.keys import Identity
from contracts.conformance.adapter import Description, Done, Program
from contracts.conformance.hub import Number, PlayedHub, Told
from contracts.conformance.server import Server
from contracts.inbound_v1 import PurgeAnswer, PurgeOutcome

DUTY_NUMBER: Final = "00 10 00 77"
PERSON: Final = {"person": "m-17", "name": "Mona Opdigtet", "purpose": "referral"}
POLL_S: Final = 0.2
_LOOK_S: Final = 0.02
_NEEDLE: Final = 48


@dataclass(frozen=True, slots=True)
class Finding:
    """What falls short, and of which rule in BYTES.md."""

    scenario: str
    rule: str
    text: str

    def __str__(self) -> str:
        place = f"section 8, {self.rule}" if self.rule.startswith("R") else self.rule
        return f"{self.scenario}: {self.rule}: {self.text} (BYTES.md {place})"


class Short(Exception):
    """Raised when what a scenario builds on did not happen: there is no point in going on."""


class Stage:
    """Where one scenario is played."""

    def __init__(
        self,
        scenario: str,
        description: Description,
        folder: Path,
        patience_s: float,
        kafka: str | None = None,
    ) -> None:
        """Set it up; the program is not started yet."""
        self.scenario, self.patience_s = scenario, patience_s
        self.found: dict[Finding, None] = {}
        self.program = Program(description, folder)
        self.identity = Identity.new()
        self.slug = "proeve"
        municipality = f"m{uuid4().hex[:10]}"
        folder.mkdir(parents=True)
        self.identity.save(folder / "keys")
        (folder / "data").mkdir()
        self.hub = PlayedHub(municipality, self.slug, self.identity.public)
        self.hub.on_purged = self._purged
        self._secret = secrets.token_urlsafe() if description.login == "secret" else None
        self.server = Server(self.hub, self.slug, self._secret)
        self.topics: Any = None
        if kafka is not None:
            from contracts.conformance.topics import Topics  # only where there is a broker

            group = description.group.replace("{slug}", self.slug)
            self.topics = Topics(kafka, self.hub, group)
            self.hub.outlet = self.topics.publish
        self._gone: dict[UUID, list[bytes]] = {}
        self.give_settings()

    def give_settings(self) -> None:
        """Write what a municipality gives a partner, with the keys that are the hub's now."""
        public, folder = self.hub.identity.public, self.program.folder
        broker = {"profile": "kafka", "kafka": {"bootstrap": self.topics.bootstrap}} if self.topics else {}
        self.program.write(
            {
                "municipality": self.hub.municipality,
                "slug": self.slug,
                "hub_url": self.server.url,
                "token_url": self.server.token_url,
                "username": self.slug,
                **({} if self._secret is None else {"password": self._secret}),
                "hub_sealing_key": base64.b64encode(public.sealing).decode(),
                "hub_signing_key": base64.b64encode(public.signing).decode(),
                "keys": str(folder / "keys"),
                "data": str(folder / "data"),
                "duty_number": DUTY_NUMBER,
                "poll_s": POLL_S,
                **broker,
            }
        )

    @contextmanager
    def hub_gone(self) -> Iterator[None]:
        """The hub is down for a while: nobody listens, and nobody reads what is written to the topic."""
        with ExitStack() as gone:
            gone.enter_context(self.server.gone())
            if self.topics is not None:
                gone.enter_context(self.topics.gone())
            yield

    # --- waiting and judging ------------------------------------------------------------------------

    def say(self, rule: str, text: str) -> None:
        """Something falls short."""
        self.found[Finding(self.scenario, rule, text)] = None

    def wait(self, happened: Callable[[], object], rule: str, text: str) -> None:
        """Keep the program going until it happened. Raises `Short` when patience is out."""
        until = time.monotonic() + self.patience_s
        self.program.ended_with = None
        while not happened():
            if time.monotonic() > until:
                ended = self.program.ended_with
                self.say(
                    rule, text if ended is None else f"{text}; `run` had ended by itself, status {ended}"
                )
                raise Short
            self.program.keep()
            time.sleep(_LOOK_S)

    def watch(self, seconds: float) -> None:
        """Keep the program going for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.program.keep()
            time.sleep(_LOOK_S)

    def never(self, happened: object, rule: str, text: str) -> None:
        """Something that must not have happened."""
        if happened:
            self.say(rule, text)

    def caught_up(self, number: Number, rule: str = "R5") -> None:
        """Wait until the program has taken in everything up to a number."""
        text = f"did not get as far as number {number[0]}.{number[1]}: its position never says so"
        if self.topics is not None:
            self.wait(self.topics.caught_up, rule, text + " (committed offset)")
        else:
            self.wait(lambda: any(at >= number for at in self.hub.pulls()), rule, text)

    def took(self, told: Told, rule: str, text: str = "") -> None:
        """Wait until the key of a message's head was asked for."""
        why = text or "a new message came, and the key of its head was never asked for"
        self.wait(lambda: self.hub.head_keys[told.message_id], rule, why)

    def purge_answers(self, revocation: UUID) -> list[UUID]:
        """The ids under which a revocation was answered."""
        found = self.hub.answers(PurgeAnswer)
        return [one for one, answer in found if answer.revocation == revocation]

    def answered(self, revocation: UUID, rule: str = "R7") -> None:
        """Wait until a revocation was answered."""
        self.wait(lambda: self.purge_answers(revocation), rule, "a revocation was not answered")

    # --- people -------------------------------------------------------------------------------------

    def open(self, told: Told) -> Done:
        """A named person opens a message."""
        return self.program.do("open", message=str(told.message_id), **PERSON)

    def opens(self, told: Told, rule: str, *, words: Iterable[str] | None = None) -> None:
        """A named person opens a message and sees these words, and no others of it."""
        done = self.open(told)
        wanted = set(told.words if words is None else words)
        if done.status != 0:
            self.say(rule, f"`open` of a message that may be opened ended with {done.status}: {last(done)}")
        elif not wanted <= (seen := {word for word in told.words if word in done.out}):
            self.say(rule, f"`open` showed {len(seen & wanted)} of {len(wanted)} parts that may be opened")

    def opens_not(self, told: Told, rule: str, text: str, *, words: Iterable[str] | None = None) -> None:
        """A named person must not see these words."""
        done = self.open(told)
        self.never([w for w in (told.words if words is None else words) if w in done.out], rule, text)

    # --- the disk -----------------------------------------------------------------------------------

    def gone_with(self, revocation: UUID, *pieces: tuple[Told, int]) -> None:
        """When this revocation is answered `purged`, these pieces of messages are on the disk no more."""
        self._gone[revocation] = [needle for told, part in pieces for needle in needles(told, part)]

    def _purged(self, answer: PurgeAnswer) -> None:
        if answer.outcome is not PurgeOutcome.PURGED:
            self.say("R7", "answered `retained`, though nothing was taken over")
        elif wanted := self._gone.get(answer.revocation):
            disk = self.program.disk()
            self.never(
                any(needle in disk for needle in wanted),
                "R7",
                "said `purged` while the sealed bytes were still on its disk",
            )

    def close(self) -> None:
        """End everything, and judge what every scenario is judged by."""
        self.program.end()
        disk, printed = self.program.disk(), self.program.tail(1_000_000).encode()
        for told in self.hub.told.values():
            secret = [form for key in told.keys for form in forms(key)]
            self.never(any(form in disk for form in secret), "R9", "a message's key lies on its disk")
            words = [word.encode() for word in told.words]
            self.never(any(w in disk for w in words), "R9", "what was opened lies on its disk in the clear")
            self.never(any(w in printed for w in words), "R9", "`run` prints what messages say")
        for rule, text in self.hub.wrong:
            self.say(rule, text)
        self.hub.hold = False
        self.server.down()
        if self.topics is not None:
            self.topics.close()


def last(done: Done) -> str:
    """The last line that a command printed."""
    lines = [line for line in done.out.splitlines() if line.strip()]
    return lines[-1][:160] if lines else "it printed nothing"


def forms(raw: bytes) -> list[bytes]:
    """The ways in which bytes are written down."""
    plain = base64.b64encode(raw).rstrip(b"=")
    return [raw, raw.hex().encode(), raw.hex().upper().encode(), plain, plain.translate(_URL)]


_URL: Final = bytes.maketrans(b"+/", b"-_")


def needles(told: Told, part: int) -> list[bytes]:
    """What to look for: a stretch of a piece, by itself and as it stands in the base64 of the whole."""
    piece = told.piece(part)
    start = told.sealed.index(piece)
    inside = told.sealed[start + -start % 3 :][:_NEEDLE]
    return [*forms(piece[:_NEEDLE]), *forms(inside)]
