"""Recordings that the PBX made: which file is whose call's, and how it is opened so that no path leads elsewhere.

A path is stored relative to the folder of recordings, after it was resolved inside it; it is opened folder by folder
without following links. Outside there is only the call's id.
"""

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sqlalchemy import Connection

from pbxcrm.calls.model import Call
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import read, unchanged, write
from pbxcrm.store import calls
from pbxcrm.store.db import Database, Work

TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".gsm": "audio/x-gsm",
}
_ID = re.compile(r"[A-Za-z0-9_.-]{3,150}")
_DAY = 86400.0
Files = Mapping[tuple[str | None, float], str]


@dataclass(frozen=True, slots=True)
class Sound:
    """An opened recording: close `file`. `size` in bytes, `kind` its MIME type, `name` for who saves it."""

    file: BinaryIO
    size: int
    kind: str
    name: str


def _is_sound(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in TYPES


def inside(root: Path, said: str) -> str | None:
    """The path within `root` of a recording that the PBX named, absolute or not; None where there is no such file.

    The PBX may know the folder by another name than we (another machine, another mount): then the end of its path
    is looked for. Whatever is found must lie inside once all links are followed, and be a file of sound.
    """
    if "\0" in said or len(said) > 1000 or not _is_sound(said):
        return None
    home = root.resolve()
    parts = [part for part in PurePosixPath(said).parts if part != "/"]
    if ".." in parts:
        return None
    for start in range(len(parts)):
        found = home.joinpath(*parts[start:]).resolve()
        if found.is_relative_to(home) and found.is_file():
            return found.relative_to(home).as_posix()
    return None


def told_of(root: Path, said: str, started_at: float) -> str | None:
    """The same of what a CDR names: a path, or a name alone, which lies in the folder of its day."""
    try:
        if "/" in said:
            return inside(root, said)
        for folder in _folders(root, started_at):
            if (folder / said).is_file() and (found := inside(root, (folder / said).relative_to(root).as_posix())):
                return found
    except OSError:  # a name longer than names may be, a folder that we may not enter
        return None
    return None


def named(call: Call) -> tuple[str | None, float]:
    """By what a call's CDR names its recording: a name alone may come again on another day."""
    return call.recording, call.started_at


def there(root: Path | None, calls: Iterable[Call]) -> Files:
    """Of these calls, by `named`, where their recordings lie: of those that are there. It looks at the disk."""
    asked = {named(call) for call in calls if call.recording} if root is not None else set()
    found = {(said, at): told_of(root, said, at) for said, at in asked if root is not None and said is not None}
    return {key: path for key, path in found.items() if path is not None}


def named_after(root: Path, ids: Iterable[str], started_at: float) -> str | None:
    """The recording whose name holds one of a call's Uniqueids, as FreePBX names them: `…-UNIQUEID.wav`.

    It lies in the folder itself or in that of its day (YYYY/MM/DD); the PBX's midnight may be another than ours.
    """
    wanted = [one for one in ids if _ID.fullmatch(one)]
    for folder in _folders(root, started_at):
        try:
            names = sorted(entry.name for entry in os.scandir(folder))
        except OSError:
            continue
        for one in wanted:
            ours = re.compile(rf"(?<![0-9.]){re.escape(one)}(?![0-9.]*[0-9])")
            for name in names:
                if ours.search(name) and (found := inside(root, (folder / name).relative_to(root).as_posix())):
                    return found
    return None


def _folders(root: Path, started_at: float) -> Iterator[Path]:
    for at in (started_at, started_at - _DAY, started_at + _DAY):
        yield root / time.strftime("%Y/%m/%d", time.gmtime(at))
    yield root


@contextmanager
def _folder(root: Path, relative: str) -> Iterator[tuple[int, str]]:
    """The open folder of a file below `root` and the file's name, each step without following a link.

    Raises OSError where there is none such.
    """
    *folders, name = PurePosixPath(relative).parts or ("",)
    if (
        relative.startswith("/")
        or not name
        or {"..", "."} & {*folders, name}
        or "\0" in relative
        or not _is_sound(name)
    ):
        raise PermissionError(relative)
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        yield here, name
    finally:
        os.close(here)


def open_inside(root: Path, relative: str) -> BinaryIO:
    """Open a file below `root`, no link followed. Raises OSError where there is none such."""
    with _folder(root, relative) as (folder, name):
        # Not blocking: a pipe of that name would hold us for ever.
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise FileNotFoundError(relative)
    return os.fdopen(found, "rb")


def remove_inside(root: Path, relative: str) -> bool:
    """Delete a file of sound below `root`, no link followed; False where it is still there. Gone before is gone."""
    try:
        with _folder(root, relative) as (folder, name):
            if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                return False
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return root.is_dir()
    except OSError:
        return False
    return True


async def keep(db: Database, call_id: str, path: str) -> None:
    """This is the recording of that call. Kept once: a later one of the same call changes nothing."""

    def run(work: Work) -> None:
        if not calls.recorded(work.conn, call_id, path):
            raise unchanged(None)
        work.journal("call.recorded", {"id": call_id}, None)

    await write(db, run)


async def ids_of(db: Database, call_id: str) -> tuple[list[str], float] | None:
    """(its Uniqueids and Linkedids, when it began) of a call that has no recording yet."""
    return await read(db, lambda conn: calls.unrecorded(conn, SYSTEM, call_id))


async def sound(db: Database, scope: Scope, root: Path | None, call_id: str) -> Sound:
    """The recording of a call that this person may see. Raises NotFound, saying so when the file is gone."""

    def run(conn: Connection) -> str | None:
        return calls.recording_of(conn, scope, call_id) if len(call_id) < 100 else None

    path = await read(db, run)
    if path is None or root is None:
        raise NotFound("There is no recording of this call here, or it is not yours.")
    try:
        file = open_inside(root, path)
    except OSError as error:
        raise NotFound(_GONE, code="recording_gone") from error
    suffix = PurePosixPath(path).suffix.lower()
    return Sound(file, os.fstat(file.fileno()).st_size, TYPES[suffix], f"call{suffix}")


_GONE = (
    "This call was recorded, but the file is not in the folder of recordings any more. The call itself is all here; "
    "ask whoever keeps the PBX's files."
)
