"""Documents: a library for all or for a team, and files on deals. Rows here, contents in a folder of ours.

A file lies there under a random name that nobody outside is told. It is there before its row is and gone after its
row is: a crash between leaves a file without a row, which `sweep` takes away, never a row without its file.
"""

import asyncio
import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection

from pbxcrm.crm import documents as rules
from pbxcrm.crm import views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.documents import DocumentRow
from pbxcrm.crm.fields import ident_or_none, parse, truth
from pbxcrm.service import audit
from pbxcrm.service.errors import NotFound, Unavailable
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import deals, documents, lookup
from pbxcrm.store.db import EVERYBODY, Database, Work, audience

_FILE = re.compile(r"[0-9a-f]{32}")
_COMING = "coming-"  # a file that is being brought
_LEFT = 86_400.0  # seconds after which what has no row is nobody's any more
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_FOLDER = "There is no folder for documents here. Nothing was stored; tell an administrator."


@dataclass(frozen=True, slots=True)
class Opened:
    """A document's content: close `file`. `size` in bytes."""

    file: BinaryIO
    size: int
    mime: str
    name: str


def view(row: DocumentRow) -> dict[str, Any]:
    """A document as JSON has it; where its file lies is nobody's business."""
    return {
        "id": str(row["id"]),
        "kind": row["kind"],
        "name": row["name"],
        "mime": row["mime"],
        "size": row["size"],
        "deal_id": views.ident(row["deal_id"]),
        "team": row["team"],
        "shared": row["shared"],
        "by": row["by"],
        "created_at": views.iso(row["created_at"]),
    }


async def library(db: Database, scope: Scope) -> dict[str, list[dict[str, Any]]]:
    """What this person may read: {kind: [documents]}, and under `shared` offers of deals to learn from."""

    def run(conn: Connection) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in (*rules.KINDS, "shared")}
        for row in documents.library(conn, scope):
            found["shared" if row["deal_id"] is not None else row["kind"]].append(view(row))
        return found

    return await read(db, run)


async def teams(db: Database, scope: Scope) -> list[tuple[str, str]]:
    """(id, name) of the teams that a document may be kept to."""
    return await read(db, lambda c: [(str(key_), name) for key_, name in sorted(lookup.house(c, scope).teams.items())])


async def of_deal(db: Database, scope: Scope, deal_id: object) -> list[dict[str, Any]]:
    """A deal's documents, the newest first. Raises NotFound."""
    wanted = key(deal_id)

    def run(conn: Connection) -> list[dict[str, Any]]:
        if deals.one(conn, scope, wanted) is None:
            raise NotFound
        return [view(row) for row in documents.of_deals(conn, scope, [wanted])]

    return await read(db, run)


# -- a file comes in -------------------------------------------------------------------------------------------------


@contextmanager
def coming(root: Path | None) -> Iterator[Path]:
    """Where a file that is brought may be written, on the disk where it will stay; gone at the end.

    Raises Unavailable where there is no room for it, having left nothing.
    """
    if root is None:
        raise Unavailable(NO_FOLDER, code="no_folder")
    path = root / f"{_COMING}{secrets.token_hex(16)}"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield path
    except OSError as error:
        raise _no_room(error) from error
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _no_room(error: OSError) -> Unavailable:
    if error.errno in _FULL:
        said = "The disk for documents is full. Nothing was stored; an administrator makes room, then bring it again."
        return Unavailable(said, code="disk_full")
    said = "The folder of documents cannot be written to. Nothing was stored; an administrator sets its rights."
    return Unavailable(said, code="no_folder")


def may_add(scope: Scope, deal_id: str) -> None:
    """Raises NotFound where this person could not add to the library: asked before the file is taken."""
    if not deal_id and not scope.sees_all:
        raise NotFound


async def add(db: Database, scope: Scope, path: Path, name: str, fields: Mapping[str, object]) -> dict[str, Any]:
    """Keep the file at `path` (from `coming`) as a document: kind; deal_id, or team_id (else for everybody).

    Managers fill the library. Raises NotFound, Invalid, Unavailable.
    """
    known = {"kind": rules.kind, "deal_id": ident_or_none, "team_id": ident_or_none}
    given = checked(lambda: parse(fields, known, ("kind",)))
    deal_id, team_id = given.get("deal_id"), given.get("team_id")
    may_add(scope, str(deal_id or ""))
    called = str(checked(lambda: parse({"file": name}, {"file": lambda value: rules.called(str(value))}))["file"])
    head, size = await asyncio.to_thread(_look, path)
    mime = str(checked(lambda: parse({"file": head}, {"file": lambda _: rules.mime_of(called, head)}))["file"])
    file = secrets.token_hex(16)
    row = {"kind": given["kind"], "name": called, "file": file, "mime": mime, "size": size, "deal_id": deal_id}

    def run(work: Work) -> dict[str, Any]:
        heard: str | None = EVERYBODY
        if isinstance(deal_id, int):
            deal = deals.one(work.conn, scope, deal_id)
            if deal is None:
                raise NotFound
            heard = audience(deal["owner_id"])
            deals.touch(work.conn, [{"deal": deal_id, "moment": work.at}])
        elif isinstance(team_id, int):
            house = lookup.house(work.conn, scope)
            if team_id not in house.teams:
                raise wrong({"team_id": "There is no such team."})
            heard = audience(*house.team(team_id))
        team = {"team_id": None if deal_id is not None else team_id}
        made = documents.add(work.conn, {**row, **team, "user_id": scope.user_id or None, "created_at": work.at})
        found = documents.one(work.conn, SYSTEM, made)
        assert found is not None
        work.journal("document.added", view(found), heard)
        audit.note(work, scope, "document.added", "document", made, {"name": (None, called)})
        return view(found)

    await asyncio.to_thread(_settle, path, path.parent / file)
    try:
        return await write(db, run)
    except BaseException:
        await asyncio.to_thread((path.parent / file).unlink, missing_ok=True)
        raise


