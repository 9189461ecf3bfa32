"""What is installed is what was looked at: locked with hashes, from one index, nothing by address."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "docker").glob("*.lock"))
_NAME = re.compile(r"^([a-zA-Z0-9._-]+)==([^\s;\\]+)")


def entries(path: Path) -> dict[str, str]:
    """Package -> its whole entry, lines joined."""
    joined = path.read_text().replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {line.split("==")[0].strip().lower() + line.partition(";")[2][:40]: line for line in lines}


@pytest.mark.parametrize("path", LOCKS, ids=lambda p: p.name)
def test_every_entry_is_one_version_with_its_hashes(path: Path) -> None:
    found = entries(path)
    assert len(found) > 15
    for line in found.values():
        assert _NAME.match(line), line
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line), line
        assert "://" not in line
        assert not re.search(r"--(?:extra-)?index-url|--find-links|--trusted-host|(?:^|\s)-e\s", line)


def test_nothing_is_depended_on_by_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted += [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    assert not [one for one in wanted if "://" in one or " @ " in one]
    assert not re.search(r"index|sources", " ".join(project.get("tool", {}).get("uv", {})))


def test_what_runs_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *extras["postgres"], *extras["fast"]]
    names = {re.split(r"[\[<>=!~ ]", one)[0].lower() for one in wanted}
    locked = {line.split("==")[0].strip().lower() for line in entries(ROOT / "docker" / "run.lock").values()}
    assert names <= locked


@pytest.mark.parametrize("path", ["docker/install", "docker/Dockerfile"])
def test_every_way_to_install_checks_hashes(path: str) -> None:
    said = (ROOT / path).read_text().replace("\\\n", " ")
    installs = [line for line in said.splitlines() if re.search(r"\bpip install\b", line) or "docker/install" in line]
    assert installs
    for line in installs:
        by_hash = "--require-hashes" in line or "docker/install" in line
        only_ours = "--no-deps" in line and ("-e ." in line or " ." in line or ".whl" in line)
        assert by_hash or only_ours, line
