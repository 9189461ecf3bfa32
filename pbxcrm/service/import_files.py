"""A file that somebody brought, read row by row in bounded memory: CSV in whatever writing, or an Excel workbook."""

import codecs
import io
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from openpyxl import load_workbook

from pbxcrm.crm.importing import MOST_COLUMNS, NotRead, cells, delimiter_of, encoding_of, rows_of

MOST_BYTES = 30 * 1024 * 1024
MOST_ROWS = 200_000
# What a workbook may become when it is unpacked: a bomb of a few kilobytes becomes gigabytes.
_UNPACKED = 400 * 1024 * 1024
_WORDS_UNPACKED = 48 * 1024 * 1024  # its shared texts, which are held in memory as a whole
_PARTS = 2_000
_READ = 1024 * 1024


def rows(path: Path) -> Iterator[list[str]]:
    """The rows of a file that hold anything, as cells of text. Raises NotRead, at any row."""
    with path.open("rb") as file:
        head = file.read(64 * 1024)
    if not head.strip(b"\0 \r\n\t\xef\xbb\xbf\xff\xfe"):
        raise NotRead("This file is empty. Nothing was stored.")
    found = _workbook(path) if head.startswith(b"PK\x03\x04") else _text(path, head)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise NotRead("This is a workbook of old Excel (.xls). Nothing was stored. Save it as .xlsx or CSV.")
    for n, row in enumerate(found):
        if n > MOST_ROWS:
            raise NotRead(f"This file has more than {MOST_ROWS} rows. Nothing was stored. Bring it in parts.")
        yield row


def _text(path: Path, head: bytes) -> Iterator[list[str]]:
    encoding = encoding_of(head, utf8=_is_utf8(path))
    with path.open(encoding=encoding, newline="") as file:
        sign = delimiter_of(_first(file))
        file.seek(0)
        yield from rows_of(file, sign)


def _first(file: io.TextIOBase) -> str:
    try:
        return file.read(64 * 1024)
    except UnicodeError:
        return ""  # rows_of meets it again, and says so


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while part := file.read(_READ):
                decoder.decode(part)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _workbook(path: Path) -> Iterator[list[str]]:
    """The first sheet's rows. What is measured before it is unpacked cannot lie: zipfile reads no byte more."""
    try:
        with zipfile.ZipFile(path) as packed:
            _measure(packed.infolist())
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what a file says of its own width is not to be believed
            found = sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS, max_row=MOST_ROWS * 2)
            while batch := list(islice(found, 500)):
                yield from filter(None, map(cells, batch))
        finally:
            book.close()
    except NotRead:
        raise
    except Exception as error:  # a broken workbook breaks its reader in every way there is
        raise NotRead(
            "This file is no Excel workbook that can be read. Nothing was stored. Open it in Excel or LibreOffice, "
            "save it as .xlsx or CSV, and bring that."
        ) from error


def _measure(parts: list[zipfile.ZipInfo]) -> None:
    words = sum(part.file_size for part in parts if "sharedstrings" in part.filename.lower())
    if len(parts) > _PARTS or words > _WORDS_UNPACKED or sum(part.file_size for part in parts) > _UNPACKED:
        raise NotRead("This workbook unpacks to more than is read here. Nothing was stored. Save it as CSV.")