def _look(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(4096), os.fstat(file.fileno()).st_size


def _settle(path: Path, to: Path) -> None:
    """On disk for good, then under its name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.rename(to)
    folder = os.open(to.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# -- out, and away ---------------------------------------------------------------------------------------------------


async def opened(db: Database, scope: Scope, root: Path | None, document_id: object) -> Opened:
    """The content of a document that this person may read. Raises NotFound, saying so when the file is gone."""
    wanted = key(document_id)
    row = await read(db, lambda conn: documents.one(conn, scope, wanted))
    if row is None or root is None:
        raise NotFound
    try:
        file = await asyncio.to_thread(_open, root, row["file"])
    except OSError as error:
        said = "This document's file is not in the folder of documents any more. Ask whoever keeps your backups."
        raise NotFound(said, code="document_gone") from error
    return Opened(file, os.fstat(file.fileno()).st_size, row["mime"], row["name"])


def _open(root: Path, name: str) -> BinaryIO:
    if not _FILE.fullmatch(name):
        raise FileNotFoundError(name)
    return os.fdopen(os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW), "rb")


async def share(db: Database, scope: Scope, document_id: object, shared: object) -> dict[str, Any]:
    """Let everybody learn from a deal's document, or no more; for managers. Raises NotFound."""
    wanted, given = key(document_id), checked(lambda: parse({"shared": shared}, {"shared": truth}))["shared"]

    def run(work: Work) -> dict[str, Any]:
        row = documents.one(work.conn, scope, wanted)
        if row is None or row["deal_id"] is None or not scope.sees_all:
            raise NotFound
        if row["shared"] == given:
            raise unchanged(view(row))
        documents.change(work.conn, wanted, {"shared": given})
        work.journal("document.changed", view({**row, "shared": bool(given)}), EVERYBODY)
        audit.note(work, scope, "document.changed", "document", wanted, {"shared": (row["shared"], given)})
        return view({**row, "shared": bool(given)})

    return await write(db, run)


async def remove(db: Database, scope: Scope, root: Path | None, document_id: object) -> dict[str, Any]:
    """Away with it: who brought it to their deal, and managers. Gives what it was. Raises NotFound."""
    wanted = key(document_id)

    def run(work: Work) -> DocumentRow:
        row = documents.one(work.conn, scope, wanted)
        if row is None or not (scope.sees_all or (row["deal_id"] is not None and row["by"] == scope.name)):
            raise NotFound
        documents.remove(work.conn, [wanted])
        work.journal("document.removed", {"id": str(wanted), "deal_id": views.ident(row["deal_id"])}, None)
        audit.note(work, scope, "document.removed", "document", wanted, {"name": (row["name"], None)})
        return row

    row = await write(db, run)
    if root is not None:
        await asyncio.to_thread(unlink, root, [row["file"]])
    return view(row)


def unlink(root: Path, files: Sequence[str]) -> None:
    """Delete these files of documents; one that is gone already is gone. Raises OSError."""
    for name in files:
        if _FILE.fullmatch(name):
            (root / name).unlink(missing_ok=True)


async def of_person(db: Database, deal_ids: Sequence[int]) -> list[str]:
    """The files of documents on these deals, whoever brought them: what goes when their customer is erased."""
    return await read(db, lambda conn: [row["file"] for row in documents.of_deals(conn, SYSTEM, deal_ids)])


async def sweep(db: Database, root: Path) -> int:
    """Delete what lies in the folder without a row for longer than a day; gives how many files."""
    known = await read(db, lambda conn: documents.files(conn, SYSTEM))
    return await asyncio.to_thread(_sweep, root, known, db.clock() - _LEFT)


def _sweep(root: Path, known: set[str], before: float) -> int:
    gone = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(root):
            ours = _FILE.fullmatch(entry.name) or entry.name.startswith(_COMING)
            if ours and entry.name not in known and entry.stat(follow_symlinks=False).st_mtime < before:
                (root / entry.name).unlink()
                gone += 1
    return gone


async def due(db: Database, before: float) -> int:
    """How many documents there are of deals that were closed before that moment (epoch seconds)."""
    return len(await read(db, lambda conn: documents.closed_before(conn, SYSTEM, before)))


async def prune(db: Database, root: Path, before: float, batch: int = 100) -> int:
    """Delete documents of deals that were closed before that moment (epoch seconds); gives how many."""
    gone = 0
    while found := await read(db, lambda conn: documents.closed_before(conn, SYSTEM, before, batch)):

        def run(work: Work, found: list[tuple[int, str]] = found) -> None:
            documents.remove(work.conn, [row[0] for row in found])
            work.journal("retention.pruned", {"kind": "documents", "rows": len(found)}, None)

        await write(db, run, durable=False)
        await asyncio.to_thread(unlink, root, [row[1] for row in found])
        gone += len(found)
    return gone
