"""`contracts` installed by itself, in an environment that holds nothing of the hub."""

import ast
import json
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.schemas import make

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "contracts"
WITH_CLIENT = ("client", "conformance", "vectors", "examples_in")
"""What needs the extra `client`; all else stands on the standard library and pydantic."""
LIMIT_S = 240

READ = """
import json, sys
from importlib.resources import files
from contracts.social_report_v1 import SocialReport
from contracts.envelope import from_json
from contracts.message_v1 import CONTROL, Head
from contracts.inbound_v1 import Inbound
here = files("contracts")
text = (here / "examples/social_report_v1/01-politi-natlig-vold-i-hjemmet.json").read_text(encoding="utf-8")
assert SocialReport.model_validate_json(text).exposed.name == "Maja Eksempelsen"
message = json.loads((here / "vectors/message.json").read_text(encoding="utf-8"))
assert from_json(message["json"]).number == (1, 7)
assert json.loads((here / "schemas/head_v1.json").read_text(encoding="utf-8"))["title"] == "Head"
for name in ("BYTES.md", "README.md", "asyncapi.yaml", "examples/KEPT.sha256", "py.typed"):
    assert (here / name).is_file(), name
others = ("hub", "cryptography", "httpx2", "kafka")
print(sorted(name for name in sys.modules if name.split(".")[0] in others))
"""
OPEN = """
import json
from importlib.resources import files
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from contracts.client import http_profile, inbox, kafka_profile, reading
from contracts.client.sealed import open_head
from contracts.envelope import from_json
message = json.loads((files("contracts") / "vectors/message.json").read_text(encoding="utf-8"))
sealed = from_json(message["json"])
key = bytes.fromhex(message["keys"][0])
print(open_head(sealed.value, key, "eksempel", "lyspunktet", sealed.message_id).kind.value)
"""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a program; what it printed."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel, built from a copy of the folder with nothing beside it."""
    place = tmp_path_factory.mktemp("alone")
    shutil.copytree(FOLDER, place / "source", ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    pip = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"]
    run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", place, place / "source")
    return next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def alone(wheel: Path) -> Path:
    """Give a Python with the wheel and what it asks for, in the versions that are locked here."""
    folder = wheel.parent / "environment"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install(python, str(wheel))
    return python


def install(python: Path, wanted: str) -> None:
    """Install into that Python; the versions are those of our own lock file."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = python.parents[1] / "pins.txt"
    pins.write_text("\n".join(re.findall(r"^[a-z0-9-]+==[^ ]+", lock, re.MULTILINE)), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--no-input", "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--only-binary=:all:", "-c", pins, wanted)


def test_models_examples_and_vectors_need_pydantic_and_the_days_alone(alone: Path, tmp_path: Path) -> None:
    """Everything but the client, in an environment that has no cryptography, no client, no hub."""
    assert run(alone, "-c", READ, cwd=tmp_path) == "[]\n"
    listed = "import importlib.metadata as m; print(sorted(d.name for d in m.distributions()))"
    found = ast.literal_eval(run(alone, "-c", listed, cwd=tmp_path))
    needed = {
        "pydantic",
        "pydantic_core",
        "annotated-types",
        "typing-inspection",
        "typing_extensions",
        "tzdata",
    }
    assert {name.replace("_", "-") for name in found} == {n.replace("_", "-") for n in needed} | {
        "tvaers-contracts"
    }


def test_with_the_extra_it_opens_and_speaks(alone: Path, wheel: Path, tmp_path: Path) -> None:
    """The client and the conformance suite, in the same environment."""
    install(alone, f"{wheel}[client]")
    assert run(alone, "-c", OPEN, cwd=tmp_path) == "referral_requested\n"


def test_the_wheel_holds_all_that_is_published(wheel: Path) -> None:
    """Every schema, example, vector and page."""
    names = set(json.loads(run(sys.executable, "-c", _NAMES, wheel)))
    published = [
        *FOLDER.rglob("*.json"),
        *FOLDER.rglob("*.md"),
        *FOLDER.rglob("*.yaml"),
        *FOLDER.rglob("*.py"),
    ]
    wanted = {path.relative_to(ROOT).as_posix() for path in published if "node_modules" not in path.parts}
    assert wanted - names == set()
    assert {name for name in names if name.startswith("hub")} == set()
    assert len(wanted) > len(make.everything())


_NAMES = "import json, sys, zipfile; print(json.dumps(zipfile.ZipFile(sys.argv[1]).namelist()))"


def imported(path: Path) -> Iterator[str]:
    """What a module imports, by its first name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".", maxsplit=1)[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".", maxsplit=1)[0]


def test_what_needs_no_client_imports_only_the_standard_library_and_pydantic() -> None:
    """By the text of every module, whatever happens to be installed."""
    allowed = set(sys.stdlib_module_names) | {"contracts", "pydantic", "pydantic_core"}
    plain = [path for path in FOLDER.rglob("*.py") if path.relative_to(FOLDER).parts[0] not in WITH_CLIENT]
    assert len(plain) > 10
    assert {(path.name, name) for path in plain for name in imported(path)} <= {
        (path.name, name) for path in plain for name in allowed
    }


def test_nothing_in_contracts_knows_the_hub() -> None:
    """Nor the tests: an installed copy has neither."""
    wrong = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in FOLDER.rglob("*.py")
        for name in imported(path)
        if name in {"hub", "tests"}
    ]
    assert wrong == []
