"""Recordings: heard by whoever may see the call, in parts too; no path of anybody's choosing leads anywhere."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from pbxcrm.calls.model import Call, Talk
from pbxcrm.crm.rules import Rules
from pbxcrm.http.keys import DEPS
from pbxcrm.recorder import Recorder
from pbxcrm.service import history, recordings
from pbxcrm.store.db import Database
from tests.http.bed import House, until
from tests.http.eventually import eventually
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio
SOUND = b"RIFF" + bytes(range(256)) * 400
UID = "1795000000.12"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder, a secret beside it, and links that lead there."""
    folder = tmp_path / "monitor"
    (folder / "2026/11/18").mkdir(parents=True)
    (folder / "2026/11/18" / f"in-4822-{UID}.wav").write_bytes(SOUND)
    (tmp_path / "secret.wav").write_bytes(b"canary")
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "out").symlink_to(tmp_path)
    (folder / "again.wav").symlink_to(folder / "2026/11/18" / f"in-4822-{UID}.wav")
    os.mkfifo(folder / "pipe.wav")
    (folder / "notes.txt").write_text("canary")
    return folder


GOOD = f"2026/11/18/in-4822-{UID}.wav"
OUTSIDE = [
    "../secret.wav", "../../etc/passwd", "/etc/passwd", "2026/../../secret.wav", "out/secret.wav", "link.wav",
    "%2e%2e/secret.wav", "..\\secret.wav", "a\0.wav", "\0", "", ".", "..", "/", "notes.txt", "pipe.wav",
    "out/../../secret.wav", "x" * 5000 + ".wav", "\udcff.wav", "....//secret.wav",
]  # fmt: skip


@pytest.mark.parametrize("said", OUTSIDE)
async def test_nothing_outside_is_ever_deleted(root: Path, said: str) -> None:
    def files() -> list[str]:
        return sorted(str(one) for one in root.parent.rglob("*"))

    before = files()
    told_gone = recordings.remove_inside(root, said)
    assert files() == before
    assert not told_gone or said in ("%2e%2e/secret.wav", "..\\secret.wav", "\udcff.wav", "....//secret.wav")  # names


async def test_what_lies_inside_is_deleted_and_what_is_gone_is_gone(root: Path) -> None:
    assert recordings.remove_inside(root, GOOD)
    assert not (root / GOOD).exists()
    assert recordings.remove_inside(root, GOOD)
    assert not recordings.remove_inside(root / "not mounted", GOOD)  # nobody knows


@pytest.mark.parametrize("said", OUTSIDE)
async def test_nothing_outside_is_ever_stored_or_opened(root: Path, said: str) -> None:
    for one in (said, f"{root}/{said}"):
        found = recordings.inside(root, one)
        assert found is None
    with pytest.raises((OSError, ValueError)):
        recordings.open_inside(root, said).close()


@pytest.mark.parametrize("said", [*OUTSIDE, "\u0639" * 150 + ".wav", "a/" + "x" * 300 + ".wav"])
async def test_nothing_outside_is_what_a_cdr_names(root: Path, said: str) -> None:
    noon = 1_795_000_000.0
    for one in (said, f"{root}/{said}", f"2026/11/18/{said}"):
        assert recordings.told_of(root, one, noon) is None


async def test_what_a_cdr_names_is_found_inside(root: Path) -> None:
    noon = 1_795_000_000.0
    for said in (Path(GOOD).name, GOOD, f"/var/spool/asterisk/monitor/{GOOD}"):
        assert recordings.told_of(root, said, noon) == GOOD
    assert recordings.told_of(root, Path(GOOD).name, noon + 86_400) == GOOD  # the PBX's day, not ours
    assert recordings.told_of(root, Path(GOOD).name, noon + 30 * 86_400) is None


async def test_an_imported_call_is_heard_by_whom_it_concerns(house: House, root: Path) -> None:
    app = house.server.app
    app._state[DEPS] = replace(app[DEPS], recordings=root)
    at = 1_795_000_000.0 - 30 * 86_400
    (root / "old.wav").write_bytes(SOUND)
    talk = Talk("alice", "PJSIP/101", at + 5, at + 20)
    told = Call(
        pbx="pbx", boot="cdr", uid="77.1", linkedids=(), direction="inbound", number="+48601234567", caller_name=None,
        did=None, outcome="answered", started_at=at, answered_at=at + 5, ended_at=at + 20, talk_seconds=15.0,
        first_answered_by="alice", last_answered_by="alice", rang=("alice",), talks=(talk,), transfers=(), evidence=(),
        recording="old.wav",
    )  # fmt: skip
    await history.apply(house.db, [told], source="cdr", rules=Rules(), monitor=root)
    (call,) = (await house.json("GET", "/api/v1/calls", "alice"))["items"]
    assert call["recording"] == f"/api/v1/calls/{call['id']}/recording"
    for who, status in (("alice", 200), ("mona", 200), ("bob", 404), ("charlie", 404)):
        answer = await house.ask("GET", call["recording"], who)
        assert answer.status == status
        assert (await answer.read() == SOUND) == (status == 200)


async def test_what_the_pbx_says_is_found_inside(root: Path) -> None:
    for said in (GOOD, f"{root}/{GOOD}", f"/var/spool/asterisk/monitor/{GOOD}"):
        assert recordings.inside(root, said) == GOOD
    assert recordings.inside(root, "again.wav") == GOOD  # a link within: what it leads to is stored
    noon = 1_795_000_000.0
    assert recordings.named_after(root, [UID], noon) == GOOD
    assert recordings.named_after(root, ["1795000000.1", "795000000.12", "1795000000.123", ".*", "12"], noon) is None


