"""The docs tell of everything there is: settings, commands."""

import ast
import re
from pathlib import Path

from pbxcrm import cli, settings
from pbxcrm.http import live
from tests import acceptance
from tests.browser import every_page

DOCS = Path(__file__).parent.parent / "docs"


def test_every_setting_is_told() -> None:
    told = (DOCS / "settings.md").read_text()
    for name, default, help_text in settings.table():
        row = f"| `{name}` | {f'`{default}`' if default else ''} | {help_text} |"
        assert row in told, f"docs/settings.md lacks this row: {row}"


def test_no_setting_is_told_that_is_not_there() -> None:
    known = {name for name, _, _ in settings.table()} | {"PBXCRM_CONFIG"}
    secrets = {name + "_FILE" for name in known}
    for name in set(re.findall(r"PBXCRM_[A-Z_]+", (DOCS / "settings.md").read_text())):
        assert name in known | secrets, name


def test_every_command_is_told() -> None:
    told = (DOCS / "commands.md").read_text()
    for words in cli.commands():
        assert re.search(rf"^#+ `pbxcrm {words}\b", told, re.MULTILINE), f"docs/commands.md lacks `pbxcrm {words}`"


def test_every_journal_kind_is_told() -> None:
    told = (DOCS / "journal.md").read_text()
    files = (DOCS.parent / "pbxcrm" / "service").glob("*.py")
    source = "".join(path.read_text() for path in files if path.name != "audit.py")  # its words are the audit log's
    source = re.sub(r"audit\.noted?\([^)]*\)", "", source)
    families = "call|deal|task|link|user|device|token|session|settings|contact|note|webhook"
    kinds = set(re.findall(rf'"((?:{families})\.[a-z]+)"', source))
    assert len(kinds) > 15
    for kind in kinds | live.KINDS:
        assert f"`{kind}`" in told, f"docs/journal.md lacks {kind}"


def test_links_between_the_docs_hold() -> None:
    for page in (DOCS.parent / "README.md", *DOCS.glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def threats() -> dict[int, list[str]]:
    """Each row of docs/threats.md: its number and the tests it names."""
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", (DOCS / "threats.md").read_text(), re.MULTILINE)
    return {int(number): re.findall(r"`(tests/[\w/]+\.py::\w+)`", rest) for number, rest in rows}


def test_what_was_proved_is_of_tests_that_are_there() -> None:
    proved = (DOCS / "threats.md").read_text().partition("## How it was proved")[2]
    named = set(re.findall(r"`(test_\w+)`", proved))
    there = {
        name for path in Path(__file__).parent.rglob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert len(named) > 40
    assert named <= there, named - there


def test_every_threat_has_its_row() -> None:
    assert list(threats()) == list(range(1, 31))


def test_the_tests_named_against_threats_are_there() -> None:
    for number, tests in threats().items():
        assert tests, f"row {number} of docs/threats.md names no test"
        for node in tests:
            file, name = node.split("::")
            tree = ast.parse((DOCS.parent / file).read_text())
            functions = {n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
            assert name in functions, f"row {number} of docs/threats.md names {node}"


def test_what_it_must_do_is_told_with_tests_that_are_there() -> None:
    assert acceptance.missing() == []
    assert acceptance.PAGE.read_text() == acceptance.page(), "python -m tests.acceptance writes it anew."


def test_no_page_is_forgotten() -> None:
    assert set(every_page.routes()) == every_page.PAGES.keys() | every_page.PARTS.keys()
    assert every_page.DOC.read_text() == every_page.page(), "python -m tests.browser.every_page writes it anew."
