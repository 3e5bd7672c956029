"""The reserve: below it a command is refused, so that a withdrawal still finds room to be written.

A disk that is wholly full takes nothing at all. Before that the hub stops taking in what may wait, and goes
on with what may not: ending grants, dropping what was revoked, and what the unit tells in danger to life
(domain rules 1 and 6). A report waits with its reporter's program, whatever it says, beside the duty number.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from hub.errors import NoRoom


class Room:
    """Looks at the disks that the hub's own data lies on: one question to each, about a microsecond."""

    def __init__(self, folders: Sequence[Path], reserve_bytes: int) -> None:
        self._folders = folders
        self._reserve_bytes = reserve_bytes

    def refuse_below_reserve(self) -> None:
        """Raises `NoRoom` where a disk has less than the reserve free."""
        if any(shutil.disk_usage(folder).free < self._reserve_bytes for folder in self._folders):
            raise NoRoom(
                "the hub's disk is nearly full: no report is taken, only withdrawals, their answers and what"
                " the unit tells in danger to life; try again when the operator has made room"
            )
