"""The spool: whole and exact, torn anywhere, bounded, and applied from the beginning after a kill."""

import os
import stat
from pathlib import Path

import pytest

from pbxcrm.ami.frames import Frame
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from pbxcrm.records import read, write
from pbxcrm.replay import facts as replayed
from pbxcrm.spool import Full, Spool, essence
from tests.store.office import Caller
from tests.unit.calls.goldens import recordings

MB = 1_000_000


def numbered(facts: list[Fact], start: int = 1) -> list[tuple[int, Fact]]:
    return list(enumerate(facts, start))


def stories(count: int, *, over: bool = True) -> list[Fact]:
    found = []
    for i in range(count):
        call = Caller(f"+4860010{i:04}", f"1.{i}")
        found += [call.rings("alice"), call.rings("alice", "bob"), call.rings("bob")]
        if over:
            found += [call.answers("bob"), call.ends()]
    return found


def left(spool: Spool) -> list[Fact]:
    return [fact for _, fact in spool.head(10**6)]


@pytest.mark.parametrize("recording", recordings()[::25], ids=lambda r: r.name)
def test_a_fact_comes_back_equal(recording) -> None:
    tracker = Tracker(People(recording.devices), region=recording.region)
    found = list(replayed(recording.path.read_bytes(), tracker))
    assert found
    assert [read(write(fact)) for fact in found] == found


def test_a_frame_comes_back_with_its_repeated_headers() -> None:
    frame = Frame(event="Newchannel", calleridname="Иван \u2028 \ud800")
    frame.add("chanvariable", "a=1")
    frame.add("chanvariable", "b=2")
    back = read(write((12.25, frame)))
    assert isinstance(back, tuple)
    assert back == (12.25, frame)
    assert back[1].all("chanvariable") == ["a=1", "b=2"]


def test_a_record_of_another_version_or_of_nobody() -> None:
    (fact,) = stories(1)[:1]
    line = write(fact)
    assert read(line[:-2] + b"\n") is None
    assert read(b"") is None
    assert read(b"zzzzzzzz {}\n") is None
    assert read(b'a505df1b {"fact":{}}\n') is None
    assert read(b"\n") is None
    assert read(b"00000000 \n") is None


def test_what_was_put_in_is_there_after_a_kill_in_order_and_for_nobody_else(tmp_path: Path) -> None:
    facts = stories(3)
    spool = Spool(tmp_path / "new" / "x.spool", MB)
    spool.add(numbered(facts))
    os.close(os.dup(spool._fd))
    with pytest.raises(BlockingIOError):  # a second program does not write between our lines
        Spool(spool.path, MB)
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.path.parent.stat().st_mode) == 0o700
    os.close(spool._fd)  # killed: nothing is said goodbye to
    again = Spool(spool.path, MB)
    assert left(again) == facts
    assert again.last == len(facts)
    first = again.head(4)
    again.done(first[-1][0])
    assert left(again) == facts[4:]
    again.done(again.last)
    assert (len(again), again.size, spool.path.stat().st_size) == (0, 0, 0)
    again.close()


def test_torn_at_any_byte_all_records_before_it_are_there_and_more_can_be_added(tmp_path: Path) -> None:
    facts = stories(1)
    lines = [write(fact) for fact in facts]
    whole = b"".join(lines)
    path = tmp_path / "x.spool"
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        spool = Spool(path, MB)
        before = left(spool)
        assert before == facts[: len(before)]
        assert sum(map(len, lines[: len(before)])) <= cut < sum(map(len, lines[: len(before) + 1]))
        spool.add([(spool.last + 1, facts[-1])])
        spool.close()
        spool = Spool(path, MB)
        assert left(spool) == [*before, facts[-1]]
        spool.close()


def test_a_spoilt_record_costs_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    facts = stories(1)
    lines = [write(fact) for fact in facts]
    for spoilt in range(len(lines)):
        path = tmp_path / f"{spoilt}.spool"
        broken = bytearray(lines[spoilt])
        broken[len(broken) // 2] ^= 1
        path.write_bytes(b"".join([*lines[:spoilt], bytes(broken), *lines[spoilt + 1 :]]))
        spool = Spool(path, MB)
        assert left(spool) == facts[:spoilt] + facts[spoilt + 1 :]
        spool.close()
    assert "damaged" in caplog.text


def test_a_record_spoilt_while_we_run_stops_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "x.spool", MB)
    spool.add(numbered(stories(1)))
    os.pwrite(spool._fd, b"x" * spool.size, 0)
    assert spool.head(3) == []
    assert len(spool) == 2
    assert spool.head(3) == []
    assert len(spool) == 0
    spool.close()


