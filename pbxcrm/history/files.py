"""CEL and CDR in CSV files: cdr_csv, cdr_custom, cel_custom; rotated files by a glob, gzip among them.

A file is known by its first row, not by its name: rotation renames and packs files between two readings, and no row
is read twice for that. A last line that is still being written is left for the next reading.
"""

import asyncio
import csv
import glob
import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from pbxcrm.calls.rows import CDR_NEEDED, CEL_NEEDED, Row, moment
from pbxcrm.history import columns as names
from pbxcrm.history.clock import Clock
from pbxcrm.history.errors import SourceError
from pbxcrm.history.sources import PAGE, Found, Kind, Page

_LONGEST = 16 * 1024  # bytes: a longer record is a stray quotation mark, not a record
_NEEDED = {"cel": CEL_NEEDED, "cdr": CDR_NEEDED}
_TIME = {"cel": "eventtime", "cdr": "calldate"}


@dataclass(frozen=True, slots=True)
class _File:
    """A file, what its first row says of it, and its columns, if it names them itself."""

    path: Path
    mark: str
    begins: float
    columns: tuple[str, ...]
    size: int


class CsvFiles:
    """A source over the files that a path or a glob names now. `columns`: of files that have no header line."""

    def __init__(self, kind: Kind, pattern: str, clock: Clock, columns: Sequence[str] = ()) -> None:
        self.kind: Kind = kind
        self.name = pattern
        self._clock = clock
        self._columns = tuple(columns)

    async def pages(self, since: float, cursor: str = "") -> AsyncIterator[Page]:
        """See Source.pages. Done and total are bytes."""
        offsets: dict[str, int] = json.loads(cursor) if cursor else {}
        files = await asyncio.to_thread(self._files)
        total, before = float(sum(file.size for file in files)), 0.0
        for number, file in enumerate(files):
            after = files[number + 1].begins if number + 1 < len(files) else float("inf")
            offset = offsets.get(file.mark, 0)
            # Rows are written when calls end: a file goes on a little after the next one has begun.
            while not (offset == 0 and after < since):
                rows, broken, reached = await asyncio.to_thread(self._read, file, offset, since)
                if reached == offset:
                    break
                offset = offsets[file.mark] = reached
                yield Page(rows, json.dumps(offsets), before + min(offset, file.size), total, broken)
            before += file.size

    async def look(self) -> Found:
        """See Source.look."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Found:
        files = self._files()
        if not files:
            return Found(self.name, (), None)
        newest = None
        last = files[-1]
        with _opened(last.path) as stream:
            if last.path.suffix != ".gz":
                stream.seek(max(0, last.size - _LONGEST))
                if stream.tell():
                    stream.readline()
            for fields in _parsed(record for _, record in _records(stream)):
                if (row := self._row(last, fields)) is not None:
                    newest = max(newest or 0.0, moment(row, _TIME[self.kind]) or 0.0)
        return Found(self.name, last.columns, newest)

    def _files(self) -> list[_File]:
        """The files by their first rows' time; of two that begin alike (a copy) the longer. Raises SourceError."""
        paths = [Path(name) for name in glob.glob(self.name)]  # noqa: PTH207 - an absolute pattern is one
        if not paths:
            raise SourceError(
                f"There is no file {self.name}. Nothing was read. Look whether the PBX writes it (docs/history.md), "
                "and whether pbxcrm may enter its folder."
            )
        found: dict[str, _File] = {}
        for path in paths:
            try:
                file = self._file(path)
            except (OSError, EOFError) as error:
                why = getattr(error, "strerror", None) or str(error)
                raise SourceError(
                    f"{path} cannot be read: {why}. Nothing was changed. Give pbxcrm the right to."
                ) from None
            if file is not None and (file.mark not in found or found[file.mark].size < file.size):
                found[file.mark] = file
        return sorted(found.values(), key=lambda file: file.begins)

    def _file(self, path: Path) -> _File | None:
        """What there is to know of a file; None while it has no row. Raises SourceError where it is no such file."""
        with _opened(path) as stream:
            columns, tried = self._columns, 0
            for _, record in _records(stream):
                fields = next(iter(_parsed([record])), [])
                if names.is_header(self.kind, fields):
                    columns = tuple(names.named(self.kind, field) for field in fields)
                    self._check(path, columns)
                    continue
                shown = columns or names.usual(self.kind, fields)
                if shown is not None and (row := self._make(shown, fields)) is not None:
                    self._check(path, shown)
                    mark = hashlib.sha256(record).hexdigest()[:24]
                    size = _unpacked(path)
                    return _File(path, mark, moment(row, _TIME[self.kind]) or 0.0, columns, size)
                tried += 1
                if tried == 20:
                    raise SourceError(self._no_rows(path, fields))
        if tried:
            raise SourceError(self._no_rows(path, fields))
        return None

    def _no_rows(self, path: Path, fields: Sequence[str]) -> str:
        kind = self.kind.upper()
        return (
            f"{path} has no {kind} rows that can be read: a line has {len(fields)} fields, and no header says which is "
            f"what. Nothing was stored of it. Copy the mapping from the PBX's configuration into PBXCRM_{kind}_COLUMNS."
        )

    def _check(self, path: Path, columns: Sequence[str]) -> None:
        missing = [name for name in _NEEDED[self.kind] if name not in columns]
        if missing:
            raise SourceError(
                f"{path} has no column {', '.join(missing)}. Nothing was stored of it. Add it to the PBX's mapping "
                "(docs/history.md), or name the columns as they stand in PBXCRM_"
                f"{self.kind.upper()}_COLUMNS."
            )

    def _read(self, file: _File, offset: int, since: float) -> tuple[list[Row], int, int]:
        """Up to a page of rows from a byte on, how many could not be read, and the byte after the last."""
        rows: list[Row] = []
        broken = 0
        try:
            with _opened(file.path) as stream:
                stream.seek(offset)
                records: list[bytes] = []
                for end, record in _records(stream, offset):
                    offset = end
                    records.append(record)
                    if len(records) == PAGE:
                        break
        except (OSError, EOFError) as error:
            raise SourceError(
                f"{file.path} cannot be read to its end: {error}. What came before it is stored."
            ) from None
        for fields in _parsed(records):
            row = self._row(file, fields)
            if row is None:
                broken += not names.is_header(self.kind, fields)
            elif (moment(row, _TIME[self.kind]) or 0.0) >= since:
                rows.append(row)
        return rows, broken, offset

    def _row(self, file: _File, fields: Sequence[str]) -> Row | None:
        columns = file.columns or names.usual(self.kind, fields)
        return None if columns is None else self._make(columns, fields)

    def _make(self, columns: Sequence[str], fields: Sequence[str]) -> Row | None:
        # A mapping may be shorter than the file's newer rows; a row that lacks fields is half a row.
        if len(fields) < len(columns):
            return None
        return names.row(self.kind, dict(zip(columns, fields, strict=False)), self._clock)


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _unpacked(path: Path) -> int:
    """Bytes; of a packed file what its last four bytes say (right up to 4 GiB, and only shown as progress)."""
    size = path.stat().st_size
    if path.suffix != ".gz":
        return size
    with path.open("rb") as stream:
        stream.seek(max(0, size - 4))
        return int.from_bytes(stream.read(4), "little")


def _records(stream: gzip.GzipFile | BufferedReader, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Whole records and the byte after each: a line, or several where a quotation goes on over its end."""
    record = b""
    first = 0  # the byte after the first line of a record of several
    while line := stream.readline(_LONGEST):
        if not line.endswith(b"\n") and len(line) < _LONGEST:
            return  # it is being written
        record += line
        first = first or offset + len(line)
        if record.count(b'"') % 2 == 0:
            offset += len(record)
            yield offset, record
        elif len(record) > _LONGEST:
            yield first, b"\n"  # a stray quotation mark: that line is lost, the next ones are not
            offset = first
            stream.seek(offset)
        else:
            continue
        record, first = b"", 0


def _parsed(records: Iterator[bytes] | Sequence[bytes]) -> Iterator[list[str]]:
    """The fields of each record; [] of an empty one."""
    texts = (record.decode("utf-8", "replace").replace("\0", "") for record in records)
    return csv.reader(texts)
