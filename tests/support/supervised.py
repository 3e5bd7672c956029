"""A program of ours as a supervisor keeps it: started again whenever it ends, however it ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.support.provision import ROOT

_PAUSE_S = 0.3
_PATIENCE_S = 20.0


class Supervised:
    """`python -m …`, started again `_PAUSE_S` after it ended (systemd: `Restart=always`)."""

    def __init__(self, name: str, arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start it; what it prints is appended to `log`."""
        self.name = name
        self.starts = 0
        self._argv = [sys.executable, "-m", *arguments]
        self._log = log
        self._environment = {**os.environ, **environment}
        self._stopping = threading.Event()
        self._process = self._started()
        self._thread = threading.Thread(target=self._keep, name=f"supervise {name}")
        self._thread.start()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._process.kill()

    def abandon(self) -> None:
        """SIGKILL, and no other start: its machine is gone."""
        self._stopping.set()
        self._thread.join()
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM, and no other start; the exit status."""
        self._stopping.set()
        self._thread.join()
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def log(self) -> str:
        """Everything that it has printed in all its lives."""
        return self._log.read_text(errors="replace")

    def _started(self) -> "subprocess.Popen[bytes]":
        self.starts += 1
        with self._log.open("ab") as output:
            return subprocess.Popen(
                self._argv,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _keep(self) -> None:
        while not self._stopping.wait(_PAUSE_S):
            if self._process.poll() is not None:
                self._process = self._started()
