"""A disk of a few megabytes that a program may fill: a file system in memory, in a namespace of its own.

Nobody but that program and what it starts sees it. As an ordinary user it needs user namespaces.
"""

import subprocess
import sys
from pathlib import Path

from tests.support.provision import ROOT, MissingServer, is_root

_BLOCK_BYTES = 64 * 1024
_NO_DISK = 97
_SCRIPT = f'mount -t tmpfs -o "size=$1m,mode=755" tmpfs "$0" || exit {_NO_DISK}; shift; exec "$@"'


def run_on_small_disk(folder: Path, megabytes: int, module: str, *arguments: str) -> None:
    """Run a module of ours with such a disk at `folder`; its traceback where it fails."""
    private = ["--mount"] if is_root() else ["--user", "--map-current-user", "--keep-caps", "--mount"]
    disk = ["unshare", *private, "sh", "-c", _SCRIPT, str(folder), str(megabytes)]
    done = subprocess.run(
        [*disk, sys.executable, "-m", module, str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == _NO_DISK or done.stderr.startswith("unshare:"):
        raise MissingServer("a small disk can't be mounted: run as root, or allow user namespaces")
    assert done.returncode == 0, done.stdout + done.stderr


def fill(folder: Path) -> None:
    """Leave no byte free on the disk of that folder."""
    with _filler(folder).open("ab", buffering=0) as file:
        for size in (_BLOCK_BYTES, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def make_room(folder: Path) -> None:
    """Give back what `fill` took."""
    _filler(folder).unlink()


def _filler(folder: Path) -> Path:
    return folder / "filler"