def test_essence_keeps_what_leads_to_the_same_rows() -> None:
    marks = [("a", "ringing"), ("b", "ringing"), ("a", "answered"), ("a", "ringing"), ("a", "transferred"),
             ("a", "transferred"), ("a", "ended"), ("b", "ringing")]  # fmt: skip
    assert essence(marks) == [2, 5, 6, 7]
    assert essence([]) == []


def test_when_it_is_full_calls_are_told_shorter_before_any_is_given_up(tmp_path: Path) -> None:
    facts = stories(20)
    need = sum(len(write(fact)) for fact in facts)
    spool = Spool(tmp_path / "x.spool", int(need * 0.7))
    for i, fact in enumerate(facts, 1):
        spool.add([(i, fact)])
        assert spool.path.stat().st_size == spool.size <= spool.limit
    assert spool.dropped == 0
    kinds = {(fact.call.uid, fact.kind) for fact in left(spool)}
    assert {(f"1.{i}", kind) for i in range(20) for kind in ("answered", "ended")} <= kinds
    assert [fact.at for fact in left(spool)] == [f.at for f in facts if f in left(spool)]
    spool.close()


def test_when_it_is_truly_full_calls_that_only_rang_go_first_and_it_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    talked = stories(6)
    ringing = [Caller(f"+4861010{i:04}", f"2.{i}").rings("alice") for i in range(10)]
    facts = [*ringing[:5], *talked, *ringing[5:]]
    room = sum(len(write(fact)) for fact in talked if fact.kind in ("answered", "ended"))
    spool = Spool(tmp_path / "x.spool", int(room * 1.9))
    for i, fact in enumerate(facts, 1):
        spool.add([(i, fact)])
    more = stories(30)
    for i, fact in enumerate(more, len(facts) + 1):
        spool.add([(i, fact)])
    assert spool.size <= spool.limit
    assert spool.dropped > 0
    assert spool.lost is not None
    assert spool.lost.since == min(fact.at for fact in ringing)
    assert spool.lost.until >= max(fact.at for fact in ringing)
    assert "is given up" in caplog.text
    assert "PBXCRM_SPOOL_MB" in caplog.text
    assert left(spool)[-1] == more[-1]
    spool.close()


def test_of_what_time_something_was_given_up_is_known_after_a_kill_until_it_was_found(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "x.spool", MB)
    assert spool.lost is None
    spool.lose(20.0, 30.0)
    spool.lose(25.0, 40.0)
    spool.done(spool.last)
    spool.close()
    spool = Spool(spool.path, MB)
    assert spool.lost == (20.0, 40.0)
    assert stat.S_IMODE(spool.path.with_suffix(".lost").stat().st_mode) == 0o600
    spool.found()
    spool.close()
    spool = Spool(spool.path, MB)
    assert spool.lost is None
    spool.close()
    spool.path.with_suffix(".lost").write_text('{"torn')
    spool = Spool(spool.path, MB)
    assert spool.lost is None
    spool.close()


def test_while_calls_that_only_rang_suffice_no_other_is_given_up(tmp_path: Path) -> None:
    ringing = [Caller(f"+4861010{i:04}", f"2.{i}").rings("alice") for i in range(40)]
    call = Caller("+48600100200", "1.1")
    answered = call.answers("alice")
    size = len(write(ringing[0]))
    spool = Spool(tmp_path / "x.spool", size * 12)
    spool.add([(1, answered)])
    for i, fact in enumerate(ringing, 2):
        spool.add([(i, fact)])
    assert left(spool)[0] == answered
    assert left(spool)[-1] == ringing[-1]
    assert 0 < spool.dropped < 40
    spool.close()


def test_frames_wait_and_give_way_to_what_they_were_told_as(tmp_path: Path) -> None:
    facts = stories(1)
    spool = Spool(tmp_path / "x.spool", 4000)
    frames = [(float(i), Frame(event="Hangup", uniqueid=f"1.{i}")) for i in range(3)]
    spool.add_frames(frames)
    spool.close()
    spool = Spool(spool.path, 4000)
    assert list(spool.frames()) == frames
    assert spool.head(10) == []
    with pytest.raises(Full):
        spool.add_frames(frames * 100)
    assert list(spool.frames()) == frames
    spool.replace_frames(facts)
    assert list(spool.frames()) == []
    assert left(spool) == facts
    assert spool.head(1)[0][0] > 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.spool"]
    spool.close()


def test_a_disk_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = stories(2)
    spool = Spool(tmp_path / "x.spool", MB)
    spool.add(numbered(facts[:3]))
    written = os.pwrite

    def full(fd: int, data: bytes, offset: int) -> int:
        if len(data) > 100:
            return written(fd, data[:100], offset)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", full)
        with pytest.raises(OSError, match="No space"):
            spool.add(numbered(facts[3:], 4))
    assert left(spool) == facts[:3]
    spool.add(numbered(facts[3:], 4))
    spool.close()
    spool = Spool(spool.path, MB)
    assert left(spool) == facts
    spool.close()
