"""Telling and checking: each check reads back with that organisation's own login."""

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from hub.adapters.store.application import holds_tables
from hub.bootstrap import broker_of
from hub.demo.stage import USED_FOR, Refusal, Stage
from hub.demo.story import tell
from hub.errors import Invalid
from hub.operating.process import stopped
from hub.settings import Settings

T = TypeVar("T")
PATIENCE_S = 20.0
ON_CALL = "+45 00 00 00 00"
"""Nobody's number: the story is made up."""
_PREFIX = "tvaers-demo-"
_LOCK = "demo.lock"


class Narrator:
    """Prints the story and counts what did not hold."""

    def __init__(self) -> None:
        self.steps = 0
        self.failed = 0

    def says(self, line: str) -> None:
        """Something happens."""
        print(f"\n{line}", flush=True)

    def checks(self, line: str, holds: bool) -> None:
        """Something that must be so, read back just now."""
        self.steps += 1
        self.failed += not holds
        print(f"   {'✓' if holds else '✗ NOT SO:'} {line}", flush=True)

    def refused(self, line: str, status: int, call: Callable[[], object]) -> None:
        """Something that must be refused, tried just now."""
        try:
            call()
        except Refusal as refusal:
            self.checks(f"{line} ({refusal})", refusal.status == status)
        else:
            self.checks(line, holds=False)


def until(wanted: Callable[[], T | None]) -> T:
    """Wait for what another program does in its own time. Raises `TimeoutError`."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        if found := wanted():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError("waited too long for another program")
        time.sleep(0.02)


def play(*, once: bool, port: int = 0) -> int:
    """Play the story in a new folder; the exit status. Serves on until Ctrl-C unless `once`."""
    asked = Settings(on_call=ON_CALL)
    if asked.production:
        raise Invalid("HUB_PRODUCTION is set, and the demonstration is no production: unset it")
    _refuse_used(asked)
    narrator = Narrator()
    started = time.monotonic()
    _clear_dead()
    case = ""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder, _held(Path(folder)):
        settings = Settings(data_dir=Path(folder), on_call=ON_CALL)
        print(_banner(settings))
        with Stage(settings, port) as stage:
            try:
                case = tell(stage, narrator, until)
            except (Refusal, TimeoutError) as error:
                narrator.checks(f"the story goes on ({error})", holds=False)
            print(f"\nThe story took {time.monotonic() - started:.1f} s.")
            if not once:
                _serve_on(stage, case)
    print(f"demo: {narrator.steps} steps, {narrator.failed} failed")
    return 1 if narrator.failed else 0


def _refuse_used(settings: Settings) -> None:
    """The keys of what another run left on servers went with its folder. Raises `Invalid`."""
    if settings.database_url and holds_tables(settings.database_url):
        raise Invalid(
            "the demonstration needs an empty database, and the one that HUB_DATABASE_URL names is not: "
            "make a new one and name that",
            field="database_url",
        )
    if settings.kafka_bootstrap:
        with closing(broker_of(settings)) as broker:
            if any(topic.startswith(f"{settings.municipality}.") for topic in broker.topics()):
                raise Invalid(
                    "the demonstration needs a municipality that is new to the broker, and there are topics "
                    "of this one: set HUB_MUNICIPALITY to another",
                    field="municipality",
                )


def what_stays(settings: Settings) -> list[str]:
    """What is not in the folder that is deleted."""
    return [
        *([f"the tables in {settings.database}"] if settings.database_url else []),
        *([f"the topics {settings.municipality}.* on the broker"] if settings.kafka_bootstrap else []),
        *(["the partners' logins and rights there"] if settings.kafka_ca else []),
    ]


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Say that the folder is in use: locked before it has the name that others look for."""
    with (folder / "new.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "new.lock").rename(folder / _LOCK)
        yield


def _clear_dead() -> None:
    """Delete what a demonstration that was killed left: ours by owner and by a lock that nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)


def _banner(settings: Settings) -> str:
    broker = settings.kafka_bootstrap or "embedded bus, not Kafka: one process, no ACLs"
    store = settings.database if settings.database_url else "SQLite"
    return f"Tværs, a demonstration with fictitious people. Broker: {broker}. Store: {store}."


def _serve_on(stage: Stage, case: str) -> None:
    stop = stopped()
    stays = what_stays(stage.settings)
    deleted = f"all but {', '.join(stays)}" if stays else "everything"
    print(f"\nStill serving; Ctrl-C ends it and deletes {deleted}.")
    for line in stage.addresses(case, USED_FOR):
        print(f"   {line}")
    sys.stdout.flush()
    stop.wait()
