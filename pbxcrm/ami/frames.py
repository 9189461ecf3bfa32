"""Bytes <-> frames of the Asterisk Manager Interface, without I/O.

A frame is a run of `Key: value` lines ended by an empty line. Keys are compared in lower case, the first value of a
repeated header wins, and the others are kept. Text is decoded only once a frame is whole, so a letter cut by a TCP
segment survives. This module must never wait, never log, and never hold more than one frame's worth of bytes.
"""

import re
import sys
from collections.abc import Iterable

from pbxcrm.ami.errors import BadHeader, BadStream, FrameTooBig

MAX_FRAME = 64 * 1024  # bytes; the largest event seen from Asterisk is below 4 KiB
MAX_HEADERS = 512
MAX_ODD_FRAMES = 16  # frames in a row that are neither event nor response: then it is no AMI at all
MAX_LINE = 1024  # bytes of one line that Asterisk reads (its buffer is 1025)
MAX_ACTION_HEADERS = 128  # AST_MAX_MANHEADERS

_BANNER = b"Asterisk Call Manager"
_EVENT = b"Event: "
_ACTION_ID = b"\nActionID: "
_END = b"\r\n\r\n"
_PART_OF_END = len(_END) - 1  # so much of what is carried may belong to the end of the frame, not to the frame
_CACHED_LINES, _CACHED_LENGTH = 4096, 128  # at most, so half a megabyte or so


class Frame(dict[str, str]):
    """One event or response: lower-case key -> first value. Missing headers are the reader's affair: use `.get`."""

    __slots__ = ("_repeated",)
    _repeated: dict[str, list[str]]

    def all(self, key: str) -> list[str]:
        """Every value of a header in the order sent; `[]` when it is absent."""
        if key not in self:
            return []
        try:
            return list(self._repeated[key])
        except (AttributeError, KeyError):
            return [self[key]]

    def add(self, key: str, value: str) -> None:
        """Append one header; `key` is in lower case already."""
        if key not in self:
            self[key] = value
            return
        try:
            repeated = self._repeated
        except AttributeError:
            repeated = self._repeated = {}
        repeated.setdefault(key, [self[key]]).append(value)

    @property
    def event(self) -> str:
        """The event's name, or "" for a response."""
        return self.get("event", "")

    @property
    def name(self) -> str:
        """The event's name, or `Response` for a response."""
        return self.get("event") or ("Response" if "response" in self else "")


