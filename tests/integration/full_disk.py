"""Fill the disk under a municipality's store, and see that nothing is lost and nothing is half done.

    python -m tests.integration.full_disk DISK FOLDER sqlite|postgresql

Run on a small disk (`tests.support.small_disk`): the store lies on it, the keys do not.
"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

from hub.aggregates.citizen_case.events import ConsentWithdrawn, ReportReceived
from hub.errors import Missing, Unavailable
from tests.support.postgres import PostgresServer
from tests.support.small_disk import fill, make_room
from tests.world import NGO, TOVHOLDER, UNIT, World

ROUNDS_MAX = 1000
"""Within so many reports a disk without a free byte has no half-empty page left either."""


@contextmanager
def store_on(disk: Path, kind: str) -> Iterator[str]:
    """The URL of a new store on that disk."""
    if kind == "sqlite":
        yield f"sqlite:///{disk}/hub.db"
    else:
        (disk / "postgres").mkdir()
        with PostgresServer(disk / "postgres") as server:
            yield server.url


def until_full(world: World) -> list[UUID]:
    """Reports are taken in until one is not; those that were acknowledged."""
    taken: list[UUID] = []
    for _ in range(ROUNDS_MAX):
        try:
            taken.append(world.report())
        except Unavailable:
            return taken
    raise AssertionError("the disk never was full")


def main(disk: Path, folder: Path, kind: str) -> None:
    """Raises `AssertionError` where a promise is broken."""
    with store_on(disk, kind) as url, closing(World.built(folder, url)) as world:
        case = world.open_case()
        consent = world.consent(case)
        message = world.messages_of(NGO)[0]
        fill(disk)
        taken = until_full(world)
        make_room(disk)

        reports = [event.originator_id for event in world.facts(ReportReceived)]
        assert reports == [case, *taken], "what is stored is what was acknowledged, once each"
        after = world.report()
        assert world.facts(ReportReceived)[-1].originator_id == after

        fill(disk)
        command = world.command(TOVHOLDER)
        for _ in range(ROUNDS_MAX):
            try:
                world.parts.hub.withdraw_consent(command, case, consent)
            except Unavailable:
                make_room(disk)
                continue
            break
        assert len(world.facts(ConsentWithdrawn)) == 1, "the same command under the same key happened once"
        try:
            world.open_message(NGO, message)
        except Missing:
            pass
        else:
            raise AssertionError("it opens after the withdrawal")
        numbers = [stored.sequence for stored in world.stored(UNIT)]
        assert numbers == list(range(1, len(numbers) + 1)), "no number is given twice or left out"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
