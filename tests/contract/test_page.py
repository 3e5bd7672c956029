"""The page for partners is whole, is alone, and is the one home of what it says."""

import json
import re
from enum import StrEnum
from pathlib import Path

import pytest

from contracts.client import sealed
from contracts.inbound_v1 import InboundType, ProblemReason, PurgeOutcome
from contracts.message_v1 import Ban, Head, Part, ReceiptStatus
from contracts.terms import Category, ControlKind, LookPurpose
from hub.adapters.http.access import TABLE, Role

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
PAGE = (CONTRACTS / "BYTES.md").read_text(encoding="utf-8")
FORMAT = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"[a-z][a-z0-9_-]+", PAGE))
LABELS = set(
    re.findall(r"tvaers-[a-z]+-1", "".join(p.read_text() for p in (CONTRACTS / "client").glob("*.py")))
)


@pytest.mark.parametrize(
    "kind", [ControlKind, ReceiptStatus, InboundType, Category, LookPurpose, Ban, ProblemReason, PurgeOutcome]
)
def test_it_names_every_word_of_a_list_that_a_partner_reads_or_writes(kind: type[StrEnum]) -> None:
    """Longer lists stand in the schemas that it names."""
    assert {word.value for word in kind} - WORDS == set()


def test_it_names_every_field_of_what_is_in_the_clear_and_of_head_and_part() -> None:
    """And every header."""
    fields = set(Head.model_fields) | set(Part.model_fields)
    for name in ("envelope_to_v1", "envelope_from_v1"):
        fields |= set(json.loads((CONTRACTS / "schemas" / f"{name}.json").read_text())["properties"])
    assert fields - WORDS == set()


def test_it_names_every_schema_and_every_schema_that_it_names_is_there() -> None:
    """What isn't told on the page is told by a schema."""
    named = set(re.findall(r"schemas/([a-z_0-9]+)\.json", PAGE))
    assert named <= {path.stem for path in (CONTRACTS / "schemas").glob("*.json")}
    assert named >= {"head_v1", "part_v1", "control_v1", "inbound_v1", "social_report_v1"}


def test_it_names_every_route_of_a_partners_system_and_no_other() -> None:
    """As the access table has them."""
    theirs = {
        (method, path)
        for (method, path), roles in TABLE.items()
        if {Role.PARTNER_SYSTEM, Role.REPORTER} & roles.keys()
    }
    told = {
        (method, re.sub(r"\{[a-z_]+\}", "{}", path))
        for method, path in re.findall(r"`(GET|POST) (/v1/[^?` ]*)", PAGE)
    }
    assert told - {("GET", "/v1/hub")} == {(m, re.sub(r"\{[a-z_]+\}", "{}", path)) for m, path in theirs}
    documented = json.loads((CONTRACTS / "openapi.json").read_text())["paths"]
    assert {path for _, path in theirs} <= set(documented)


def test_it_says_every_size_and_label_that_the_code_uses() -> None:
    """Numbers are written for people."""
    numbers = set(re.findall(r"\b\d[\d,]*\b", PAGE))
    for size in (sealed.SIZE_CLASS, sealed.MESSAGE_BYTES_MAX, sealed.HEAD_BYTES, sealed.HPKE_OVERHEAD):
        assert {f"{size}", f"{size:,}"} & numbers, size
    assert set(re.findall(r"tvaers-[a-z]+-1", PAGE)) == LABELS


def test_what_travels_is_told_once() -> None:
    """The hub's own page points here, so neither can come to differ from the other."""
    labels = set(re.findall(r"tvaers-[a-z]+-1", FORMAT))
    assert labels & LABELS == set()
    assert "contracts/BYTES.md" in FORMAT
    assert "ce_signature" not in FORMAT


def test_nothing_in_contracts_sends_a_partner_to_what_it_never_sees() -> None:
    """No file of ours outside the folder is named in it."""
    files = [
        path
        for path in CONTRACTS.rglob("*")
        if path.suffix in {".py", ".md", ".mjs", ".go", ".toml", ".yaml"}
    ]
    assert len(files) > 50
    strays = [
        (path.name, found)
        for path in files
        for found in re.findall(r"\b(?:docs|deploy|tests)/[\w./]+", path.read_text(encoding="utf-8"))
    ]
    assert strays == []
