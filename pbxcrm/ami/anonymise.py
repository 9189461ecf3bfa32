"""Recordings that can be shown to others: numbers and names replaced, everything that ties events together kept. Pure.

A number keeps its length and all but its last six digits (country and area say where, not who); those six go through
a keyed permutation, so that one number stays one number in each way of writing it, and two never become one. Names in
the caller's and connected line's headers become made-up ones. Nothing can be turned back without the salt.
"""

import hashlib
import hmac
import re

_KEPT = 6
_HALF = 1000  # a permutation of 000000 to 999999 by a Feistel network of two halves
_ROUNDS = 4
_MIN_NAME = 3  # shorter names are not looked for in other headers
_MAX_NAMES = 500

# Headers that hold no person, whatever their digits look like: they tie the events together or tell the time.
_SAFE_KEY = re.compile(
    rb".*(?:uniqueid|linkedid|bridgeid|timestamp|actionid|sessionid|eventtv|swapuniqueid)$|event$|response$|privilege$|.*version$"
    rb"|(?:dest|source|local(?:one|two)|.*transferer|.*transferee|.*target)?(?:channelstate|priority|language)$",
    re.IGNORECASE,
)
_NAME_KEY = re.compile(rb".*(?:callerid|connectedline|callid|effectiveconnectedline)name$", re.IGNORECASE)
_NOBODY = frozenset({b"", b"<unknown>", b"Anonymous", b"anonymous", b"Restricted", b"Unavailable"})

# What looks like a number and is none: UUIDs, Asterisk's unique ids, channels' and bridges' suffixes.
_DIGITS = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    rb"|\b\d{9,11}\.\d+"
    rb"|-[0-9a-f]{8}(?![0-9a-zA-Z])"
    rb"|(\d{6,})"
)
_FIRST = b"Ada Bruno Chloe Dario Elif Farid Greta Hugo Ines Jonas Kira Leyla Milan Nora Oskar Pavel".split()
_LAST = b"Abel Berg Costa Duran Egger Faber Gomez Haas Ivanov Jansen Kovac Lund Mansour Novak Olsen Petrov".split()


class Anonymiser:
    """A stream's disguise; feed it bytes cut anywhere, `flush` at the end. The same salt gives the same disguise."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._rest = b""
        self._names: dict[bytes, bytes] = {}
        self._numbers: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> bytes:
        """The next whole lines, disguised; a line that is not whole waits."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        return b"".join(self._line(line) + b"\n" for line in lines)

    def flush(self) -> bytes:
        """What was left without a line end."""
        rest, self._rest = self._rest, b""
        return self._line(rest)

    def _line(self, line: bytes) -> bytes:
        key, colon, value = line.partition(b":")
        if not colon or _SAFE_KEY.fullmatch(key.strip()):
            return line
        if _NAME_KEY.fullmatch(key.strip()) or value.strip() in self._names:
            value = self._name(value)
        elif self._names and (b"(" in value or b"=" in value or key in (b"Value", b"AppData", b"Variable")):
            value = self._names_in(value)
        return key + colon + _DIGITS.sub(self._digits, value)

    def _name(self, value: bytes) -> bytes:
        name = value.strip()
        if name in _NOBODY or not re.search(rb"[^\d\s+()*#<>.-]", name):
            return value  # nobody, or a number, which is seen to below
        disguise = self._names.get(name)
        if disguise is None:
            digest = self._hmac(b"name" + name)
            disguise = _FIRST[digest[0] % len(_FIRST)] + b" " + _LAST[digest[1] % len(_LAST)]
            if len(self._names) < _MAX_NAMES:
                self._names[name] = disguise
        return value.replace(name, disguise)

    def _names_in(self, value: bytes) -> bytes:
        for name, disguise in self._names.items():
            if len(name) >= _MIN_NAME and name in value:
                value = value.replace(name, disguise)
        return value

    def _digits(self, match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            return match[0]
        digits = match[1]
        tail = digits[-_KEPT:]
        disguise = self._numbers.get(tail)
        if disguise is None:
            disguise = self._numbers[tail] = self._permute(tail)
        return digits[:-_KEPT] + disguise

    def _permute(self, six: bytes) -> bytes:
        left, right = divmod(int(six), _HALF)
        for turn in range(_ROUNDS):
            digest = self._hmac(b"%d:%d" % (turn, right))
            left, right = right, (left + int.from_bytes(digest[:8], "big")) % _HALF
        return b"%06d" % (left * _HALF + right)

    def _hmac(self, data: bytes) -> bytes:
        return hmac.new(self._salt, data, hashlib.sha256).digest()


def anonymise(data: bytes, salt: bytes) -> bytes:
    """A whole recording in disguise."""
    disguise = Anonymiser(salt)
    return disguise.feed(data) + disguise.flush()
