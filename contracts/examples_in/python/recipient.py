"""An organisation that is told, opens, answers and purges, in both profiles, on `contracts.client`.

    python recipient.py SETTINGS run
    python recipient.py SETTINGS inbox
    python recipient.py SETTINGS open MESSAGE PERSON NAME PURPOSE
    python recipient.py SETTINGS accept REFERRAL PERSON NAME

The client verifies, opens and keeps the order (rules R1 to R4 in BYTES.md); what is left is here: one
database whose transactions are those of R5, and R6, R7, R8. No key is written (R9). The profile is a setting.
"""

import base64
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

from contracts.client.errors import ClientError, NotNow, Refused
from contracts.client.http_profile import HttpHub
from contracts.client.inbox import Position, Received
from contracts.client.keys import Identity, PublicKeys
from contracts.client.logins import Tokens, by_key
from contracts.client.party import Party
from contracts.client.reading import read_http, read_kafka
from contracts.client.sealed import HEAD_BYTES, open_head, open_part
from contracts.inbound_v1 import Inbound, Person, PurgeAnswer, PurgeOutcome, ReferralAnswer
from contracts.message_v1 import Erased, Head, Revoked
from contracts.terms import ReferralStatus

TABLES: Final = """
PRAGMA journal_mode = DELETE;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS position (only INTEGER PRIMARY KEY, epoch INTEGER, sequence INTEGER);
INSERT OR IGNORE INTO position VALUES (1, 0, 0);
CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, head TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS closed (id TEXT, part INTEGER, PRIMARY KEY (id, part));
CREATE TABLE IF NOT EXISTS outgoing (id TEXT PRIMARY KEY, said TEXT NOT NULL);
"""


