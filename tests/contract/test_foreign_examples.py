"""The examples, made from `contracts/` alone, against the conformance suite: Python, JavaScript and Go.

They run from a copy of the folder with nothing beside it; Python's in an environment that holds nothing else.
"""

import base64
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

import pytest

from contracts.conformance import recipient, reporter
from contracts.conformance.__main__ import run
from contracts.conformance.adapter import Description, Program
from contracts.conformance.stage import Finding
from contracts.terms import ReferralStatus
from hub.aggregates.receipts import Delivered, Opened, Purged
from tests.contract.test_contracts_alone import FOLDER, alone, install, wheel
from tests.integration.partners.test_with_hub import ANNE, Town, consented, town
from tests.integration.partners.traces import left_of
from tests.support import toolchains
from tests.support.provision import MissingServer
from tests.world import NGO

__all__ = ["alone", "town", "wheel"]
PATIENCE_S = 30.0


class Message(Protocol):
    """What the hub sent, as its store holds it."""

    @property
    def message_id(self) -> UUID:
        """Its id."""

    @property
    def sealed(self) -> bytes:
        """Its bytes."""


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


ON_THE_WIRE = ["message", "repeats", "gaps", "poison", "revocation", "rotation"]
"""What another language could get wrong; how a program starts again is shown in Python."""


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


@pytest.mark.parametrize("scenario", ON_THE_WIRE)
def test_javascript(
    folder: Path, node: Path, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing but what Node.js brings: HPKE by hand from the page."""
    monkeypatch.setenv("PATH", f"{node.parent}:{os.environ['PATH']}")
    short, printed = played(folder / "examples_in/javascript/recipient.toml", scenario, tmp_path)
    assert short == [], printed


@pytest.mark.parametrize("scenario", ON_THE_WIRE)
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


@pytest.mark.parametrize("scenario", ["message", "poison", "revocation", "rotation"])
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
    """On the client, over HTTP, logging in by a secret."""
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    short, printed = played(folder / "examples_in/python/reporter.toml", scenario, tmp_path)
    assert short == [], printed


@pytest.mark.parametrize("scenario", ["report", "poison", "hub-down"])
def test_a_reporter_in_python_over_kafka(
    folder: Path, python: Path, kafka: str, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same program, by topic."""
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    short, printed = played(folder / "examples_in/python/reporter.toml", scenario, tmp_path, kafka)
    assert short == [], printed


@pytest.mark.parametrize("language", ["python", "javascript", "go"])
def test_against_the_hub_itself(
    folder: Path,
    town: Town,
    language: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the suite's hub says, the real one says too: told, opened by name, accepted, withdrawn, purged."""
    found: Path = request.getfixturevalue({"python": "python", "javascript": "node", "go": "built"}[language])
    monkeypatch.setenv("PATH", f"{found.parent}:{os.environ['PATH']}")
    world, home = town.world, town.folder / NGO
    program = Program(Description.load(folder / f"examples_in/{language}/recipient.toml"), home)
    settings = town.settings(NGO)
    (home / "data").mkdir()
    program.write(
        settings.model_dump(mode="json", exclude_none=True)
        | {
            "token_url": f"{town.url}/token",
            "hub_sealing_key": base64.b64encode(settings.hub_sealing_key).decode(),
            "hub_signing_key": base64.b64encode(settings.hub_signing_key).decode(),
            "poll_s": 0.2,
        }
    )
    case = world.open_case()
    consent = consented(world, case)
    referral = world.refer(case)
    told = world.messages_of(NGO)
    try:
        until(program, lambda: {m for one in world.facts(Delivered) for m in one.messages} >= ids(told))
        # A position is stored after the keys were given, so the last may not be on its disk yet.
        until(program, lambda: all(program.do("open", message=m, **ANNE).status == 0 for m in names(told)))
        shown = "".join(program.do("open", message=m, **ANNE).out for m in names(told))
        assert "Maja Eksempelsen" in shown
        assert {one.by.person for one in world.facts(Opened)} == {"li-7"}
        assert program.do("answer", referral=str(referral), person="li-7", name="Anne Prøve").status == 0
        until(program, lambda: world.case(case).referrals[referral].status == ReferralStatus.ACCEPTED)
        world.withdraw(case, consent)
        until(program, lambda: world.facts(Purged))
    finally:
        program.end()
    assert program.do("open", message=names(told)[0], **ANNE).status != 0
    assert [left_of(one.sealed, program.disk()) for one in told] == [0] * len(told)


def ids(told: Sequence[Message]) -> set[UUID]:
    """The ids of messages."""
    return {one.message_id for one in told}


def names(told: Sequence[Message]) -> list[str]:
    """The ids of messages, in order, as text."""
    return [str(one.message_id) for one in told]


def until(program: Program, happened: Callable[[], object]) -> None:
    """Keep a program going until it happened."""
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, program.tail()
        program.keep()
        time.sleep(0.05)


def test_the_installed_command_judges_the_example_beside_it(
    folder: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a partner's developer runs it, with nothing of ours but the wheel."""
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    command = [str(python.parent / "tvaers-conformance"), "reporter.toml", "--scenario", "report"]
    place = folder / "examples_in" / "python"
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "0 findings in 1 scenarios"), done.stdout
