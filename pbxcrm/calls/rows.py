"""Rows of the PBX's own records, as the readers of history hand them over and cel.py and cdr.py take them.

A row maps a column's usual lower-case name to its text, "" where nothing stands. Moments (`eventtime` of CEL;
`calldate`, `answer` and `end` of CDR) are epoch seconds UTC as a decimal number, "" where there is none: time zones
end in pbxcrm/history. A CEL row's `eventtype` is the event's name (CHAN_START), never its number. Columns that a PBX
does not write are missing.
"""

from collections.abc import Mapping

Row = Mapping[str, str]

# docs.asterisk.org, "CEL Specification"; `extra` is JSON.
CEL_COLUMNS = (
    "eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context",
    "channame", "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userdeftype",
    "userfield", "extra",
)  # fmt: skip
CEL_NEEDED = ("eventtype", "eventtime", "channame", "uniqueid", "linkedid", "extra")
CEL_TIMES = ("eventtime",)

# docs.asterisk.org, "CDR Specification"; the names are those of cdr tables. `did` is FreePBX's own.
CDR_COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "calldate",
    "answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount",
    "linkedid", "sequence", "did", "recordingfile", "cnum", "cnam", "outbound_cnum", "outbound_cnam", "dst_cnam",
)  # fmt: skip
CDR_NEEDED = ("calldate", "src", "dst", "channel", "disposition")
CDR_TIMES = ("calldate", "answer", "end")


def moment(row: Row, column: str) -> float | None:
    """A column's moment, epoch seconds; None where there is none."""
    text = row.get(column, "")
    return float(text) if text else None
