"""What is installed is pinned, and what the framework would tell of requests is off."""

import re
import tomllib
from pathlib import Path

import pytest

from hub.adapters.http.app import create_app

ROOT = Path(__file__).parents[2]
LISTS = sorted(ROOT.glob("requirements*.txt"))


def test_there_are_three_lists() -> None:
    """For the product, for its tests, and for the servers that these start."""
    assert {path.stem for path in LISTS} == {"requirements", "requirements-servers", "requirements-test"}


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_package_is_pinned_by_version_and_hash_and_no_registry_is_named(path: Path) -> None:
    """Where packages come from is the installing machine's business."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    wanted = text.replace("\\\n", " ").splitlines()
    assert wanted
    pinned = re.compile(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ;]+( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in wanted if not pinned.fullmatch(line.strip())] == []


def test_fastapi_is_pinned_exactly() -> None:
    """It moves fast."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (fastapi,) = [one for one in project["dependencies"] if one.startswith("fastapi")]
    assert re.fullmatch(r"fastapi==[0-9.]+", fastapi)


def test_the_frameworks_telemetry_is_off() -> None:
    """Its spans and log records would carry the addresses of cases."""
    switches = {name: on for name, on in vars(create_app(None))["_telemetry"].items() if isinstance(on, bool)}
    assert {"tracing", "metrics", "logs"} <= switches.keys()
    assert not any(switches.values()), switches