async def test_a_link_put_in_after_the_check_is_not_followed(root: Path) -> None:
    folder = root / "2026/11/18"
    folder.rename(root / "2026/11/was")
    folder.symlink_to(root.parent)
    (root.parent / Path(GOOD).name).write_bytes(b"canary")
    with pytest.raises(OSError):
        recordings.open_inside(root, GOOD)
    folder.unlink()
    (root / "2026/11/was").rename(folder)
    (root / GOOD).unlink()
    (root / GOOD).symlink_to(root.parent / "secret.wav")
    with pytest.raises(OSError):
        recordings.open_inside(root, GOOD)


async def test_a_pipe_holds_nobody(root: Path) -> None:
    done = threading.Event()

    def opens() -> None:
        with pytest.raises(OSError):
            recordings.open_inside(root, "pipe.wav")
        done.set()

    threading.Thread(target=opens, daemon=True).start()
    assert done.wait(10)


@pytest_asyncio.fixture
async def heard(house: House, root: Path) -> AsyncIterator[str]:
    """Alice's call with its recording; gives the call's id."""
    app = house.server.app
    app._state[DEPS] = replace(app[DEPS], recordings=root)
    call = await call_of(house.db, house.people["alice"], UID, "+48601234567")
    await recordings.keep(house.db, call, GOOD)
    yield call


async def test_who_may_see_the_call_hears_it(house: House, heard: str) -> None:
    for path in (f"/calls/{heard}/recording", f"/api/v1/calls/{heard}/recording"):
        for who in ("alice", "mona"):
            answer = await house.ask("GET", path, who)
            assert (answer.status, await answer.read()) == (200, SOUND)
            assert answer.headers["Content-Type"] == "audio/wav"
            assert answer.headers["Content-Disposition"] == 'inline; filename="call.wav"'
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for who in ("bob", "charlie"):
            assert (await house.ask("GET", path, who)).status == 404
    call = await house.json("GET", f"/api/v1/calls/{heard}", "alice")
    assert call["recording"] == f"/api/v1/calls/{heard}/recording"
    assert UID not in call["recording"]


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-3", 206, SOUND[:4]),
        ("bytes=100-199", 206, SOUND[100:200]),
        ("bytes=-10", 206, SOUND[-10:]),
        ("bytes=102000-", 206, SOUND[102000:]),
        ("bytes=0-99999999", 206, SOUND),
        ("bytes=99999999-", 416, b""),
        ("bytes=5-2", 200, SOUND),
        ("lines=0-3", 200, SOUND),
        ("nonsense", 200, SOUND),
    ],
)
async def test_parts(house: House, heard: str, asked: str, status: int, part: bytes) -> None:
    answer = await house.ask("GET", f"/calls/{heard}/recording", "alice", headers={"Range": asked})
    assert (answer.status, await answer.read()) == (status, part)
    if status == 206:
        start = len(SOUND) - len(part) if asked.startswith("bytes=-") else int(asked[6:].split("-")[0])
        assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/{len(SOUND)}"


async def test_a_file_that_is_gone_says_so(house: House, heard: str, root: Path) -> None:
    (root / GOOD).unlink()
    answer = await house.ask("GET", f"/api/v1/calls/{heard}/recording", "alice")
    error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (404, "recording_gone")
    assert str(root) not in error["message"]


@pytest.mark.parametrize("evil", ["../secret.wav", "/etc/passwd", "out/secret.wav", "link.wav", "pipe.wav"])
async def test_a_path_that_got_into_the_database_leads_nowhere(house: House, root: Path, evil: str) -> None:
    app = house.server.app
    app._state[DEPS] = replace(app[DEPS], recordings=root)
    call = await call_of(house.db, house.people["alice"], "2", "+48601234567")
    await recordings.keep(house.db, call, evil)
    answer = await house.ask("GET", f"/calls/{call}/recording", "alice")
    assert answer.status == 404
    assert b"canary" not in await answer.read()
    assert b"root:" not in await answer.read()


@pytest.mark.parametrize("path", ["../../etc/passwd", "%2e%2e%2f%2e%2e", "x", "0" * 36, "%00"])
async def test_the_address_holds_an_id_and_nothing_else(house: House, heard: str, path: str) -> None:
    for prefix in ("/calls", "/api/v1/calls"):
        assert (await house.ask("GET", f"{prefix}/{path}/recording", "alice")).status in (404, 303)


async def test_the_recorder_finds_it(db: Database, house: House, root: Path) -> None:
    recorder = Recorder(db, house.hub, root, (0.0, 0.01))
    (root / "mine.wav").write_bytes(SOUND)
    recorder.notice(
        {"event": "VarSet", "variable": "MIXMONITOR_FILENAME", "value": f"{root}/mine.wav", "uniqueid": "9.9"}
    )
    recorder.notice({"event": "VarSet", "variable": "OTHER", "value": f"{root}/link.wav", "uniqueid": UID})
    task = asyncio.create_task(recorder.run())
    await until(lambda: bool(house.hub._listeners))
    wanted = {UID: GOOD, "9.9": "mine.wav"}
    ids = {}
    for uid in wanted:
        ids[uid] = await call_of(db, house.people["alice"], uid, "+48601234567")

    async def found() -> bool:
        rows = await db.reading(lambda c: c.exec_driver_sql("SELECT id, recording FROM calls").all())
        return {row.id: row.recording for row in rows} == {ids[uid]: path for uid, path in wanted.items()}

    await eventually(found)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