class FrameReader:
    """Turns a stream of bytes, cut anywhere, into frames; linear in the bytes and bounded in memory.

    wanted      names of the events to parse; others are dropped by a look at the raw bytes. None parses all.
                Responses and frames with an `ActionID` (answers to somebody's question) always pass.
    max_frame   bytes, max_headers lines: a frame beyond either raises `FrameTooBig`.

    Asterisk ends its lines with CR LF, and then a lone LF is a part of the value: what a caller calls himself cannot
    end a line. Only a stream whose very first line ends with a lone LF (a file that went through an editor) is read
    with LF as its line end.

    `first_line` is the first whole line seen, `banner` the same when it is an Asterisk greeting, `dropped` counts
    the events that were not wanted.
    """

    def __init__(
        self, wanted: frozenset[bytes] | None = None, max_frame: int = MAX_FRAME, max_headers: int = MAX_HEADERS
    ) -> None:
        self.wanted = wanted
        self.max_frame = max_frame
        self.max_headers = max_headers
        self.banner: str | None = None
        self.first_line: str | None = None
        self.dropped = 0
        self._first_lines = None if wanted is None else frozenset(_EVENT + name for name in wanted)
        self._carry = bytearray()  # the frame that is not whole yet
        self._lone_lf = False
        self._odd = 0
        self._lines = _Lines()

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; return the frames they complete. Raises `BadStream` (with `.frames`, those before)."""
        if self.first_line is None:
            data = self._start(data)
        elif self._lone_lf:
            data = _crlf(data)
        carry = self._carry
        if _END not in data and _END not in carry[-3:] + data[:3]:
            carry += data
            self._check_size(len(carry) - _PART_OF_END)
            return []
        pieces = (bytes(carry) + data if carry else data).split(_END)
        self._carry = bytearray(pieces.pop())
        frames: list[Frame] = []
        try:
            for raw in pieces:
                frame = self._frame(raw)
                if frame is not None:
                    frames.append(frame)
            self._check_size(len(self._carry) - _PART_OF_END)
        except BadStream as error:
            error.frames = frames
            raise
        return frames

    def _start(self, data: bytes) -> bytes:
        """Until the first line is whole: find the line end in use and the greeting. Returns what is to be read now."""
        data = bytes(self._carry) + data
        self._carry.clear()
        line, newline, _ = data.lstrip(b"\r\n").partition(b"\n")
        if not newline:
            if len(data) > MAX_LINE:
                raise BadStream(f"what arrives is not AMI: the first {MAX_LINE} bytes hold no line")
            return data
        self._lone_lf = not line.endswith(b"\r")
        self.first_line = line[:200].decode("utf-8", "replace").strip()
        if line.startswith(_BANNER):
            self.banner = self.first_line
        return _crlf(data) if self._lone_lf else data

    def _check_size(self, size: int) -> None:
        if size > self.max_frame:
            raise FrameTooBig(f"one AMI message is longer than {self.max_frame} bytes: this is not what Asterisk sends")

    def _frame(self, raw: bytes) -> Frame | None:
        """Parse one frame, or None for one that nobody asked for. The order of the checks is the order of frequency."""
        self._check_size(len(raw))
        wanted = self._first_lines
        if wanted is not None and raw.partition(b"\r")[0] in wanted:
            pass
        elif raw.startswith(_EVENT):
            if wanted is not None and _ACTION_ID not in raw and raw.partition(b"\r")[0].rstrip() not in wanted:
                self.dropped += 1
                self._odd = 0
                return None
        elif not raw.startswith(b"Response: "):
            raw = self._odd_frame(raw)
            if not raw:
                return None
        self._odd = 0
        return self._parse(raw)

    def _odd_frame(self, raw: bytes) -> bytes:
        """A frame that starts with blank lines, a greeting, or some other header; b"" when it is to be dropped."""
        raw = raw.lstrip(b"\r\n")
        if raw.startswith(_BANNER):
            raw = raw.partition(b"\r\n")[2].lstrip(b"\r\n")
        if not raw:
            return b""
        event = response = None
        for line in raw.split(b"\r\n"):
            key, _, value = line.partition(b":")
            kind = key.strip().lower()
            if kind == b"event" and event is None:
                event = value.strip()
            elif kind == b"response":
                response = value
        if event is None and response is None:
            self._odd += 1
            if self._odd >= MAX_ODD_FRAMES:
                raise BadStream("what arrives is not AMI: no message carries an Event or a Response header")
            return b""
        if response is None and self.wanted is not None and event not in self.wanted and _ACTION_ID not in raw:
            self.dropped += 1
            self._odd = 0
            return b""
        return raw

    def _parse(self, raw: bytes) -> Frame:
        lines = raw.decode("utf-8", "replace").split("\r\n")
        if len(lines) > self.max_headers:
            raise FrameTooBig(f"one AMI message has more than {self.max_headers} headers: this is not Asterisk's way")
        frame = Frame(map(self._lines.__getitem__, lines))
        if len(frame) != len(lines) or "" in frame:  # a repeated header, or a line that is none
            frame = Frame()
            for line in lines:
                key, value = self._lines[line]
                if key:
                    frame.add(key, value)
        return frame


class _Lines(dict[str, tuple[str, str]]):
    """Lines taken apart, remembered: a call's events say most of theirs again and again. Bounded, then begun anew."""

    def __missing__(self, line: str) -> tuple[str, str]:
        key, colon, value = line.partition(": ")
        if not colon:  # "Key:" with nothing behind it, or no header at all
            key, colon, value = line.partition(":")
        pair = (sys.intern(key.strip().lower()), value) if colon else ("", "")
        if len(self) >= _CACHED_LINES:
            self.clear()
        if len(line) <= _CACHED_LENGTH:
            self[line] = pair
        return pair


def _crlf(data: bytes) -> bytes:
    """Lone LF -> CR LF, the same wherever the stream was cut."""
    return data.replace(b"\r", b"").replace(b"\n", b"\r\n")


# ---- writing -------------------------------------------------------------------------------------------------------

# Every action that this program can send, with the keys that it may carry. There is no other way to the socket.
ACTIONS: dict[str, frozenset[str]] = {
    "Challenge": frozenset({"AuthType"}),
    "Login": frozenset({"Username", "Secret", "AuthType", "Key", "Events"}),
    "Logoff": frozenset(),
    "Events": frozenset({"EventMask"}),
    "Ping": frozenset(),
    "ListCommands": frozenset(),
    "CoreStatus": frozenset(),
    "CoreSettings": frozenset(),
    "CoreShowChannels": frozenset(),
    "DeviceStateList": frozenset(),
    "Originate": frozenset(
        {"Channel", "Context", "Exten", "Priority", "CallerID", "Timeout", "Variable", "Async", "ChannelId"}
    ),
}
_BREAKS = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


def encode(action: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """One action as bytes, `Action` first, then the headers in their order. Raises `BadHeader`, and sends nothing, when
    the action or a key is not in the closed vocabulary, or a value could end its line.
    """
    allowed = ACTIONS.get(action)
    if allowed is None:
        raise BadHeader(f"refused to send {action[:40]!r}: not one of the actions that this program sends")
    lines = [b"Action: " + action.encode()]
    for key, value in headers:
        if key != "ActionID" and key not in allowed:
            raise BadHeader(f"refused to send {action}: it has no header {key[:40]!r}")
        if _BREAKS.search(value):
            raise BadHeader(f"refused to send {action}: its {key} holds a control character or a line break")
        try:
            line = f"{key}: {value}".encode()
        except UnicodeEncodeError as error:
            raise BadHeader(f"refused to send {action}: its {key} is not valid text") from error
        if len(line) > MAX_LINE:
            raise BadHeader(f"refused to send {action}: its {key} is longer than {MAX_LINE} bytes")
        lines.append(line)
    if len(lines) > MAX_ACTION_HEADERS:
        raise BadHeader(f"refused to send {action}: more than {MAX_ACTION_HEADERS} headers")
    return b"\r\n".join(lines) + b"\r\n\r\n"
