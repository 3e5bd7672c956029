"""Node.js and Go for tests of what we publish for other languages; had as `provision` has test servers."""

import os
import shutil
import subprocess
from functools import cache, partial
from pathlib import Path

from tests.support.provision import MissingServer, announce, apt_install, fetch_once

NODE_MAJOR_MIN = 18
GO_MINOR_MIN = 26
"""Go 1.26 brought HPKE into the standard library."""
ASYNCAPI_PARSER = ("@asyncapi/parser", "3.6.3")
"""Package and version that judge `asyncapi.yaml`."""
_NPM_LIMIT_S = 300


@cache
def node() -> str:
    """The path of a Node.js that is new enough."""
    for may_install in (True, False):
        found = shutil.which("node")
        if found and int(_said(found, "--version").lstrip("v").split(".", maxsplit=1)[0]) >= NODE_MAJOR_MIN:
            return found
        if may_install:
            apt_install("nodejs", "npm")
    raise MissingServer(f"Node.js {NODE_MAJOR_MIN} or later is missing: install nodejs and npm")


@cache
def npm(package: str, version: str) -> Path:
    """A folder in which `package` and what it needs are installed; no script of theirs is run."""
    node()
    program = shutil.which("npm")
    if program is None:
        apt_install("npm")
        program = shutil.which("npm")
    if program is None:
        raise MissingServer("npm is missing: install npm")
    return fetch_once(f"npm-{package.replace('/', '-')}-{version}", partial(_fill, program, package, version))


def _fill(program: str, package: str, version: str, folder: Path) -> None:
    announce(f"fetching the npm package {package} {version}")
    command = [program, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--silent"]
    command += ["--prefix", str(folder), f"{package}@{version}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_NPM_LIMIT_S, check=False)
    if done.returncode:
        raise MissingServer(f"the npm package {package} can't be had: {(done.stderr or done.stdout)[-300:]}")


@cache
def go() -> str:
    """The path of a Go that is new enough."""
    for may_install in (True, False):
        for found in (shutil.which("go"), "/usr/local/go/bin/go"):
            if found and Path(found).exists() and _go_minor(found) >= GO_MINOR_MIN:
                return found
        if may_install:
            apt_install("golang-go")
    raise MissingServer(f"Go 1.{GO_MINOR_MIN} or later is missing: install it from your distribution")


def _go_minor(program: str) -> int:
    words = _said(program, "env", "GOVERSION").removeprefix("go").split(".")
    return int("".join(filter(str.isdigit, words[1][:2]))) if len(words) > 1 else 0


def _said(*command: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    return done.stdout.strip()
