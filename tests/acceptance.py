"""What the product must do, each line with the tests that prove it.

python -m tests.acceptance    writes docs/acceptance.md of tests/acceptance.toml
"""

import ast
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
ASKED, PAGE = TESTS / "acceptance.toml", TESTS.parent / "docs" / "acceptance.md"


def rows() -> dict[str, dict[str, Any]]:
    """{id: {what, shown, tests}}."""
    return tomllib.loads(ASKED.read_text())


@cache
def names(path: Path) -> frozenset[str]:
    """The tests of a file. Raises OSError where there is no such file."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]
    return frozenset(name.removeprefix("test_") for name in found if name.startswith("test_"))


def missing() -> list[str]:
    """What is said to prove something and is not there."""
    proofs = [test for row in rows().values() for test in row["tests"]]
    return sorted({test for test in proofs if not _is_there(*test.split("::"))})


def _is_there(file: str, name: str) -> bool:
    path = TESTS / file
    return path.is_file() and name in names(path)


def page() -> str:
    """docs/acceptance.md."""
    asked = rows()
    proved = sum(1 for row in asked.values() if row["tests"])
    head = (
        "# What it must do\n\n"
        f"Written by `python -m tests.acceptance`; do not edit. {proved} of {len(asked)} have a test that proves it;\n"
        "the others are not built yet, or are built and no test shows it.\n\n"
        "| | what | seen by | test |\n| :-- | :-- | :-- | :-- |\n"
    )
    return head + "".join(_line(key, row) for key, row in sorted(asked.items()))


def _line(key: str, row: dict[str, Any]) -> str:
    tests = "<br>".join(f"`{file}` {name.replace('_', ' ')}" for file, name in (t.split("::") for t in row["tests"]))
    return f"| {key} | {row['what']} | {row['shown']} | {tests or '–'} |\n"


if __name__ == "__main__":
    if gone := missing():
        sys.exit("There is no such test: " + ", ".join(gone))
    PAGE.write_text(page())
