"""An independent journal of what the hub acknowledged, and the auditor that holds what is found against it.

Neither knows how the hub keeps anything: the journal is a file of its own, synced before anybody goes on, and
the auditor compares ids.
"""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any


class Journal:
    """Lines `kind id`, each on disk before `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = Lock()
        self._path = path

    def write(self, kind: str, what: str) -> None:
        """Note one thing."""
        with self._lock:
            self._file.write(f"{kind} {what}\n".encode())
            os.fsync(self._file.fileno())

    def noted(self, kind: str) -> list[str]:
        """Everything of a kind, in order."""
        pairs = (line.split(" ", 1) for line in self._path.read_text().splitlines())
        return [what for found, what in pairs if found == kind]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


@dataclass(frozen=True)
class Found:
    """What stands in the end, wherever it stands."""

    commands: list[str]
    """The mark of every command in the log."""
    reports: list[str]
    """The id of every report in the log."""
    sequences: dict[str, list[int]]
    """The numbers of each recipient's messages in the store."""
    told: list[str]
    """The messages that the NGO was told."""
    on_disk: list[str]
    """The messages that the NGO's own program holds."""
    shown: list[int]
    """The numbers of the rows in the unit's timeline."""
    receipts: list[str]
    """The reports of which the police's own program holds a receipt."""


def faults(acknowledged: list[str], handed_in: list[str], found: Found) -> list[str]:
    """What was lost or done twice, in words; nothing where every promise held."""
    told = [
        *_lost("a command that was acknowledged", acknowledged, found.commands),
        *_twice("a command", found.commands),
        *_lost("a report that was handed in", handed_in, found.reports),
        *_twice("a report", found.reports),
        *_lost("a receipt", handed_in, found.receipts),
        *_lost("a message to the NGO", found.told, found.on_disk),
        *_twice("a message on the NGO's disk", found.on_disk),
        *_twice("a row of the timeline", found.shown),
        *_lost("a row of the timeline", found.sequences["unit"], found.shown),
    ]
    for recipient, numbers in found.sequences.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            told.append(f"the numbers of {recipient} have a gap or stand twice")
    return told


def _lost(what: str, wanted: Iterable[Any], there: Iterable[Any]) -> list[str]:
    missing = set(wanted) - set(there)
    return [f"{what} is lost, {len(missing)} times"] if missing else []


def _twice(what: str, there: Iterable[Any]) -> list[str]:
    more = [one for one, times in Counter(there).items() if times > 1]
    return [f"{what} stands there twice, {len(more)} times"] if more else []
