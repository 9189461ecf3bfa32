"""The docs tell of everything there is: settings, commands."""

import re
from pathlib import Path

from pbxcrm import cli, settings

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