class Recipient:
    """One recipient. `secure_delete` overwrites what is deleted, so that *purged* is true of the file."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Open the database and connect to nothing yet."""
        self.settings = settings
        keys = [base64.b64decode(settings[name]) for name in ("hub_sealing_key", "hub_signing_key")]
        identity = Identity.load(Path(settings["keys"]))
        self.party = Party(settings["municipality"], settings["slug"], identity, PublicKeys(*keys))
        self.names = (self.party.municipality, self.party.name)
        login = by_key(settings["username"], settings["token_url"], identity.signing)
        tokens = Tokens(settings["token_url"], login)
        self.hub = HttpHub(settings["hub_url"], self.party, tokens)
        self.kafka: Any = None
        if settings.get("profile") == "kafka":
            from contracts.client.kafka_login import KafkaLogin
            from contracts.client.kafka_profile import KafkaHub

            self.kafka = KafkaHub(KafkaLogin(**settings["kafka"]), self.party)
        self.sql = sqlite3.connect(Path(settings["data"]) / "recipient.db", timeout=30)
        self.sql.executescript(TABLES)

    # --- taking in --------------------------------------------------------------------------------

    def step(self) -> bool:
        """Take in what there is, then send what waits; whether there may be more."""
        position: Position = self.sql.execute("SELECT epoch, sequence FROM position").fetchone()
        if self.kafka is None:
            reached = read_http(self.hub, self.party, self, position)
        else:
            reached = read_kafka(self.kafka, self.hub, self.party, self, position)
        self.send()
        return reached != position

    def apply(self, received: Sequence[Received], position: Position) -> None:
        """One transaction for a batch: what is told, what is closed, the answers, the position."""
        data = {one.envelope.message_id: one.envelope.value for one in received if one.control is None}
        keys = self.hub.head_keys(list(data)) if data else {}
        heads = {m: open_head(data[m], key, *self.names, m) for m, key in keys.items() if m in data}
        with self.sql:
            for one in received:
                if isinstance(one.control, Revoked | Erased):
                    self._close(one.envelope.message_id, one.control)
            for message_id, head in heads.items():
                sealed = self._blanked(message_id, head, data[message_id])
                if sealed is not None:
                    row = (str(message_id), head.model_dump_json(), sealed)
                    self.sql.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?)", row)
            self.sql.execute("UPDATE position SET epoch = ?, sequence = ?", position)

    def _close(self, revocation: UUID, said: Revoked | Erased) -> None:
        closed = {**dict.fromkeys(said.messages, (0,)), **said.parts}
        rows = [(str(message_id), part) for message_id, parts in closed.items() for part in parts]
        self.sql.executemany("INSERT OR IGNORE INTO closed VALUES (?, ?)", rows)
        for message_id in closed:
            for head, sealed in self._message(message_id):
                left = self._blanked(message_id, head, sealed)
                if left is None:
                    self.sql.execute("DELETE FROM messages WHERE id = ?", (str(message_id),))
                else:
                    self.sql.execute("UPDATE messages SET sealed = ? WHERE id = ?", (left, str(message_id)))
        answer = PurgeAnswer(revocation=revocation, thread=said.thread, outcome=PurgeOutcome.PURGED)
        self._queue(uuid5(revocation, "answer"), Inbound.of(answer))

    def _blanked(self, message_id: UUID, head: Head, sealed: bytes) -> bytes | None:
        """The message with random bytes where closed parts were; None where nothing of it may be kept."""
        rows = self.sql.execute("SELECT part FROM closed WHERE id = ?", (str(message_id),))
        closed, left, start = {row[0] for row in rows}, bytearray(sealed), HEAD_BYTES
        for number, length in enumerate(head.parts, 1):
            if number in closed:
                left[start : start + length] = os.urandom(length)
            start += length
        return None if 0 in closed else bytes(left)

    # --- sending ----------------------------------------------------------------------------------

    def _queue(self, message_id: UUID, said: Inbound) -> None:
        row = (str(message_id), said.model_dump_json())
        self.sql.execute("INSERT OR IGNORE INTO outgoing VALUES (?, ?)", row)

    def send(self) -> None:
        """Send what waits, each under its own id until the hub has it."""
        for name, text in self.sql.execute("SELECT id, said FROM outgoing").fetchall():
            said = Inbound.model_validate_json(text)
            try:
                (self.kafka or self.hub).send(UUID(name), said)
            except NotNow:
                continue  # Tried again with the next step.
            except Refused as error:
                if error.status in {401, 403}:
                    raise
                sys.stderr.write(f"{said.type} {name} was refused: {error.problem}\n")
                if said.type == "purge_answer":
                    continue  # It stays, and holds up nothing: tell the municipality (section 6).
            with self.sql:
                self.sql.execute("DELETE FROM outgoing WHERE id = ?", (name,))

    # --- people -----------------------------------------------------------------------------------

    def open(self, message: str, person: str, name: str, purpose: str) -> None:
        """Open a message for a named person. The hub records the look."""
        message_id = UUID(message)
        found = list(self._message(message_id))
        if not found:
            raise SystemExit("this message is not here: it never came, or it was withdrawn")
        ((head, sealed),) = found
        rows = self.sql.execute("SELECT part FROM closed WHERE id = ?", (message,))
        closed = {row[0] for row in rows}
        keys = self.hub.open(message_id, person, name, purpose)
        sys.stdout.write(head.kind + "\n")
        for number in sorted(keys.keys() - closed - {0}):
            part = open_part(sealed, head, number, keys[number], *self.names, message_id)
            sys.stdout.write(part.model_dump_json(indent=2) + "\n")

    def accept(self, referral: str, person: str, name: str) -> None:
        """Accept a referral; `run` sends it."""
        for _, head in self.heads():
            if str(head.refs.get("referral")) == referral:
                answer = ReferralAnswer(
                    thread=head.thread,
                    referral=UUID(referral),
                    status=ReferralStatus.ACCEPTED,
                    by=Person(person=person, name=name),
                    at=datetime.now(UTC),
                )
                with self.sql:
                    self._queue(uuid4(), Inbound.of(answer))
                ring = self.settings["duty_number"]
                sys.stdout.write(f"kept; `run` sends it. If it can't wait, ring {ring}\n")
                return
        raise SystemExit("no referral of this id is here")

    def inbox(self) -> None:
        """What is here, by its heads: never who."""
        for message_id, head in self.heads():
            due = head.deadline.isoformat() if head.deadline else "-"
            sys.stdout.write(f"{due} {head.urgency} {head.kind} {message_id}\n")

    def heads(self) -> Iterator[tuple[str, Head]]:
        """Every head that is here."""
        for message_id, head in self.sql.execute("SELECT id, head FROM messages"):
            yield message_id, Head.model_validate_json(head)

    def _message(self, message_id: UUID) -> Iterator[tuple[Head, bytes]]:
        rows = self.sql.execute("SELECT head, sealed FROM messages WHERE id = ?", (str(message_id),))
        for head, sealed in rows.fetchall():
            yield Head.model_validate_json(head), sealed

    def run(self) -> None:
        """Until stopped."""
        while True:
            pause = float(self.settings["poll_s"])
            try:
                if self.step():
                    continue
            except ClientError as error:  # R11, R12: nothing is lost; later again.
                sys.stderr.write(f"not now: {error.slug}\n")
                pause = max(1.0, pause)
            time.sleep(pause)


def main() -> None:
    """Run one command."""
    path, command, *words = sys.argv[1:]
    recipient = Recipient(json.loads(Path(path).read_text(encoding="utf-8")))
    commands = {
        one.__name__: one for one in (recipient.run, recipient.inbox, recipient.open, recipient.accept)
    }
    with closing(recipient.sql):
        try:
            commands[command](*words)
        except ClientError as error:
            raise SystemExit(f"not now: {error.slug}; nothing is lost") from None


if __name__ == "__main__":
    main()
