"""A partner's program as the suite starts it, restarts it and ends it, by its description in a TOML file."""

import json
import os
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

COMMAND_LIMIT_S: Final = 60.0
_END_LIMIT_S: Final = 10.0
_PAUSE_S: Final = 0.2
"""After how long a program that ended is started again, as a service manager would."""

Role = Literal["recipient", "reporter"]
Login = Literal["key", "secret"]


class BadDescription(Exception):
    """Raised when the description can't be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Description:
    """How to call a partner's program. Words may hold `{settings}`, `{folder}` and what it is about."""

    role: Role
    folder: Path
    """Where commands are run: the folder of the description."""
    commands: Mapping[str, tuple[str, ...]]
    group: str
    """Kafka: the consumer group it reads with."""
    kind: str
    """A reporter's `unit.kind`."""
    login: Login
    """How it logs in: by its signing key, or by the secret that it was given."""
    more: Mapping[str, Any]
    """Settings of its own, added to those that the suite writes."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it. Raises `BadDescription`."""
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadDescription(
                f"{path.name} can't be read: {error.strerror}. Name the TOML file of your program; "
                "--help says what stands in it"
            ) from None
        except ValueError as error:
            raise BadDescription(f"{path.name} can't be read as TOML: {error}") from None
        role = found.get("role")
        if role not in _NEEDED:
            raise BadDescription('role must be "recipient" (is told and answers) or "reporter"')
        login = found.get("login", "key")
        if login not in ("key", "secret"):
            raise BadDescription('login must be "key" (private_key_jwt) or "secret"')
        commands = {name: words for name, words in found.items() if name in _COMMANDS}
        for name in (*_NEEDED[role], *commands):
            words = commands.get(name)
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or not words:
                raise BadDescription(f"{name} must be a list of words: the command as it is started")
        for name, words in commands.items():
            if shutil.which(path.parent.resolve() / words[0] if "/" in words[0] else words[0]) is None:
                raise BadDescription(
                    f"{name}: there is no program {words[0]}: write its whole path, or have it on the path "
                    "(in a virtual environment: activate it first)"
                )
        return cls(
            role,
            path.parent.resolve(),
            {name: tuple(words) for name, words in commands.items()},
            str(found.get("group", "{slug}.adapter")),
            str(found.get("kind", "police")),
            login,
            found.get("settings", {}),
        )


_NEEDED: Final = {"recipient": ("run", "open", "answer"), "reporter": ("run", "submit")}
_COMMANDS: Final = frozenset({"run", "open", "answer", "submit", "status"})


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    status: int
    out: str


class Program:
    """A partner's program in a folder of its own."""

    def __init__(self, description: Description, folder: Path) -> None:
        """Start nothing yet."""
        self._description = description
        self.folder = folder
        self.settings = folder / "settings.json"
        self.log = folder / "program.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = 0.0
        self.starts = 0
        self.ended_with: int | None = None
        """The status with which `run` ended last without being told to, since somebody began to wait."""

    def write(self, settings: Mapping[str, Any]) -> None:
        """Write its settings, for its owner's eyes alone."""
        text = json.dumps({**settings, **self._description.more}, indent=1)
        self.settings.touch(mode=0o600)
        self.settings.write_text(text, encoding="utf-8")

    def keep(self) -> None:
        """Have `run` going: start it, and start it again when it has ended."""
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._process, self.ended_with, self._ended = None, status, time.monotonic()
        if time.monotonic() - self._ended >= _PAUSE_S:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._words("run", {}),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._description.folder,
                    start_new_session=True,
                )
            self.starts += 1

    def end(self, *, kill: bool = False) -> None:
        """End `run`, in order or by SIGKILL; what it started itself goes with it."""
        process, self._process = self._process, None
        if process is None:
            return
        if not kill:
            _signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_LIMIT_S)
        _signal(process, signal.SIGKILL)
        process.wait(_END_LIMIT_S)

    @property
    def unit_kind(self) -> str:
        """A reporter's `unit.kind`."""
        return self._description.kind

    def has(self, command: str) -> bool:
        """Whether it is described."""
        return command in self._description.commands

    def do(self, command: str, **about: str) -> Done:
        """Run one command to its end."""
        process = subprocess.Popen(
            self._words(command, about),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._description.folder,
            start_new_session=True,
        )
        try:
            out, _ = process.communicate(timeout=COMMAND_LIMIT_S)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            out, _ = process.communicate()
            return Done(-1, out.decode(errors="replace"))
        return Done(process.returncode, out.decode(errors="replace"))

    def disk(self) -> bytes:
        """Every byte of every file in its data folder."""
        found = []
        for path in sorted((self.folder / "data").rglob("*")):
            with suppress(OSError):
                if path.is_file():
                    found.append(path.read_bytes())
        return b"\n".join(found)

    def tail(self, limit: int = 2_000) -> str:
        """The end of what `run` printed."""
        return self.log.read_bytes()[-limit:].decode(errors="replace") if self.log.exists() else ""

    def _words(self, command: str, about: Mapping[str, str]) -> list[str]:
        places = {"settings": str(self.settings), "folder": str(self.folder), **about}
        words = list(self._description.commands[command])
        for name, value in places.items():
            words = [word.replace("{" + name + "}", value) for word in words]
        return words


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the process that we started and to its children, which are a group of their own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
