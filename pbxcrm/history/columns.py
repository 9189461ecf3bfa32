"""Which field of a record is what: by a header line, by the operator's mapping, or by Asterisk's own order."""

import re
from collections.abc import Mapping, Sequence

from pbxcrm.calls.rows import CDR_COLUMNS, CDR_TIMES, CEL_COLUMNS, CEL_TIMES, Row
from pbxcrm.history.clock import Clock
from pbxcrm.history.sources import Kind

# cdr_csv's order; what cdr.conf may add comes after it (loguniqueid, loguserfield, newcdrcolumns).
_CDR = ("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "calldate",
        "answer", "end", "duration", "billsec", "disposition", "amaflags")  # fmt: skip
_NEW = ("peeraccount", "linkedid", "sequence")
_CDR_BY_LENGTH = {
    16: _CDR,
    17: (*_CDR, "uniqueid"),
    18: (*_CDR, "uniqueid", "userfield"),
    19: (*_CDR, *_NEW),
    20: (*_CDR, "uniqueid", *_NEW),
    21: (*_CDR, "uniqueid", "userfield", *_NEW),
}
# The mapping in Asterisk's own cel_custom.conf.sample, and the one in ours (docker/asterisk).
_CEL_BY_LENGTH = {
    20: ("eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context",
         "channame", "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userfield",
         "userdeftype", "extra"),
    14: ("eventtype", "eventtime", "cid_name", "cid_num", "cid_dnid", "exten", "context", "channame", "appname",
         "appdata", "uniqueid", "linkedid", "peer", "extra"),
}  # fmt: skip
_BY_LENGTH: Mapping[Kind, Mapping[int, tuple[str, ...]]] = {"cdr": _CDR_BY_LENGTH, "cel": _CEL_BY_LENGTH}
_TIMES = {"cdr": CDR_TIMES, "cel": CEL_TIMES}
_KNOWN = {"cdr": frozenset(CDR_COLUMNS), "cel": frozenset(CEL_COLUMNS)}
# What else the columns are called: by cdr_custom, cdr_adaptive_odbc and cel_custom, and by those who name their own.
_ALIASES = {
    "cdr": {"start": "calldate", "starttime": "calldate", "answertime": "answer", "endtime": "end", "source": "src",
            "destination": "dst", "callerid": "clid"},
    "cel": {"type": "eventtype", "event": "eventtype", "time": "eventtime", "channel": "channame",
            "callerid(name)": "cid_name", "callerid(num)": "cid_num", "callerid(ani)": "cid_ani",
            "callerid(rdnis)": "cid_rdnis", "callerid(dnid)": "cid_dnid", "bridgepeer": "peer",
            "eventextra": "extra", "eventenum": "eventtype", "app": "appname"},
}  # fmt: skip
# ast_cel_event_type: what a column of numbers holds.
_EVENTS = ("", "CHAN_START", "CHAN_END", "HANGUP", "ANSWER", "APP_START", "APP_END", "PARK_START", "PARK_END",
           "USER_DEFINED", "BRIDGE_ENTER", "BRIDGE_EXIT", "BLINDTRANSFER", "ATTENDEDTRANSFER", "PICKUP", "FORWARD",
           "LINKEDID_END", "LOCAL_OPTIMIZE", "LOCAL_OPTIMIZE_BEGIN", "STREAM_BEGIN", "STREAM_END", "DTMF")  # fmt: skip
_INNER = re.compile(r"\$\{(?:CDR|CHANNEL|CEL)\(([a-z_]+)[^)]*\)\}|\$\{(CALLERID\([a-z]+\)|[a-z_]+)\}", re.IGNORECASE)


def named(kind: Kind, name: str) -> str:
    """The usual name of a column."""
    plain = name.strip().strip('"').casefold()
    return _ALIASES[kind].get(plain, plain)


def mapping(kind: Kind, text: str) -> tuple[str, ...]:
    """The columns of a mapping as it stands in cdr_custom.conf or cel_custom.conf, or of names by comma."""
    if "${" not in text:
        return tuple(named(kind, part) for part in text.split(","))
    right = text.partition("=>")[2] or text
    return tuple(named(kind, found[1] or found[2]) for found in _INNER.finditer(right))


def is_header(kind: Kind, fields: Sequence[str]) -> bool:
    """Whether these are names, not values."""
    names = {named(kind, field) for field in fields}
    return len(names & _KNOWN[kind]) >= max(3, len(fields) // 2)


def usual(kind: Kind, fields: Sequence[str]) -> tuple[str, ...] | None:
    """The columns of a record without a header, by how many it has; None where Asterisk writes none of that length."""
    columns = _BY_LENGTH[kind].get(len(fields))
    if kind == "cdr" and len(fields) in (17, 20) and not re.search(r"\d+\.\d+$", fields[16]):
        return tuple("userfield" if name == "uniqueid" else name for name in columns or ())
    return columns


def row(kind: Kind, values: dict[str, str], clock: Clock) -> Row | None:
    """A row as calls/rows.py wants it; None where its moment cannot be read."""
    uniqueid = values.get("uniqueid", "")
    for column in _TIMES[kind]:
        at = clock.epoch(values.get(column, ""), uniqueid)
        values[column] = "" if at is None else f"{at:.6f}"
    if kind == "cel" and (number := values.get("eventtype", "")).isdigit():
        values["eventtype"] = _EVENTS[int(number)] if int(number) < len(_EVENTS) else ""
    return values if values[_TIMES[kind][0]] else None
