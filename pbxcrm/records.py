"""A record of the spool: one line, `checksum JSON`, holding a fact or one of the PBX's frames, whole and exact."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from pbxcrm.ami.frames import Frame
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call, Evidence, Talk, Transfer

FRAME = "frame"  # the mark of a frame, where a fact has its kind

Record = Fact | tuple[float, Frame]
_PARTS: dict[str, Callable[..., object]] = {"talks": Talk, "transfers": Transfer, "evidence": Evidence}
_KNOWN = frozenset(field.name for field in fields(Call))


def write(record: Record) -> bytes:
    """The line of a fact, or of a frame with the time of its arrival."""
    if isinstance(record, Fact):
        said: dict[str, Any] = {"fact": asdict(record)}
    else:
        at, frame = record
        said = {FRAME: [at, [(key, value) for key in frame for value in frame.all(key)]]}
    body = json.dumps(said, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(body), body)


def read(line: bytes) -> Record | None:
    """What was written, also by another version of ours; None where the line is torn, spoilt or none of ours."""
    try:
        if int(line[:8], 16) != zlib.crc32(line[9:-1]):
            return None
        said = json.loads(line[9:])
        return _frame(*said[FRAME]) if FRAME in said else _fact(said["fact"])
    except (ValueError, KeyError, TypeError):
        return None


def mark(record: Record) -> tuple[float, str, str]:
    """When, of what kind, of which call: enough to know what may go."""
    if isinstance(record, Fact):
        return record.at, record.kind, record.call.id
    return record[0], FRAME, ""


def _frame(at: float, pairs: list[tuple[str, str]]) -> tuple[float, Frame]:
    frame = Frame()
    for key, value in pairs:
        frame.add(key, value)
    return float(at), frame


def _fact(said: Mapping[str, Any]) -> Fact:
    call: dict[str, Any] = {}
    for name, value in said["call"].items():
        if name in _PARTS:
            call[name] = tuple(_PARTS[name](**part) for part in value)
        elif name in _KNOWN:
            call[name] = tuple(value) if isinstance(value, list) else value
    return Fact(said["kind"], int(said["n"]), float(said["at"]), Call(**call))
