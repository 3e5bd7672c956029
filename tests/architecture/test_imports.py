"""Imports run one way, in whatever lies in the folders."""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STDLIB_ONLY = {"contracts.terms"}

LAYERS: dict[str, set[str]] = {
    "contracts": {"contracts"},
    "hub.errors": set(),
    "hub.aggregates": {"hub.aggregates", "hub.errors", "contracts.terms"},
    "hub.ports": {"hub.aggregates.base", "hub.errors"},
    "hub.projections": {"hub.projections", "hub.ports", "hub.aggregates", "contracts"},
    "hub.gates.heads": {"hub.aggregates", "contracts.terms"},
    "hub.gates.gate": {"hub.aggregates", "hub.errors", "hub.gates.heads", "contracts.terms"},
    "hub.gates.covered": {"hub.aggregates", "hub.gates.gate", "contracts.terms"},
    "hub.days": {"contracts.times"},
    "hub.application.translate": {"hub.aggregates", "hub.application.reports", "contracts"},
    "hub.keys.wraps": {"hub.errors", "hub.keys.sealing"},
}
"""What each may import of ours. For all others hold the tests below, which read the folder."""

PURE = ("hub/aggregates", "hub/gates/gate.py", "hub/projections", "hub/errors.py", "hub/ports.py")
ROOTS = {"hub.__main__", "hub.bootstrap", "hub.demo", "hub.operating"}
"""Where the parts meet: these alone name an adapter or the bootstrap. What is new is none."""
EDGE = {"hub.adapters", "hub.bootstrap"}
ONE_EDGE = {"hub.adapters.http", "hub.adapters.web"}
"""Pages and API: the pages ask the same questions under the same table of access."""


def modules(under: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module below a folder or file, by its dotted name."""
    place = ROOT / under
    assert place.exists(), f"{under} is not there, and nothing would be looked at"
    for path in sorted([place] if place.is_file() else place.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text())


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """What a module imports, by dotted name; what only the type checker sees counts as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: no relative imports"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, allowed: set[str]) -> bool:
    """Whether a dotted name is one of these or below one."""
    return any(name == a or name.startswith(a + ".") for a in allowed)


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_one_way(layer: str) -> None:
    """A layer imports only what stands beneath it."""
    place = layer.replace(".", "/")
    where = place if (ROOT / place).is_dir() else place + ".py"
    wrong = [
        f"{name} imports {found}"
        for name, tree in modules(where)
        for found in imported(name, tree)
        if within(found, {"hub", "contracts", "tests"}) and not within(found, LAYERS[layer])
    ]
    assert wrong == []


def test_the_domain_knows_no_library_but_eventsourcing() -> None:
    """Facts and rules stand on the standard library and `eventsourcing`."""
    known = {*sys.stdlib_module_names, "eventsourcing", "hub", "contracts"}
    wrong = [
        f"{name} imports {found}"
        for where in (
            "hub/aggregates",
            "hub/gates/gate.py",
            "hub/projections",
            "hub/errors.py",
            "hub/ports.py",
        )
        for name, tree in modules(where)
        for found in imported(name, tree)
        if found.split(".")[0] not in known
    ]
    assert wrong == []


def test_no_adapter_imports_another() -> None:
    """Each adapter stands alone; only the composition roots join them."""
    adapters = {p.name for p in (ROOT / "hub/adapters").iterdir() if p.is_dir() and p.name[0] != "_"}
    wrong = [
        f"{name} imports {found}"
        for adapter in adapters
        for name, tree in modules(f"hub/adapters/{adapter}")
        for found in imported(name, tree)
        for other in adapters - {adapter}
        if within(found, {f"hub.adapters.{other}"})
        and not {f"hub.adapters.{adapter}", f"hub.adapters.{other}"} <= ONE_EDGE
    ]
    assert wrong == []


def test_partner_adapters_know_the_contracts_and_nothing_of_the_hub() -> None:
    """A partner's program could be written by somebody who never saw our code."""
    wrong = [
        f"{name} imports {found}"
        for name, tree in modules("hub/adapters/partners")
        for found in imported(name, tree)
        if within(found, {"hub"}) and not within(found, {"hub.adapters.partners"})
    ]
    assert wrong == []


def test_the_core_does_not_know_its_adapters() -> None:
    """Whatever lies in the folder and is no composition root names neither an adapter nor the bootstrap."""
    naming = {part_of(name): found for name, found in everything() if within(found, EDGE)}
    naming = {part: found for part, found in naming.items() if not within(part, {"hub.adapters"})}
    assert {*naming} - ROOTS == set()
    assert ROOTS - {*naming} == set(), "a composition root that composes nothing"


def test_no_two_parts_import_each_other_directly_or_around() -> None:
    """Modules of `hub/`, its folders and each adapter, as they lie there: no way leads back to one."""
    below: dict[str, set[str]] = {}
    for name, found in everything():
        part, other = (joined(part_of(n)) for n in (name, found))
        below.setdefault(part, set()).update({other} - {part})
    assert len(below) > len(ROOTS)
    assert [part for part in below if part in reached(part, below)] == []


def test_a_way_back_is_found() -> None:
    """Directly, around, and not where there is none."""
    below = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "f": {"f2"}, "f2": {"f"}}
    assert [part for part in below if part in reached(part, below)] == ["a", "b", "c", "f", "f2"]


def everything() -> Iterator[tuple[str, str]]:
    """Each module of the hub and each name of the hub's that it imports."""
    for name, tree in modules("hub"):
        yield from ((name, found) for found in imported(name, tree) if within(found, {"hub"}))


def part_of(name: str) -> str:
    """The part that a dotted name belongs to: a module or folder of `hub/`, or one adapter."""
    return ".".join(name.split(".")[: 3 if within(name, {"hub.adapters"}) else 2])


def joined(part: str) -> str:
    return "hub.adapters.http" if part in ONE_EDGE else part


def reached(part: str, below: Mapping[str, set[str]]) -> set[str]:
    """All that a part imports, and all that these import."""
    found: set[str] = set()
    ahead = [part]
    while ahead:
        new = below.get(ahead.pop(), set()) - found
        found |= new
        ahead += new
    return found


def test_nothing_is_imported_by_a_name_made_up_while_running() -> None:
    """What the tests here read is all there is."""
    wrong = [
        f"{name}:{node.lineno}"
        for where in ("hub", "contracts")
        for name, tree in modules(where)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in {"import_module", "__import__"}
    ]
    assert wrong == []


def test_closed_lists_need_nothing_but_the_standard_library() -> None:
    """The aggregates may import them for that reason."""
    for name, tree in modules("contracts/terms.py"):
        assert list(imported(name, tree)) == ["enum.StrEnum"]
