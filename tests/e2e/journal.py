"""An independent journal of what the hub acknowledged, and the auditor that holds what is found against it.

Neither knows how the hub keeps anything: the journal is a file of its own, synced before anybody goes on, and
the auditor compares ids.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

    def noted(self) -> list[tuple[str, str]]:
        """Every (kind, id), in order."""
        pairs = (line.split(" ", 1) for line in self._path.read_text().splitlines())
        return [(kind, what) for kind, what in pairs]

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
    withdrawals: list[str]
    """The consents that the log says were withdrawn."""
    ends: list[str]
    """The consents that the log says ended in time."""
    looks: list[str]
    """The messages that the log says a person at the NGO opened."""
    sequences: dict[str, list[int]]
    """The numbers of each recipient's messages in the store."""
    told: list[str]
    """The messages by which the NGO was told something."""
    under: dict[str, str]
    """On which consent each of them was told."""
    given: list[str]
    """Those of which the hub gives the NGO a key now, where their consent is no more."""
    on_disk: list[str]
    """The messages that the NGO's own program holds."""
    revocations: list[str]
    """The messages by which the NGO was asked to drop something."""
    purges: list[str]
    """The revocations that the log says it did."""
    shown: list[int]
    """The numbers of the rows in the unit's timeline."""
    receipts: list[str]
    """The reports of which its reporter's own program holds a receipt."""


def of(kind: str, noted: Iterable[tuple[str, str]]) -> list[str]:
    """Everything of a kind, in order."""
    return [what for found, what in noted if found == kind]


def closed(noted: Sequence[tuple[str, str]], under: Mapping[str, str]) -> list[str]:
    """The messages that were told on a consent that is no more."""
    gone = {*of("withdrawn", noted), *of("ended", noted)}
    return [message for message, consent in under.items() if consent in gone]


def faults(noted: Sequence[tuple[str, str]], found: Found) -> list[str]:
    """What was lost or done twice, in words; nothing where every promise held."""
    gone = closed(noted, found.under)
    told = [
        *_lost("a command that was acknowledged", of("acknowledged", noted), found.commands),
        *_twice("a command", found.commands),
        *_lost("a report that was handed in", of("handed-in", noted), found.reports),
        *_twice("a report", found.reports),
        *_lost("a receipt", of("handed-in", noted), found.receipts),
        *_lost("a withdrawal that was acknowledged", of("withdrawn", noted), found.withdrawals),
        *_twice("a withdrawal", found.withdrawals),
        *_lost("an end in time", of("ended", noted), found.ends),
        *_twice("an end in time", found.ends),
        *_lost("a look", of("opened", noted), found.looks),
        *_lost("a message to the NGO", set(found.told) - set(gone), found.on_disk),
        *_twice("a message on the NGO's disk", found.on_disk),
        *_still("on the NGO's disk", gone, found.on_disk),
        *_still("opened by the hub", gone, [*found.given, *_opened_late(noted, found.under)]),
        *_lost("a purge", found.revocations, found.purges),
        *_twice("a purge", found.purges),
        *_twice("a row of the timeline", found.shown),
        *_lost("a row of the timeline", found.sequences["unit"], found.shown),
    ]
    for recipient, numbers in found.sequences.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            told.append(f"the numbers of {recipient} have a gap or stand twice")
    return told


def _opened_late(noted: Iterable[tuple[str, str]], under: Mapping[str, str]) -> Iterator[str]:
    """What was opened after the withdrawal of its consent had been acknowledged."""
    withdrawn = set()
    for kind, what in noted:
        if kind == "withdrawn":
            withdrawn.add(what)
        elif kind == "opened" and under.get(what) in withdrawn:
            yield what


def _still(where: str, gone: Iterable[str], there: Iterable[str]) -> list[str]:
    kept = set(gone) & set(there)
    return [f"what rested on a consent that is no more is still {where}, {len(kept)} times"] if kept else []


def _lost(what: str, wanted: Iterable[Any], there: Iterable[Any]) -> list[str]:
    missing = set(wanted) - set(there)
    return [f"{what} is lost, {len(missing)} times"] if missing else []


def _twice(what: str, there: Iterable[Any]) -> list[str]:
    more = [one for one, times in Counter(there).items() if times > 1]
    return [f"{what} stands there twice, {len(more)} times"] if more else []
