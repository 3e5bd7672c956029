"""The documents are true: what they name is there, and what is there is named."""

import re
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import jwt
import pytest
import typer.main
from pydantic_core import PydanticUndefined

from hub.__main__ import app
from hub.adapters.http.access import Role
from hub.adapters.http.tokens import ALGORITHMS, EmbeddedIssuer
from hub.adapters.partners.settings import PartnerSettings
from hub.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
RUNBOOK = (ROOT / "deploy" / "runbook.md").read_text()
PROMISES = (ROOT / "docs" / "promises.md").read_text()


def test_every_path_in_the_readme_is_there() -> None:
    """A newcomer who follows the tree or the event finds each file."""
    named = set(re.findall(r"`((?:hub|contracts|deploy|docs|tests)/[\w./]+)`", README))
    named = {n for n in named if not n.startswith(("unit", "integration"))}
    assert named
    assert [n for n in sorted(named) if not (ROOT / n).exists()] == []


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    """The table of settings is the settings."""
    settings = {f"HUB_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"`(HUB_(?!TEST_)[A-Z_]+)`", README)) == settings
    assert set(re.findall(r"`(HUB_[A-Z_]+)`", (ROOT / "CHANGELOG.md").read_text())) <= settings


def test_the_runbook_names_every_claim_and_role_of_a_login() -> None:
    """Whoever sets up an issuer has nothing else to go by; a token of the runbook's own words lets in."""
    table = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", RUNBOOK, re.M))
    assert {role.value for role in Role} <= table.keys()
    issuer = EmbeddedIssuer("urn:test:issuer", "tvaers-hub", lambda: datetime.now(UTC), production=False)
    issuer.add("inge", "password", "Inge", "odder", [Role.CASEWORKER])
    claims = jwt.decode(issuer.token("inge", "password"), options={"verify_signature": False})
    assert claims.keys() - {"iss", "aud"} <= set(re.findall(r"`(\w+)`", RUNBOOK))
    assert {"sub", "name", "org", "roles"} <= table.keys() & claims.keys()
    assert all(f" {algorithm}" in RUNBOOK for algorithm in ALGORITHMS)


def test_every_default_in_the_readme_is_the_settings_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as an environment would say it; where none is shown, nothing is set."""
    monkeypatch.setenv("HUB_ON_CALL", "112")
    shown = re.findall(r"^\| `HUB_([A-Z_]+)` \|[^|]*\| (?:`([^`]*)` )?\|$", README, re.M)
    assert len(shown) > len(Settings.model_fields) // 2
    for name, value in shown:
        default = Settings.model_fields[name.lower()].get_default()
        if not value:
            assert default in ("", None, PydanticUndefined), name
            continue
        monkeypatch.setenv(f"HUB_{name}", value)
        assert getattr(Settings(), name.lower()) == default, name


def test_what_to_keep_a_copy_of_is_the_same_wherever_it_is_said() -> None:
    """By `hub init`, the README and the runbook: who keeps less has lost all."""
    for place in ("README.md", "deploy/runbook.md", "hub/__main__.py"):
        assert "keys (all of it), hub.json and fence" in (ROOT / place).read_text(), place


def test_every_command_in_the_readme_is_one() -> None:
    """`hub …` and `make …` as the README writes them."""
    commands = set(typer.main.get_group(app).commands)
    assert set(re.findall(r"^hub (\w+)", README, re.M)) | {"rebuild", "resend", "demo"} <= commands
    adapters = set(re.findall(r"^python -m (hub\.adapters\.partners\.\w+) --config", README, re.M))
    assert {name.rsplit(".", 1)[-1] for name in adapters} == {"police", "emergency_department", "ngo"}
    assert [name for name in adapters if find_spec(name) is None] == []
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"make (demo|test|check|bench)", README)) <= targets


def test_the_example_of_a_configuration_is_one_and_whole(tmp_path: Path) -> None:
    """Copied and made its owner's alone, as the README says, it loads; only a password has no place in it."""
    copy = tmp_path / "lysning.json"
    copy.write_text((ROOT / "deploy" / "adapter.example.json").read_text())
    copy.chmod(0o600)
    settings = PartnerSettings.load(copy)
    assert settings.model_fields_set == set(PartnerSettings.model_fields) - {"password"}


def rows() -> list[tuple[str, list[str]]]:
    """Each promise with the tests that show it."""
    found = []
    for line in PROMISES.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 2 and cells[0] not in {"promise", "---"}:
            found.append((cells[0], re.findall(r"`(tests/[^`]+)`", cells[1])))
    return found


@pytest.mark.parametrize(("promise", "shown_by"), rows(), ids=lambda value: str(value)[:60])
def test_every_promise_names_tests_that_exist(promise: str, shown_by: list[str]) -> None:
    """A row without a test is not done, and is marked as open instead."""
    assert shown_by, promise
    for test in shown_by:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text()
        assert not name or re.search(rf"def {re.escape(name)}\b", text), test
