"""What waits for the database, on disk: an append-only file that survives a kill of ours, bounded in bytes.

Facts in their order, and before the database has been seen at all (so that nobody knows which calls live) the PBX's
frames as they came. A record is one line, `checksum JSON`: a torn or spoilt one is passed over. Applying a record
twice does nothing (service/intake.py), so nothing here notes what was applied: the file is emptied when all of it is.
"""

import fcntl
import itertools
import json
import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pbxcrm.ami.frames import Frame
from pbxcrm.calls.facts import Fact
from pbxcrm.records import FRAME, Record, mark, read, write

log = logging.getLogger("pbxcrm.spool")

Waiting = tuple[int, Fact]  # a fact and its number in the order of arrival
_ROOM = 0.75  # of the limit, at most, is left when something had to be dropped: rewriting the file is dear


class Full(OSError):  # noqa: N818
    """What came does not fit within the limit."""


class Entry(NamedTuple):
    """Where a record lies, and what has to be known of it to drop it."""

    serial: int
    at: float
    kind: str
    call: str
    offset: int
    size: int


def essence(marks: Sequence[tuple[str, str]]) -> list[int]:
    """Which of these (call, kind) lead to the same rows as all: of a call the latest of each kind, ringing only last.

    Each fact carries the whole call; its kind says what is to be done about it.
    """
    kept: list[int] = []
    told: set[tuple[str, str]] = set()
    for i in range(len(marks) - 1, -1, -1):
        call, kind = marks[i]
        if kind == FRAME or not ((call, kind) in told or (kind == "ringing" and (call, "") in told)):
            kept.append(i)
        told |= {(call, kind), (call, "")}
    return kept[::-1]


class Span(NamedTuple):
    """From when to when, epoch seconds."""

    since: float
    until: float


