"""`asyncapi.yaml`: valid by the official parser, complete by our own count, no drift from schemas or code.

The official parser looks at no payload schema of 2020-12, so those are checked in `test_schemas`.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.client.keys import Identity
from contracts.client.party import Party
from contracts.client.sealed import MESSAGE_BYTES_MAX, SIZE_CLASS
from contracts.envelope import CONTENT_TYPE, TYPE
from contracts.schemas import make
from tests.support import toolchains

FOLDER = make.FOLDER.parent
PATH = FOLDER / "asyncapi.yaml"
DOCUMENT: Any = yaml.safe_load(PATH.read_text(encoding="utf-8"))
CHECK = """
import fs from 'fs';
import { createRequire } from 'module';
const { Parser } = createRequire(process.argv[2] + '/')('@asyncapi/parser');
const source = process.argv[3];
const { document, diagnostics } = await new Parser().parse(fs.readFileSync(source, 'utf8'), { source });
const errors = diagnostics.filter((one) => one.severity === 0);
for (const one of errors) console.log(one.path.join('.') + ': ' + one.message);
console.log(document ? `channels ${document.channels().length}` : 'no document');
process.exit(errors.length || !document ? 1 : 0);
"""


def refs(node: Any) -> Iterator[str]:
    """Every reference in the document."""
    match node:
        case {"$ref": str(ref)}:
            yield ref
        case dict():
            for inner in node.values():
                yield from refs(inner)
        case list():
            for inner in node:
                yield from refs(inner)


def parsed(path: Path, tmp_path: Path) -> tuple[int, str]:
    """Have the official parser read a document."""
    script = tmp_path / "check.mjs"
    script.write_text(CHECK, encoding="utf-8")
    command = [toolchains.node(), str(script), str(toolchains.npm(*toolchains.ASYNCAPI_PARSER)), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_official_parser_finds_no_error(tmp_path: Path) -> None:
    """AsyncAPI 3.0, with every reference followed."""
    assert parsed(PATH, tmp_path) == (0, "channels 2\n")


@pytest.mark.parametrize(
    ("find", "change"),
    [("action: receive", "action: receiv"), ("#/channels/to/messages/data", "#/channels/to/messages/none")],
)
def test_the_official_parser_finds_a_planted_error(tmp_path: Path, find: str, change: str) -> None:
    """An oracle that can't fail is none."""
    (tmp_path / "schemas").symlink_to(FOLDER / "schemas")
    spoiled = tmp_path / "asyncapi.yaml"
    spoiled.write_text(PATH.read_text(encoding="utf-8").replace(find, change), encoding="utf-8")
    assert parsed(spoiled, tmp_path)[0] == 1


def test_every_reference_leads_somewhere() -> None:
    """Inside the document or to a schema beside it."""
    for ref in refs(DOCUMENT):
        if ref.startswith("#/"):
            at = DOCUMENT
            for step in ref[2:].split("/"):
                at = at[step]
        else:
            assert (FOLDER / ref).is_file(), ref


def test_it_names_every_published_schema() -> None:
    """What is published is what travels."""
    named = {Path(ref).stem for ref in refs(DOCUMENT) if not ref.startswith("#/")}
    assert named == set(make.everything())


def test_what_it_says_is_what_the_code_does() -> None:
    """Topics, the one type, the content type and sizes."""
    identity = Identity.new()
    party = Party("eksempel", "lyspunktet", identity, identity.public)
    names = {"municipality": party.municipality, "partner": party.name}
    channels = {name: one["address"].format(**names) for name, one in DOCUMENT["channels"].items()}
    assert channels == {"to": party.reads, "from": party.writes}
    for one in DOCUMENT["components"]["messages"].values():
        assert (one["name"], one["contentType"]) == (TYPE, CONTENT_TYPE)
    sizes = [
        int(n) for n in re.findall(r"\d{4,}", DOCUMENT["components"]["schemas"]["sealed"]["description"])
    ]
    assert sizes == [SIZE_CLASS, MESSAGE_BYTES_MAX]


def test_the_sections_that_it_names_are_there() -> None:
    """A page is of use when its section is where it is said to be."""
    page = (FOLDER / "BYTES.md").read_text(encoding="utf-8")
    for number in set(re.findall(r"BYTES\.md section (\d+)", json.dumps(DOCUMENT))):
        assert f"\n## {number}. " in page
