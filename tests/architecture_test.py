"""The laws of docs/design.md, read from the code itself: which room may import which, and what only one place does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pbxcrm"
FILES = sorted(PACKAGE.rglob("*.py"))

# Room -> the rooms it may import from (itself always).
ROOMS: dict[str, set[str]] = {
    "ami": set(),
    "calls": set(),
    "crm": {"calls"},
    "store": {"calls", "crm"},
    "service": {"store", "calls", "crm", "ami"},
    "history": {"store", "calls"},
    "live": {"store", "crm"},
    "hooks": {"service", "store", "crm"},
    "http": {"service", "live", "crm", "store"},
    "demo": {"ami", "service", "store"},
}
PURE = {"calls", "crm"}
IMPURE = {"asyncio", "logging", "time", "random", "sqlalchemy", "aiohttp", "panoramisk", "os", "socket", "threading"}
OUTSIDE_PURE = {"phonenumbers", "babel", "pbxcrm"}


def room_of(path: Path) -> str | None:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: import by full name"
            yield node.module


@pytest.mark.parametrize("path", [f for f in FILES if room_of(f)], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    room = room_of(path)
    assert room in ROOMS, f"{room} is no room of docs/design.md"
    allowed = ROOMS[room] | {room}
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "pbxcrm" and len(parts) > 1:
            assert parts[1] in allowed, f"{path.name} of {room} imports {name}"


@pytest.mark.parametrize("path", [f for f in FILES if room_of(f) in PURE], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_pure_rooms_stay_pure(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for name in imports(path):
        assert name.split(".")[0] not in IMPURE, f"{path.name} imports {name}"
    assert not any(isinstance(node, (ast.Await, ast.AsyncFunctionDef)) for node in ast.walk(tree))


def _calls_of(path: Path, attributes: set[str]) -> list[str]:
    return [
        f"{path.name}:{node.lineno} {ast.unparse(node.func)}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in attributes
    ]


def test_only_services_write() -> None:
    for path in FILES:
        if room_of(path) in ("service", "store"):
            continue
        writes = [w for w in _calls_of(path, {"writing", "write"}) if re.search(r"\bdb\.|_db\.|database\.", w)]
        assert not writes, f"{path.name} writes to the database: {writes}"


def test_sqlalchemy_stays_below_the_pages() -> None:
    for path in FILES:
        if room_of(path) in ("store", "service", "live"):
            continue
        assert not any(name.split(".")[0] == "sqlalchemy" for name in imports(path)), f"{path} imports SQLAlchemy"


def test_one_place_writes_to_the_pbx() -> None:
    writers = [hit for path in FILES if room_of(path) == "ami" for hit in _calls_of(path, {"write", "writelines"})
               if "transport" in hit]  # fmt: skip
    assert len(writers) == 1, writers


def test_no_action_can_run_commands() -> None:
    for path in FILES:
        if room_of(path) == "ami":
            names = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
            assert not names & {"Command", "Application", "UpdateConfig", "Redirect"}, path


def test_sql_text_is_for_migrations_and_locks() -> None:
    for path in FILES:
        if room_of(path) == "store" and "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "text":
                argument = node.args[0] if node.args else None
                assert isinstance(argument, ast.Constant), f"{path.name}:{node.lineno}: SQL text is never put together"


def test_no_private_paths_or_registries() -> None:
    """What is committed speaks of the project alone."""
    names = (*PACKAGE.rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "Makefile")
    for path in names:
        assert "/work/" not in path.read_text(), path


def test_files_stay_small() -> None:
    long = {str(p.relative_to(ROOT)): n for p in FILES if (n := len(p.read_text().splitlines())) > 650}
    assert not long, f"split what does two things: {long}"