class Spool:
    """One file, one process. Every method that touches the disk raises OSError where that fails; nothing is half done.

    `dropped` counts the calls of which something was given up, `lost` is the time that they are of: kept in a file
    beside (`.lost`), over restarts, until `found` says that the PBX's history was asked instead.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.limit = limit
        self.dropped = 0
        self.lost = _span(path.with_suffix(".lost"))
        self._entries: deque[Entry] = deque()
        self._last = 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.size = self._scan()
        except BaseException:
            os.close(self._fd)
            raise

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def last(self) -> int:
        """The highest number in the file, ever."""
        return self._last

    @property
    def oldest(self) -> float | None:
        """When the oldest record happened, epoch seconds."""
        return self._entries[0].at if self._entries else None

    def _scan(self) -> int:
        """Learn what is there; gives where the next record goes. A torn end is cut off."""
        offset = bad = 0
        with os.fdopen(os.dup(self._fd), "rb") as file:
            file.seek(0)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                record = read(line)
                bad += record is None
                if record is not None:
                    self._last += 1
                    self._entries.append(Entry(self._last, *mark(record), offset, len(line)))
                offset += len(line)
        os.ftruncate(self._fd, offset)
        if bad:
            log.error("%d of the records in %s are damaged and were passed over", bad, self.path)
        return offset

    # ---- putting in

    def add(self, facts: Iterable[Waiting]) -> None:
        """Facts with numbers beyond `last`; on the disk when this returns."""
        self._append([(serial, fact, write(fact)) for serial, fact in facts], self._make_room)

    def add_frames(self, frames: Iterable[tuple[float, Frame]]) -> None:
        """Frames as they came, with the time of their arrival. Raises Full where they do not fit."""
        self._append([(i, frame, write(frame)) for i, frame in enumerate(frames, self._last + 1)], _refuse)

    def _append(self, new: list[tuple[int, Record, bytes]], make_room: Callable[[int], None]) -> None:
        data = b"".join(line for _, _, line in new)
        if self.size + len(data) > self.limit:
            make_room(len(data))
        self._write(data)
        for serial, record, line in new:
            self._enter(serial, record, len(line))

    def _enter(self, serial: int, record: Record, size: int) -> None:
        self._entries.append(Entry(serial, *mark(record), self.size, size))
        self.size += size
        self._last = max(self._last, serial)

    def _write(self, data: bytes) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(self._fd, data[done:], self.size + done)
            os.fsync(self._fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise

    # ---- giving room

    def _make_room(self, size: int) -> None:
        """Keep what leads to the same rows; if that is not enough, let calls that only rang go, then the oldest."""
        entries = [self._entries[i] for i in essence([(e.call, e.kind) for e in self._entries])]
        if sum(e.size for e in entries) + size > self.limit:
            entries = self._drop(entries, int(self.limit * _ROOM) - size)
        self._rewrite([(e.serial, self._line(e)) for e in entries])
        if self.size + size > self.limit:
            raise Full

    def _drop(self, entries: list[Entry], room: int) -> list[Entry]:
        told = {e.call for e in entries if e.kind != "ringing"}
        sizes: Counter[str] = Counter()
        for entry in entries:
            sizes[entry.call] += entry.size
        excess, gone = sizes.total() - room, set[str]()
        for call in sorted(sizes, key=told.__contains__):  # the sort is stable: both parts stay in order of age
            if excess <= 0:
                break
            gone.add(call)
            excess -= sizes[call]
        self.dropped += len(gone)
        moments = [e.at for e in entries if e.call in gone]
        if moments:
            self.lose(min(moments), max(moments))
        log.critical(
            "%s is full (%d bytes): what was kept of %d calls is given up, the oldest first. They are in the PBX's "
            "history (CDR, CEL) only. Mend the database; PBXCRM_SPOOL_MB gives more room.",
            self.path,
            self.limit,
            len(gone),
        )
        return [e for e in entries if e.call not in gone]

    def lose(self, since: float, until: float) -> None:
        """Something of this time is given up: noted on disk, or in memory where that fails."""
        lost = self.lost or Span(since, until)
        self.lost = Span(min(since, lost.since), max(until, lost.until))
        with suppress(OSError):
            beside = self.path.with_suffix(".lost.new")
            beside.unlink(missing_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
                json.dump(self.lost, file)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(self.path.with_suffix(".lost"))
            _sync_folder(self.path.parent)

    def found(self) -> None:
        """Everything that was given up has been told by somebody else."""
        self.lost = None
        self.path.with_suffix(".lost").unlink(missing_ok=True)

    def _rewrite(self, lines: Sequence[tuple[int, bytes]]) -> None:
        """These records and no others, in one step: whoever dies meanwhile finds the old file or the new one."""
        beside = self.path.with_suffix(".new")
        fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with os.fdopen(os.dup(fd), "wb") as file:
                file.writelines(line for _, line in lines)
            os.fsync(fd)
            beside.rename(self.path)
        except BaseException:
            os.close(fd)
            beside.unlink(missing_ok=True)
            raise
        os.close(self._fd)
        self._fd, self.size = fd, 0
        self._entries.clear()
        for serial, line in lines:
            if (record := read(line)) is not None:
                self._enter(serial, record, len(line))
        _sync_folder(self.path.parent)

    # ---- taking out

    def head(self, count: int) -> list[Waiting]:
        """The oldest facts with their numbers, none behind a frame; they stay until `done`."""
        found: list[Waiting] = []
        for entry in itertools.islice(self._entries, count):
            record = read(self._line(entry))
            if isinstance(record, tuple):
                break
            if record is not None:
                found.append((entry.serial, record))
        if not found and self._entries and self._entries[0].kind != FRAME:
            self.done(self._entries[min(count, len(self._entries)) - 1].serial)  # the disk has spoilt them since
        return found

    def done(self, serial: int) -> None:
        """Everything up to this number is in the database."""
        while self._entries and self._entries[0].serial <= serial:
            self._entries.popleft()
        if not self._entries and self.size:
            with suppress(OSError):  # what stays there is applied again at the next start, and changes nothing
                os.ftruncate(self._fd, 0)
                self.size = 0

    def frames(self) -> Iterator[tuple[float, Frame]]:
        """The frames that wait, in order, with the times of their arrival."""
        for entry in self._entries:
            record = read(self._line(entry))
            if isinstance(record, tuple):
                yield record

    def replace_frames(self, facts: Iterable[Fact]) -> None:
        """What the frames were told as facts takes their place, all in one step."""
        kept = [(e.serial, self._line(e)) for e in self._entries if e.kind != FRAME]
        self._rewrite([*kept, *((i, write(fact)) for i, fact in enumerate(facts, self._last + 1))])

    def _line(self, entry: Entry) -> bytes:
        return os.pread(self._fd, entry.size, entry.offset)

    def close(self) -> None:
        """Let go of the file; it stays."""
        os.close(self._fd)


def _refuse(_size: int) -> None:
    raise Full


def _span(path: Path) -> Span | None:
    """What was noted there; None where nothing was, or nothing that can be read."""
    try:
        since, until = json.loads(path.read_text())
        return Span(float(since), float(until))
    except (OSError, ValueError, TypeError):
        return None


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk only when its folder is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
