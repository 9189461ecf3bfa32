"""Documents: what kinds there are, which files are taken, and what a file may be called. Pure."""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import NamedTuple, TypedDict
from urllib.parse import quote

from pbxcrm.calls.numbers import clean
from pbxcrm.crm.fields import WrongError

KINDS = ("offer_template", "price_list", "nda", "contract", "offer", "other")
MOST_BYTES = 20 * 1024 * 1024
_LONGEST = 120
_HEAD = 4096  # bytes of a file that tell what it is


class DocumentRow(TypedDict):
    """A row of `documents` with names beside it; `title` of its deal."""

    id: int
    kind: str
    name: str
    file: str
    mime: str
    size: int
    deal_id: int | None
    team_id: int | None
    team: str | None
    shared: bool
    by: str | None
    created_at: float


class _Type(NamedTuple):
    mime: str
    begins: Callable[[bytes], bool]


def _magic(*signs: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signs)


def _is_text(head: bytes) -> bool:
    return b"\0" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff"))


_PACKED = _magic(b"PK\x03\x04")
_OLD_OFFICE = _magic(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
# What a browser would run (HTML, SVG, scripts) is not among them; what macros run in is not either.
TYPES: dict[str, _Type] = {
    ".pdf": _Type("application/pdf", _magic(b"%PDF-")),
    ".docx": _Type(_OPEN_XML + "wordprocessingml.document", _PACKED),
    ".xlsx": _Type(_OPEN_XML + "spreadsheetml.sheet", _PACKED),
    ".pptx": _Type(_OPEN_XML + "presentationml.presentation", _PACKED),
    ".odt": _Type(_ODF + "text", _PACKED),
    ".ods": _Type(_ODF + "spreadsheet", _PACKED),
    ".odp": _Type(_ODF + "presentation", _PACKED),
    ".doc": _Type("application/msword", _OLD_OFFICE),
    ".xls": _Type("application/vnd.ms-excel", _OLD_OFFICE),
    ".ppt": _Type("application/vnd.ms-powerpoint", _OLD_OFFICE),
    ".rtf": _Type("application/rtf", _magic(b"{\\rtf")),
    ".txt": _Type("text/plain", _is_text),
    ".csv": _Type("text/csv", _is_text),
    ".png": _Type("image/png", _magic(b"\x89PNG\r\n\x1a\n")),
    ".jpg": _Type("image/jpeg", _magic(b"\xff\xd8\xff")),
    ".jpeg": _Type("image/jpeg", _magic(b"\xff\xd8\xff")),
}


def kind(value: object) -> str:
    """A parser of what a document is."""
    if value not in KINDS:
        raise WrongError("Choose one of the list.")
    return str(value)


def called(given: str) -> str:
    """A file's name as we keep it: no folder, nothing that cannot be seen, its ending kept. Raises WrongError."""
    name = clean(PurePosixPath(given.replace("\\", "/")).name, 1000).strip(" .")
    suffix = PurePosixPath(name).suffix
    if suffix.lower() not in TYPES:
        known = ", ".join(one[1:] for one in TYPES)
        raise WrongError(f"Files of this kind are not taken. Nothing was stored; these are: {known}.")
    return name[: -len(suffix)][: _LONGEST - len(suffix)].rstrip(" .") + suffix.lower()


def mime_of(name: str, head: bytes) -> str:
    """The MIME type that goes with a name's ending, if the file begins like one. Raises WrongError."""
    known = TYPES[PurePosixPath(name).suffix]
    if not head:
        raise WrongError("This file is empty. Nothing was stored.")
    if not known.begins(head[:_HEAD]):
        raise WrongError("This file is not what its name says. Nothing was stored; save it anew, and bring that.")
    return known.mime


def disposition(name: str) -> str:
    """The header Content-Disposition: to be saved under this name, never shown by the browser."""
    suffix = PurePosixPath(name).suffix
    return f"attachment; filename=\"document{suffix}\"; filename*=UTF-8''{quote(name, safe='')}"
