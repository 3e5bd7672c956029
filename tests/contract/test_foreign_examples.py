"""The examples, made from `contracts/` alone, against the conformance suite: Python, JavaScript and Go.

They run from a copy of the folder with nothing beside it; Python's in an environment that holds nothing else.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.conformance import recipient, reporter
from contracts.conformance.__main__ import run
from contracts.conformance.adapter import Description
from contracts.conformance.stage import Finding
from tests.contract.test_contracts_alone import FOLDER, alone, install, wheel
from tests.support import toolchains
from tests.support.provision import MissingServer

__all__ = ["alone", "wheel"]
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the published folder, without a line of Python but the examples in it."""
    place = tmp_path_factory.mktemp("published") / "contracts"
    shutil.copytree(FOLDER, place, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for path in place.rglob("*.py"):
        if "examples_in" not in path.parts:
            path.unlink()
    return place


@pytest.fixture(scope="module")
def python(alone: Path, wheel: Path) -> Path:
    """Give a Python with the contracts and their client, and nothing of the hub."""
    install(alone, f"{wheel}[client]")
    return alone


@pytest.fixture(scope="module")
def node() -> Path:
    """Give Node.js."""
    return had(toolchains.node)


@pytest.fixture(scope="module")
def built(folder: Path) -> Path:
    """Give the Go example, built by the standard toolchain without a network."""
    place = folder / "examples_in" / "go"
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "-mod=mod"}
    for words in (["vet", "./..."], ["build", "-o", "recipient", "."]):
        command = [str(had(toolchains.go)), *words]
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, timeout=280, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return place / "recipient"


def had(find: Callable[[], str]) -> Path:
    """What was found; without it the run stops with the one line that says what to install."""
    try:
        return Path(find())
    except MissingServer as missing:
        pytest.exit(str(missing), returncode=1)


def played(
    description: Path, scenario: str, tmp_path: Path, kafka: str | None = None
) -> tuple[list[Finding], str]:
    """Play one scenario."""
    plays = recipient.SCENARIOS if description.stem == "recipient" else reporter.SCENARIOS
    found = Description.load(description)
    return run(found, scenario, plays[scenario], tmp_path / "stage", PATIENCE_S, kafka)


@pytest.mark.parametrize("scenario", recipient.SCENARIOS)
def test_javascript(
    folder: Path, node: Path, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing but what Node.js brings: HPKE by hand from the page."""
    monkeypatch.setenv("PATH", f"{node.parent}:{os.environ['PATH']}")
    short, printed = played(folder / "examples_in/javascript/recipient.toml", scenario, tmp_path)
    assert short == [], printed


@pytest.mark.parametrize("scenario", recipient.SCENARIOS)
def test_go(folder: Path, built: Path, scenario: str, tmp_path: Path) -> None:
    """With the standard library."""
    assert built.exists()
    short, printed = played(folder / "examples_in/go/recipient.toml", scenario, tmp_path)
    assert short == [], printed


@pytest.mark.parametrize("scenario", recipient.SCENARIOS)
def test_python(
    folder: Path, python: Path, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the client, over HTTP."""
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    short, printed = played(folder / "examples_in/python/recipient.toml", scenario, tmp_path)
    assert short == [], printed


@pytest.mark.parametrize("scenario", recipient.SCENARIOS)
def test_python_over_kafka(
    folder: Path, python: Path, kafka: str, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same program, by topic."""
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    short, printed = played(folder / "examples_in/python/recipient.toml", scenario, tmp_path, kafka)
    assert short == [], printed


@pytest.mark.parametrize("scenario", reporter.SCENARIOS)
def test_a_reporter_in_python(
    folder: Path, python: Path, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the client, over HTTP."""
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    short, printed = played(folder / "examples_in/python/reporter.toml", scenario, tmp_path)
    assert short == [], printed


def test_the_installed_command_judges_the_example_beside_it(
    folder: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a partner's developer runs it, with nothing of ours but the wheel."""
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    command = [str(python.parent / "tvaers-conformance"), "reporter.toml", "--scenario", "report"]
    place = folder / "examples_in" / "python"
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "0 findings in 1 scenarios"), done.stdout
