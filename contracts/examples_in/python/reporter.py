"""An organisation that hands social reports over and shows receipts, in both profiles, on `contracts.client`.

    python reporter.py SETTINGS submit REPORT.json
    python reporter.py SETTINGS run
    python reporter.py SETTINGS status

A report is on disk, sealed to our own key, before anything is sent, and stays *not yet delivered* until the
hub has given its number (R8, R12): over HTTP in its answer, over Kafka in a receipt on our own topic. The
profile is a setting. Where nobody has answered for a quarter of an hour, it goes to the topic once more.
"""

import base64
import json
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import ValidationError

from contracts.client.errors import ClientError, Refused
from contracts.client.http_profile import HttpHub
from contracts.client.inbox import Position, Received
from contracts.client.keys import Identity, PublicKeys
from contracts.client.logins import Tokens, by_secret
from contracts.client.party import Party
from contracts.client.reading import read_http, read_kafka
from contracts.client.sealed import seal_inbound
from contracts.inbound_v1 import Inbound, PurgeAnswer, PurgeOutcome
from contracts.message_v1 import Erased, Receipt, Revoked
from contracts.social_report_v1 import SocialReport

TABLES: Final = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS position (only INTEGER PRIMARY KEY, epoch INTEGER, sequence INTEGER);
INSERT OR IGNORE INTO position VALUES (1, 0, 0);
CREATE TABLE IF NOT EXISTS reports (
    id TEXT PRIMARY KEY, body BLOB, state TEXT NOT NULL, sent REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
WAITS: Final = "not yet delivered"
AGAIN_S: Final = 900.0
ITS_OWN_FAULT: Final = frozenset({400, 413, 415, 422})


class Reporter:
    """One reporter."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Open the database and connect to nothing yet."""
        self.settings = settings
        keys = [base64.b64decode(settings[name]) for name in ("hub_sealing_key", "hub_signing_key")]
        self.own = Identity.load(Path(settings["keys"]))
        self.party = Party(settings["municipality"], settings["slug"], self.own, PublicKeys(*keys))
        login = by_secret(settings["username"], settings["password"])
        self.hub = HttpHub(settings["hub_url"], self.party, Tokens(settings["token_url"], login))
        self.kafka: Any = None
        if settings.get("profile") == "kafka":
            from contracts.client.kafka_login import KafkaLogin
            from contracts.client.kafka_profile import KafkaHub

            self.kafka = KafkaHub(KafkaLogin(**settings["kafka"]), self.party)
        self.sql = sqlite3.connect(Path(settings["data"]) / "reporter.db", timeout=30)
        self.sql.executescript(TABLES)

    def submit(self, path: str) -> None:
        """Check a report and keep it. Every problem is told by its field, none by what was written."""
        try:
            report = SocialReport.model_validate_json(Path(path).read_bytes())
        except ValidationError as error:
            found = error.errors(include_input=False, include_context=False, include_url=False)
            lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found]
            raise SystemExit("\n".join(lines)) from None
        body, name = report.model_dump(mode="json", exclude_none=True), self.party.name
        public = self.own.public.sealing
        sealed = seal_inbound(self.party.municipality, name, report.report_id, Inbound.report(body), public)
        with self.sql:
            row = (str(report.report_id), sealed, WAITS)
            self.sql.execute("INSERT OR IGNORE INTO reports (id, body, state) VALUES (?, ?, ?)", row)
        self.status()

    def deliver(self) -> None:
        """Send what waits, under the report's own id."""
        query = "SELECT id, body FROM reports WHERE state = ? AND sent < ?"
        for name, sealed in self.sql.execute(query, (WAITS, time.time() - AGAIN_S)).fetchall():
            report_id = UUID(name)
            said = self.own.open_inbound(self.party.municipality, self.party.name, report_id, sealed)
            if self.kafka is not None:
                self.kafka.send(report_id, said)
                with self.sql:
                    self.sql.execute("UPDATE reports SET sent = ? WHERE id = ?", (time.time(), name))
                continue
            try:
                receipt = self.hub.report(report_id, said.body)
            except Refused as error:
                if error.status not in ITS_OWN_FAULT:
                    raise
                # The body stays: a person corrects it and hands it in under a new id.
                state = f"refused: {error.problem} {error.pointer or ''}"
                row: tuple[Any, ...] = (sealed, state, name)
            else:
                row = (None, f"received as {receipt['number']}, not yet read by a person", name)
            with self.sql:
                self.sql.execute("UPDATE reports SET body = ?, state = ? WHERE id = ?", row)

    def answer(self) -> None:
        """Send what is to be answered, under the same id until the hub has it (R8)."""
        for name, body in self.sql.execute("SELECT id, body FROM answers").fetchall():
            try:
                (self.kafka or self.hub).send(UUID(name), Inbound.model_validate_json(body))
            except Refused as error:
                if error.status in {401, 403}:
                    raise
                sys.stderr.write(f"answer {name} was refused: {error.problem}\n")
                continue  # It stays, and holds up nothing: tell the municipality (section 6).
            with self.sql:
                self.sql.execute("DELETE FROM answers WHERE id = ?", (name,))

    def read(self) -> bool:
        """Take in what has come; whether there may be more."""
        position: Position = self.sql.execute("SELECT epoch, sequence FROM position").fetchone()
        if self.kafka is None:
            return read_http(self.hub, self.party, self, position) != position
        return read_kafka(self.kafka, self.hub, self.party, self, position) != position

    def apply(self, received: Sequence[Received], position: Position) -> None:
        """Receipts, answers to revocations and the position, in one transaction.

        Nothing else is kept here, so what is revoked is off the disk already (R7).
        """
        receipts = [one.control for one in received if isinstance(one.control, Receipt)]
        answers = [
            (str(uuid5(one.envelope.message_id, "answer")), _purged(one.envelope.message_id, one.control))
            for one in received
            if isinstance(one.control, Revoked | Erased)
        ]
        with self.sql:
            self.sql.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", answers)
            for one in receipts:
                row = (f"{one.status.value} as {one.number}", str(one.report_id))
                self.sql.execute("UPDATE reports SET state = ?, body = NULL WHERE id = ?", row)
            self.sql.execute("UPDATE position SET epoch = ?, sequence = ?", position)

    def status(self) -> None:
        """How far each report has come, and whom to ring while it has not come at all."""
        for name, state in self.sql.execute("SELECT id, state FROM reports"):
            ring = f", ring {self.settings['duty_number']}" if state == WAITS else ""
            sys.stdout.write(f"{name} {state}{ring}\n")

    def run(self) -> None:
        """Until stopped."""
        while True:
            pause = float(self.settings["poll_s"])
            try:
                self.deliver()
                self.answer()
                if self.read():
                    continue
            except ClientError as error:  # R11, R12: nothing is lost; later again.
                sys.stderr.write(f"not now: {error.slug}\n")
                pause = max(1.0, pause)
            time.sleep(pause)


def _purged(revocation: UUID, closing: Revoked | Erased) -> str:
    answer = PurgeAnswer(revocation=revocation, thread=closing.thread, outcome=PurgeOutcome.PURGED)
    return Inbound.of(answer).model_dump_json()


def main() -> None:
    """Run one command."""
    path, command, *words = sys.argv[1:]
    reporter = Reporter(json.loads(Path(path).read_text(encoding="utf-8")))
    commands = {one.__name__: one for one in (reporter.submit, reporter.run, reporter.status)}
    with closing(reporter.sql):
        commands[command](*words)


if __name__ == "__main__":
    main()
