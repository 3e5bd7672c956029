"""`hub serve` in several processes, as they run: they answer, come back, and end together."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub.bootstrap import initialise
from hub.settings import Settings
from tests.support.provision import ROOT, free_ports

WORKERS = 2
PATIENCE_S = 60.0


class Served:
    """The first process, its workers, and the address."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, port: int, metrics: int) -> None:
        self.process, self._log, self._port = process, log, port
        self.monitors = [metrics, metrics + 4]

    def workers(self) -> set[int]:
        """Those of its children that serve: Python starts one more of its own to clean up behind them."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid) for pid in children if b"spawn_main" in _command_line(pid)}

    def ended(self) -> list[dict[str, Any]]:
        """What its log says beside requests, once it has ended."""
        self.process.wait(PATIENCE_S)
        lines = map(json.loads, self._log.read_text().splitlines())
        return [line for line in lines if line["event"] != "a request"]

    def answers(self) -> bool:
        return _is_ok(f"http://127.0.0.1:{self._port}/readyz")

    def all_answer(self) -> bool:
        """Each on a monitor's port of its own, which it has once it is put together."""
        return all(_is_ok(f"http://127.0.0.1:{port}/metrics") for port in self.monitors) and self.answers()


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _is_ok(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "waited too long for another program"
        time.sleep(0.05)


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[Served]:
    """Serve a new hub in two workers."""
    initialise(Settings(data_dir=tmp_path / "hub", on_call="112", database_url=database_url))
    port, metrics = free_ports(1)[0], _five_in_a_row()
    given = {
        "HUB_DATA_DIR": str(tmp_path / "hub"),
        "HUB_ON_CALL": "112",
        "HUB_DATABASE_URL": database_url,
        "HUB_ISSUER": "http://127.0.0.1:1",
        "HUB_SERVE_WORKERS": str(WORKERS),
        "HUB_METRICS_PORT": str(metrics),
    }
    log = tmp_path / "log"
    with _running(["serve", "--port", str(port)], given, log) as process:
        found = Served(process, log, port, metrics)
        until(found.all_answer)
        yield found


@contextmanager
def _running(arguments: list[str], given: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub", *arguments],
            cwd=ROOT,
            env={**others, **given},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _five_in_a_row() -> int:
    """Where the first of five ports is free, and the last."""
    while True:
        (first,) = free_ports(1)
        if not _is_ok(f"http://127.0.0.1:{first + 4}/"):
            return first


def test_a_worker_that_is_killed_comes_back_and_meanwhile_the_other_answers(served: Served) -> None:
    """Both of them, for either may be the one that answers."""
    for worker in sorted(served.workers()):
        before = served.workers()
        assert len(before) == WORKERS
        os.kill(worker, signal.SIGKILL)
        until(lambda gone=worker: gone not in served.workers())  # type: ignore[misc]  # bound now, not when it is called
        assert served.answers()
        until(lambda: len(served.workers()) == WORKERS and served.all_answer())
    served.process.send_signal(signal.SIGTERM)
    assert [(line["event"], line["status"]) for line in served.ended()] == [
        ("a worker ended and is started again", -signal.SIGKILL)
    ] * WORKERS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_all_of_them_end(served: Served, number: signal.Signals) -> None:
    workers = served.workers()
    served.process.send_signal(number)
    assert served.ended() == []
    assert served.process.returncode == 0
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert not served.answers()


def test_no_worker_outlives_the_first_process(served: Served) -> None:
    """Else it would keep the address from the one that is started next."""
    workers = served.workers()
    served.process.kill()
    try:
        until(lambda: not any(_command_line(str(worker)) for worker in workers))
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    assert not served.answers()
