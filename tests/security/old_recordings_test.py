"""Recordings that are older than they may be: their files go, and nothing else does."""

import os
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import update

from pbxcrm.app import keep as kept_by
from pbxcrm.service import old_recordings, recordings, retention
from pbxcrm.service.retention import DAY
from pbxcrm.settings import Settings, WrongSetting, load
from pbxcrm.store.db import Work
from pbxcrm.store.schema import calls
from tests.http.bed import Clock, House, both
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio
KEEP = {"journal": 0, "calls": 0, "dials": 0, "audit": 0, "imports": 0, "recordings": 30}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "recordings"
    (made / "2026" / "11").mkdir(parents=True)
    return made


def files(below: Path) -> list[str]:
    """What is there, but for the database, whose companions come and go."""
    return sorted(str(path) for path in below.rglob("*") if "pbxcrm.db" not in path.name)


class Heard:
    """Calls with recordings, made in this order."""

    def __init__(self, house: House, folder: Path) -> None:
        self._house = house
        self._folder = folder
        self._n = 0

    async def call(self, path: str, *, file: bool = True, over: bool = True) -> str:
        self._n += 1
        call = await call_of(self._house.db, self._house.people["alice"], f"r{self._n}", "+48601234567", over=over)
        if file:
            (self._folder / path).write_bytes(b"RIFF")
        await recordings.keep(self._house.db, call, path)
        return call

    async def known(self, call: str) -> bool:
        view = await self._house.json("GET", f"/api/v1/calls/{call}", "mona")
        return view["recording"] is not None


@pytest_asyncio.fixture
async def heard(house: House, folder: Path) -> Heard:
    return Heard(house, folder)


async def begins(house: House, call: str, at: float) -> None:
    def move(work: Work) -> None:
        work.conn.execute(update(calls).where(calls.c.id == call).values(started_at=at))
        work.journal("test", {}, None)

    await house.db.writing(move)


@both
async def test_old_ones_go_and_young_ones_stay(
    house: House, heard: Heard, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_recordings, "BATCH", 2)
    old = [await heard.call(f"2026/11/old{n}.wav") for n in range(5)]
    lost = await heard.call("2026/11/lost.wav", file=False)
    (folder / "2026" / "11" / "nobodys.wav").write_bytes(b"RIFF")
    for call in (*old, lost):
        await begins(house, call, clock.now - 31 * DAY)
    young = await heard.call("young.wav")
    ongoing = await heard.call("ongoing.wav", over=False)
    await begins(house, ongoing, clock.now - 40 * DAY)
    assert await retention.due(house.db, KEEP) == {"recordings": 6}
    assert await retention.run(house.db, KEEP, recordings=folder) == {"recordings": 6}
    assert await retention.run(house.db, KEEP, recordings=folder) == {"recordings": 0}
    assert {Path(name).name for name in files(folder)} >= {"young.wav", "ongoing.wav", "nobodys.wav"}
    assert len(files(folder)) == 3 + 2  # and the two folders
    assert [await heard.known(call) for call in (*old, lost, young, ongoing)] == [False] * 6 + [True] * 2
    (entry,) = (await house.json("GET", "/api/v1/audit?action=retention", "mona"))["items"]
    assert entry["changes"] == {"recordings": [6, 0]}


async def test_off_unless_it_is_set(house: House, heard: Heard, folder: Path, clock: Clock) -> None:
    assert kept_by(Settings())["recordings"] == 0
    call = await heard.call("a.wav")
    clock.on(4000 * DAY)
    assert await retention.run(house.db, {**KEEP, "recordings": 0}, recordings=folder) == {}
    assert await retention.run(house.db, KEEP) == {}  # no folder is known
    assert (folder / "a.wav").exists()
    assert await heard.known(call)
    with pytest.raises(WrongSetting, match="PBXCRM_RECORDINGS"):
        load({"PBXCRM_KEEP_RECORDINGS_DAYS": "30"})


@pytest.mark.parametrize(
    "path",
    ["../secret.wav", "/etc/passwd", "2026/../../secret.wav", "out/secret.wav", "link.wav", "notes.txt", "d.wav", ""],
)
async def test_nothing_outside_and_no_other_kind_goes(
    path: str, house: House, heard: Heard, folder: Path, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secret.wav").write_bytes(b"canary")
    (folder / "out").symlink_to(tmp_path)
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "notes.txt").write_text("not sound")
    (folder / "d.wav").mkdir()
    before = files(tmp_path)
    await heard.call(path, file=False)
    clock.on(31 * DAY)
    assert await retention.run(house.db, KEEP, recordings=folder) == {"recordings": 0}
    assert files(tmp_path) == before
    assert (tmp_path / "secret.wav").read_bytes() == b"canary"
    assert "could not be deleted" in caplog.text


async def test_what_cannot_be_deleted_stays_known(
    house: House, heard: Heard, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, free = await heard.call("stuck.wav"), await heard.call("free.wav")
    clock.on(31 * DAY)
    unlink = os.unlink

    def refuse(path: str, *, dir_fd: int | None = None) -> None:
        if path == "stuck.wav":
            raise PermissionError(path)
        unlink(path, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr("pbxcrm.service.recordings.os.unlink", refuse)
        assert await retention.run(house.db, KEEP, recordings=folder) == {"recordings": 1}
    assert [await heard.known(call) for call in (stuck, free)] == [True, False]
    assert await retention.run(house.db, KEEP, recordings=folder) == {"recordings": 1}


async def test_a_file_that_a_younger_call_names_too_stays(
    house: House, heard: Heard, folder: Path, clock: Clock
) -> None:
    old = await heard.call("both.wav")
    clock.on(20 * DAY)
    young = await heard.call("both.wav")
    clock.on(11 * DAY)
    assert await retention.run(house.db, KEEP, recordings=folder) == {"recordings": 1}
    assert (folder / "both.wav").exists()
    assert [await heard.known(call) for call in (old, young)] == [False, True]
    clock.on(20 * DAY)
    await retention.run(house.db, KEEP, recordings=folder)
    assert not (folder / "both.wav").exists()


@pytest.mark.parametrize("gone", [True, False])
async def test_a_disk_that_is_not_there_is_left_alone(
    gone: bool, house: House, heard: Heard, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    call = await heard.call("a.wav")
    clock.on(31 * DAY)
    elsewhere = tmp_path / "unmounted"
    if not gone:
        elsewhere.mkdir()
    assert await retention.run(house.db, KEEP, recordings=elsewhere) == {"recordings": 0}
    assert await heard.known(call)
    assert "is it mounted?" in caplog.text


async def test_a_recording_does_not_outlive_its_call(house: House, heard: Heard, folder: Path, clock: Clock) -> None:
    await heard.call("a.wav")
    clock.on(11 * DAY)
    await retention.run(house.db, {**KEEP, "calls": 10}, recordings=folder)
    assert not (folder / "a.wav").exists()
