"""Imports run one way, and the pure modules know no clock, no chance and no environment."""

import ast
from collections.abc import Iterator
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
    "hub.heads": {"hub.aggregates", "contracts.terms"},
    "hub.gate": {"hub.aggregates", "hub.errors", "hub.heads", "contracts.terms"},
}
"""What each may import of ours. What isn't listed here has its own test below."""

BANNED = {
    "datetime.now": "take `at` as an argument",
    "datetime.utcnow": "take `at` as an argument",
    "time.time": "take `at` as an argument",
    "uuid4": "take the id as an argument",
    "uuid1": "take the id as an argument",
    "random": "take the value as an argument",
    "secrets": "take the value as an argument",
    "environ": "settings are read once, in hub.settings",
    "getenv": "settings are read once, in hub.settings",
    "open": "no I/O here",
}
PURE = (
    "hub/aggregates",
    "hub/projections",
    "hub/gate.py",
    "hub/heads.py",
    "hub/translate.py",
    "hub/wraps.py",
)


def modules(under: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module below a folder or file, by its dotted name."""
    place = ROOT / under
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
    third_party = {"pydantic", "fastapi", "kafka", "cryptography", "psycopg", "orjson", "httpx2", "jwt"}
    wrong = [
        f"{name} imports {found}"
        for where in ("hub/aggregates", "hub/gate.py", "hub/projections", "hub/errors.py", "hub/ports.py")
        for name, tree in modules(where)
        for found in imported(name, tree)
        if found.split(".")[0] in third_party
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
        # Pages and API are one edge: the pages ask the same questions under the same table of access.
        if within(found, {f"hub.adapters.{other}"}) and {adapter, other} != {"http", "web"}
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
    """Only composition roots name an adapter."""
    roots = {
        "bootstrap",
        "serving",
        "working",
        "rebuilding",
        "restoring",
        "replaying",
        "condition",
        "doctor",
        "partner_commands",
        "__main__",
    }
    wrong = [
        f"{name} imports {found}"
        for path in sorted((ROOT / "hub").glob("*.py"))
        if path.stem not in roots
        for name, tree in modules(f"hub/{path.name}")
        for found in imported(name, tree)
        if within(found, {"hub.adapters", "hub.bootstrap"})
    ]
    assert wrong == []


def test_closed_lists_need_nothing_but_the_standard_library() -> None:
    """The aggregates may import them for that reason."""
    for name, tree in modules("contracts/terms.py"):
        assert list(imported(name, tree)) == ["enum.StrEnum"]


@pytest.mark.parametrize("where", PURE)
def test_time_chance_and_environment_come_in_as_arguments(where: str) -> None:
    """The pure modules name none of the banned; each ban says what to do instead."""
    wrong = [
        f"{name}:{node.lineno} uses {found}: {BANNED[found]}"
        for name, tree in modules(where)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call | ast.Attribute | ast.Name | ast.ImportFrom)
        for found in names(node)
        if found in BANNED
    ]
    assert wrong == []


def names(node: ast.AST) -> set[str]:
    """The names by which a node could reach something banned."""
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr=attr):
            return {attr, f"{owner}.{attr}"} - {"open"}
        case ast.ImportFrom(module=str(module)):
            return {module} | {alias.name for alias in node.names}
        case ast.Call(func=ast.Name(id="open")):
            return {"open"}
        case ast.Name(id=name) if name != "open":
            return {name}
        case _:
            return set()


def test_the_bans_catch_what_they_ban() -> None:
    """An oracle that can't fail is none."""
    bad = ast.parse("from uuid import uuid4\nimport os\nx = datetime.now()\ny = os.environ['A']\nopen('f')")
    found = {n for node in ast.walk(bad) for n in names(node)} & BANNED.keys()
    assert found == {"uuid4", "datetime.now", "environ", "open"}
