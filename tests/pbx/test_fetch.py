"""Bringing Asterisk in: which mirrors are asked, what is left behind when it fails, what a second call does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pbx.bed import fetch

DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.example/debian
 http://second.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
"""
ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] https://third.example/debian bookworm main contrib
deb-src https://source.example/debian bookworm main
deb https://packages.vendor.example/cloud stable main
"""


def test_mirrors_come_from_the_machines_own_apt(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(ONE_LINE)
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/off.sources.disabled").write_text(DEB822.replace("mirror", "off"))
    assert fetch.mirror_uris(tmp_path) == [
        "https://third.example/debian",
        "http://mirror.example/debian",
        "http://second.example/debian",
    ]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and one mirror."""
    monkeypatch.setenv("PBXCRM_TEST_CACHE", str(tmp_path))
    monkeypatch.setenv("PBXCRM_TEST_MIRROR", "http://mirror.example/debian")
    monkeypatch.setattr(fetch, "mirror_uris", list)
    return tmp_path


def test_failure_names_what_was_tried_and_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[str]) -> str:
        raise fetch.FetchError(f"`{command[0]}` failed: no route")

    monkeypatch.setattr(fetch, "_run", refuse)
    with pytest.raises(fetch.FetchError) as failure:
        fetch.fetch("22")
    said = str(failure.value)
    assert "forky at http://mirror.example/debian: `apt-get` failed: no route" in said
    assert "sid at http://mirror.example/debian" in said
    assert "PBXCRM_TEST_MIRROR" in said
    assert not (cache / "asterisk-22").exists()


def test_no_mirror_says_what_to_set(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PBXCRM_TEST_MIRROR")
    with pytest.raises(fetch.FetchError, match="set PBXCRM_TEST_MIRROR"):
        fetch.fetch("22")


def test_suite_with_another_version_is_passed_over(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite moves on; the next one is tried."""

    def answer(command: list[str]) -> str:
        return "  Candidate: 1:24.1.0-1\n" if command[0] == "apt-cache" else ""

    monkeypatch.setattr(fetch, "_run", answer)
    with pytest.raises(fetch.FetchError, match=r"it carries 1:24\.1\.0-1, not 22"):
        fetch.fetch("22")


def test_half_unpacked_is_fetched_anew_and_whole_is_not(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def download(release: fetch.Release, suite: str, mirror: str, home: Path) -> str:
        calls.append(home)
        (home / "apt").mkdir(parents=True)
        return "1:22.1-1"

    monkeypatch.setattr(fetch, "_download", download)
    monkeypatch.setattr(fetch, "_unpack", lambda home: (home / "root").mkdir())
    (cache / "asterisk-22/root").mkdir(parents=True)
    (cache / "asterisk-22/root/torn").touch()
    assert fetch.fetch("22").version == "1:22.1-1"
    assert not (cache / "asterisk-22/root/torn").exists()
    assert json.loads((cache / "asterisk-22/complete.json").read_text())["suite"] == "forky"
    fetch.fetch("22")
    assert len(calls) == 1
    before_packages = {"version": "1:22.0-1", "suite": "forky"}  # from when fewer of them were wanted
    (cache / "asterisk-22/complete.json").write_text(json.dumps(before_packages))
    assert fetch.fetch("22").version == "1:22.1-1"
    assert len(calls) == 2
    assert sorted(path.name for path in cache.iterdir()) == ["asterisk-22", "asterisk-22.lock"]
