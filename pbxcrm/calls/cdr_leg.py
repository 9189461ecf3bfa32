"""One CDR row as a leg: who was put through to whom, from when to when, and how that ended."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pbxcrm.calls.numbers import clean, digits, fold_digits
from pbxcrm.calls.people import People, device_of

_CLID = re.compile(r'^\s*"?(?P<name>.*?)"?\s*<(?P<number>[^<>]*)>\s*$', re.DOTALL)
_LOCAL = re.compile(r"^Local/.*;[12]$", re.IGNORECASE)
_NUMBERED = re.compile(r"-[0-9a-f]{8}(?:;[12])?$", re.IGNORECASE)
_SOUND = re.compile(r"\.(?:wav|mp3|ogg|opus|gsm)$", re.IGNORECASE)
_EXTENSION = 6  # an extension has so many digits at most, a number from outside more
_LINES = frozenset({"dahdi", "zap", "misdn", "capi", "console", "ooh323"})  # numbered by their ports, not by people
_LONGEST = 30 * 86_400.0  # seconds; nothing lasts longer, and a row that says so is wrong

Side = Literal["ours", "outside", "local"]


@dataclass(frozen=True, slots=True)
class Leg:
    """`at`, `answered`, `until` in epoch seconds; `answered` is when the caller's channel was, None: never."""

    uniqueid: str
    linkedid: str
    sequence: int
    at: float
    answered: float | None
    until: float
    channel: str
    peer: str  # dstchannel
    src: str
    dst: str
    did: str
    name: str  # the caller's own text
    app: str
    data: str
    disposition: str
    recording: str

    @classmethod
    def read(cls, row: Mapping[str, object]) -> "Leg | None":
        """None for a row that has no time or no id: nothing can be said of it."""
        at = _seconds(row.get("calldate"))
        uniqueid = clean(str(row.get("uniqueid") or ""), 150)
        if at is None or not uniqueid:
            return None
        lasted = min(max(_seconds(row.get("duration")) or 0.0, 0.0), _LONGEST)
        spoke = min(max(_seconds(row.get("billsec")) or 0.0, 0.0), lasted)
        disposition = _text(row, "disposition").upper().replace("_", " ")
        said = _CLID.match(_text(row, "clid"))
        answered = disposition == "ANSWERED"
        return cls(
            uniqueid=uniqueid,
            linkedid=clean(str(row.get("linkedid") or ""), 150),
            sequence=int(_seconds(row.get("sequence")) or 0),
            at=at,
            answered=at + lasted - spoke if answered else None,
            until=at + lasted,
            channel=_text(row, "channel"),
            peer=_text(row, "dstchannel"),
            src=_text(row, "src") or (said["number"].strip() if said else ""),
            dst=_text(row, "dst"),
            did=_text(row, "did"),
            name=clean((said["name"] if said else "").replace('""', '"').strip('"')) or clean(_text(row, "cnam")),
            app=_text(row, "lastapp").casefold(),
            data=_text(row, "lastdata"),
            disposition=disposition,
            recording=_text(row, "recordingfile") or _recorded(_text(row, "userfield")),
        )

    @property
    def order(self) -> tuple[float, int, float, str, str, str]:
        """The order of a call's legs: the same whatever order the rows came in."""
        return self.at, self.sequence, self.until, self.uniqueid, self.channel, self.peer

    @property
    def outgoing(self) -> bool:
        """Whether the channel was itself dialled: it answered, it did not call."""
        return self.app in ("appdial", "appqueue")


def _recorded(userfield: str) -> str:
    """Dialplans of old keep a recording's name there, FreePBX's with a mark before it; others what they like."""
    return userfield.removeprefix("audio:") if _SOUND.search(userfield) else ""


def _text(row: Mapping[str, object], name: str) -> str:
    text = str(row.get(name) or "")
    return text.strip() if len(text) < 200 and text.isascii() and text.isprintable() else clean(text, 200)


def _seconds(value: object) -> float | None:
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if abs(found) < 1e11 else None  # neither NaN nor the infinite


def is_local(channel: str) -> bool:
    """Whether this is one half of a Local channel."""
    return _LOCAL.match(channel) is not None


def is_numbered(channel: str) -> bool:
    """Whether a channel's name is its own for as long as the PBX runs."""
    return _NUMBERED.search(channel) is not None


def pair(channel: str) -> str:
    """What both halves of a Local channel have in common."""
    return channel[:-2].casefold()


def is_extension(number: str) -> bool:
    """Whether a number is as short as those inside a house; `s`, `h` and withheld ones are not numbers."""
    return 0 < len(digits(number)) <= _EXTENSION and not number.startswith("+")


def is_number(number: str) -> bool:
    """Whether it is long enough to be one of the world's."""
    return len(digits(number)) > _EXTENSION or (number.startswith("+") and bool(digits(number)))


def side(channel: str, legs: "list[Leg]", people: People) -> Side:
    """Whose end a channel is.

    Somebody's device is ours. So is, also years later, a device of nobody that is called like an extension. A trunk is
    what is left: it brings callers with long numbers, or is dialled with a number beside its name.
    """
    if is_local(channel):
        return "local"
    device = device_of(channel)
    if people.of(device) is not None:
        return "ours"
    tech, _, name = fold_digits(device).partition("/")
    if name.isdigit() and tech.casefold() not in _LINES:
        return "ours" if is_extension(name) else "outside"
    # A FreePBX device of an extension may carry a letter more; a trunk is called by a word.
    if name[:-1].isdigit() and len(name) > 2 and is_extension(name[:-1]):
        return "ours"
    calls = [leg for leg in legs if leg.channel == channel]
    if calls:
        return "ours" if all(is_extension(leg.src) for leg in calls) else "outside"
    called = [leg for leg in legs if leg.peer == channel]
    return "outside" if any(_through(device, leg) or is_number(leg.dst) for leg in called) else "ours"


def _through(device: str, leg: Leg) -> bool:
    """Whether the dial string names a number beside this device: `PJSIP/+48…@trunk`, `SIP/trunk/+48…`."""
    tech, _, name = device.partition("/")
    return f"@{name}".casefold() in leg.data.casefold() or f"{tech}/{name}/".casefold() in leg.data.casefold()
