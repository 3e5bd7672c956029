"""Telling and checking: each check reads back with that organisation's own login."""

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hub.demo.stage import Refusal, Stage
from hub.demo.story import tell
from hub.errors import Invalid
from hub.settings import Settings

T = TypeVar("T")
PATIENCE_S = 20.0


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
    if Settings().production:
        raise Invalid("HUB_PRODUCTION is set, and the demonstration is no production: unset it")
    narrator = Narrator()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tvaers-demo-") as folder:
        settings = Settings(data_dir=Path(folder))
        print(_banner(settings))
        with Stage(settings, port) as stage:
            try:
                tell(stage, narrator, until)
            except (Refusal, TimeoutError) as error:
                narrator.checks(f"the story goes on ({error})", holds=False)
            print(f"\nThe story took {time.monotonic() - started:.1f} s.")
            if not once:
                _serve_on(stage)
    print(f"demo: {narrator.steps} steps, {narrator.failed} failed")
    return 1 if narrator.failed else 0


def _banner(settings: Settings) -> str:
    broker = settings.kafka_bootstrap or "embedded bus, not Kafka: one process, no ACLs"
    store = settings.database if settings.database_url else "SQLite"
    return f"Tværs, a demonstration with fictitious people. Broker: {broker}. Store: {store}."


def _serve_on(stage: Stage) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print("\nStill serving; Ctrl-C ends it and deletes everything.")
    for line in stage.addresses():
        print(f"   {line}")
    sys.stdout.flush()
    stop.wait()
