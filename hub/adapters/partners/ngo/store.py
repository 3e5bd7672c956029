"""What the adapter keeps: sealed bytes with their heads in the clear, never a key and never who.

Everything that a batch of messages changes, the position included, is one transaction; see `rows`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

from contracts.client.inbox import Position
from contracts.terms import ReferralStatus
from hub.adapters.partners.disk import Disk
from hub.adapters.partners.ngo.rows import SCHEMA, Answered, Change, Line, Outgoing, carry_out, line, queue

_LINES: Final = (
    "SELECT messages.*, message_id IN (SELECT message_id FROM opened) AS opened FROM messages "
    "ORDER BY epoch, sequence"
)


class NgoStore:
    """The adapter's own database."""

    def __init__(self, path: Path) -> None:
        """Open the file."""
        self._disk = Disk(path, SCHEMA)

    # --- what comes in ------------------------------------------------------------------------------

    def apply(self, change: Change) -> None:
        """Carry out a change and move the position, in one transaction."""
        with self._disk.writing() as sql:
            carry_out(sql, change)

    def scrub(self) -> None:
        """Leave nothing of what was deleted. Raises `NotScrubbed`."""
        self._disk.scrub()

    @property
    def position(self) -> Position:
        """The number of the last message that was read."""
        row = self._disk.read("SELECT epoch, sequence FROM position")[0]
        return row["epoch"], row["sequence"]

    # --- what is here -------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """Every message that is here, in order."""
        return [line(row) for row in self._disk.read(_LINES)]

    def opened(self, message_id: UUID) -> None:
        """Somebody here opened a message; one that was purged meanwhile leaves nothing."""
        with self._disk.writing() as sql:
            sql.execute(
                "INSERT OR IGNORE INTO opened SELECT message_id FROM messages WHERE message_id = ?",
                (str(message_id),),
            )

    def sealed(self, message_id: UUID) -> bytes | None:
        """The sealed bytes of a message that is here."""
        rows = self._disk.read("SELECT sealed FROM messages WHERE message_id = ?", (str(message_id),))
        return rows[0]["sealed"] if rows else None

    def closed_parts(self, message_id: UUID) -> frozenset[int]:
        """The parts of a message of which nothing may be kept."""
        rows = self._disk.read("SELECT part FROM closed WHERE message_id = ?", (str(message_id),))
        return frozenset(row["part"] for row in rows)

    def take_over(self, message_id: UUID) -> bool:
        """Write down that the content goes to our own journal; False if that was written before."""
        with self._disk.writing() as sql:
            found = sql.execute("INSERT OR IGNORE INTO taken_over VALUES (?)", (str(message_id),))
            return bool(found.rowcount)

    def not_taken_over(self, message_id: UUID) -> None:
        """It did not go there after all."""
        with self._disk.writing() as sql:
            sql.execute("DELETE FROM taken_over WHERE message_id = ?", (str(message_id),))

    def taken_over(self, message_ids: Iterable[UUID]) -> bool:
        """Whether anything of these was taken over."""
        kept = {UUID(row["message_id"]) for row in self._disk.read("SELECT message_id FROM taken_over")}
        return not kept.isdisjoint(message_ids)

    # --- what goes out ------------------------------------------------------------------------------

    def answer(self, outgoing: Outgoing, status: ReferralStatus) -> None:
        """Keep the answer to a referral until it is sent."""
        with self._disk.writing() as sql:
            queue(sql, outgoing)
            sql.execute(
                "INSERT OR REPLACE INTO referrals VALUES (?, ?, ?, 'waiting', NULL)",
                (str(outgoing.referral), str(outgoing.message_id), status),
            )

    def queue(self, outgoing: Outgoing) -> None:
        """Keep something else until it is sent."""
        with self._disk.writing() as sql:
            queue(sql, outgoing)

    def answered(self) -> dict[UUID, Answered]:
        """What was answered to each referral here last."""
        rows = self._disk.read("SELECT * FROM referrals")
        return {
            UUID(row["referral"]): Answered(ReferralStatus(row["status"]), row["state"], row["note"])
            for row in rows
        }

    def outgoing(self) -> list[Outgoing]:
        """What waits to be sent, in order."""
        return [
            Outgoing(
                UUID(row["message_id"]),
                row["sealed"],
                bool(row["purge"]),
                UUID(row["referral"]) if row["referral"] else None,
            )
            for row in self._disk.read("SELECT * FROM outgoing ORDER BY place")
        ]

    def sent(self, message_id: UUID, note: str | None = None) -> None:
        """The hub has it; or it said no, for the reason in `note`."""
        with self._disk.writing() as sql:
            sql.execute("DELETE FROM outgoing WHERE message_id = ?", (str(message_id),))
            sql.execute(
                "UPDATE referrals SET state = ?, note = ? WHERE answer = ?",
                ("sent" if note is None else "refused", note, str(message_id)),
            )

    def close(self) -> None:
        """Let go of the file."""
        self._disk.close()
