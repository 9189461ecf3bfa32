"""What `pbxcrm doctor` says of an SQLite file."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pbxcrm import doctor
from pbxcrm.settings import Settings


def said(path: Path) -> dict[bool, str]:
    found = doctor._file(Settings(database_url=f"sqlite+aiosqlite:///{path}"))
    return {ok: " | ".join(f"{f.what} {f.advice}" for f in found if f.ok is ok) for ok in (True, False)}


@pytest.fixture
def place(migrated_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "pbxcrm.db"
    shutil.copy(migrated_file, path)
    path.chmod(0o600)
    return path


def test_all_is_well(place: Path) -> None:
    found = said(place)
    assert "is whole" in found[True]
    assert found[False] == ""


def test_others_may_read_it(place: Path) -> None:
    place.chmod(0o644)
    assert "mode 0644" in said(place)[False]
    assert f"chmod 600 {place}" in said(place)[False]


def test_it_is_damaged(place: Path) -> None:
    whole = place.read_bytes()
    place.write_bytes(whole[:8192] + b"\xa5" * 16384 + whole[8192 + 16384 :])
    assert "is damaged" in said(place)[False]
    assert "pbxcrm restore" in said(place)[False]


def test_the_disk_is_nearly_full(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000_000))
    assert "0.1 GB are free" in said(place)[False]
    assert "Make room" in said(place)[False]


def test_a_server_has_files_of_its_own() -> None:
    assert doctor._file(Settings(database_url="postgresql+asyncpg://crm@db/pbxcrm")) == []
