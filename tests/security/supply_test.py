"""What is installed is what was looked at: locked with hashes, from one index, nothing by address."""

import json
import os
import re
import subprocess
import sys
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


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_the_installer_checks_hashes_whichever_tool_there_is(tmp_path: Path, tool: str) -> None:
    """docker/install as it truly runs, with tools that write down what they are told."""
    notes = '#!/bin/sh\necho "$@" >> told\n'
    for path in [".venv/bin/python", *(["tools/uv"] if tool == "uv" else [])]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(notes)
        (tmp_path / path).chmod(0o755)
    env = {"PATH": str(tmp_path / "tools")}
    subprocess.run(["/bin/sh", ROOT / "docker" / "install", "a.lock"], cwd=tmp_path, env=env, check=True)
    first, second = ((tmp_path / "told").read_text()).splitlines()
    assert first.startswith("pip install" if tool == "uv" else "-m pip install")
    assert "--require-hashes -r a.lock" in first
    assert "--no-deps --no-build-isolation -e ." in second


def test_the_installer_is_stopped_by_a_wrong_hash(tmp_path: Path) -> None:
    """Once the first step fails, nothing is installed after it."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "uv").write_text('#!/bin/sh\necho "$@" >> told\nexit 1\n')
    (tmp_path / "tools" / "uv").chmod(0o755)
    env = {"PATH": str(tmp_path / "tools")}
    done = subprocess.run(["/bin/sh", ROOT / "docker" / "install", "a.lock"], cwd=tmp_path, env=env, check=False)
    assert done.returncode == 1
    assert len((tmp_path / "told").read_text().splitlines()) == 1


def bill(lock: Path) -> subprocess.CompletedProcess[str]:
    tool = [sys.executable, str(ROOT / "docker" / "sbom.py"), str(lock)]
    return subprocess.run(tool, env=dict(os.environ), capture_output=True, text=True, check=False)


def test_the_bill_of_materials_is_the_lock() -> None:
    lock = ROOT / "docker" / "run.lock"
    made = bill(lock)
    assert made.stdout == bill(lock).stdout  # the same lock, the same bytes
    told = json.loads(made.stdout)
    assert (told["bomFormat"], told["specVersion"], told["version"]) == ("CycloneDX", "1.6", 1)
    locked = {(found[1].lower(), found[2]) for line in entries(lock).values() if (found := _NAME.match(line))}
    assert {(one["name"], one["version"]) for one in told["components"]} == {
        (re.sub(r"[-_.]+", "-", name), version) for name, version in locked
    }
    hashes = {one["content"] for part in told["components"] for one in part["hashes"]}
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", lock.read_text()))
    refs = [one["bom-ref"] for one in told["components"]]
    assert len(set(refs)) == len(refs)
    assert told["dependencies"][0]["dependsOn"] == refs


@pytest.mark.parametrize("line", ["left-pad", "left-pad==1.0", "left-pad @ https://example.com/x.whl", "-e ."])
def test_what_is_not_locked_makes_no_bill(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.lock").write_text(line + "\n")
    made = bill(tmp_path / "a.lock")
    assert made.returncode != 0
    assert made.stdout == ""
