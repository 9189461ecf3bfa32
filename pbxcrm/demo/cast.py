"""One play of a recording with a cast of its own: fresh ids, another customer, other colleagues. Pure.

What ties the events together is replaced one for one, so the play is as true to Asterisk as its recording.
"""

import itertools
import re
import uuid
from collections.abc import Mapping

from pbxcrm.demo.callers import Caller
from pbxcrm.demo.recording import PHONES, Headers, Recording

_UNTOUCHED = frozenset(
    {"Event", "Privilege", "Timestamp", "Cause", "Cause-txt", "TechCause", "Reason", "Priority", "HoldTime", "TalkTime"}
    | {"RingTime", "Wait", "OriginalPosition", "Position", "Count", "ChannelState", "BridgeNumChannels"}
)
_UUID = r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_ID = r"(?P<id>\b\d{10}\.\d+\b)"
_SUFFIX = r"(?P<suffix>(?<=-)[0-9a-f]{8}(?![0-9a-zA-Z]))"
_PHONE = r"(?P<phone>\b(?:{})\b)".format("|".join(PHONES))
_STAFF = r"(?P<staff>\b(?:{})\b)".format("|".join(PHONES.values()))
_NAME_OF = re.compile(r"(.*(?:CallerID|ConnectedLine))Num")


class Ids:
    """Ids as one life of Asterisk gives them: each once. `epoch` tells this life from the one before."""

    def __init__(self, epoch: float) -> None:
        self._epoch = int(epoch)
        self._channels = itertools.count(1)
        self._uniques = itertools.count(1)

    def unique(self) -> str:
        """A Uniqueid."""
        return f"{self._epoch}.{next(self._uniques)}"

    def suffix(self) -> str:
        """What ends a channel's name."""
        return f"{next(self._channels):08x}"


class Cast:
    """Who plays. `phones` maps a recorded phone to the one that takes its part, `known` recorded ids to given ones."""

    def __init__(
        self,
        recording: Recording,
        ids: Ids,
        customer: Caller,
        phones: Mapping[str, str],
        known: Mapping[str, str] | None = None,
    ) -> None:
        self._ids = ids
        self._customer = customer
        self._phones = dict(phones)
        self._known = dict(known or {})
        self._names_customer = recording.inbound
        # A recording without a number has nothing to replace: (?!) matches nothing.
        number = re.escape(recording.number.lstrip("+")) if recording.number else None
        plus = rf"(?P<number>(?<!\d)\+?{number}(?!\d))" if number else r"(?P<number>(?!))"
        self._pattern = re.compile(f"{_UUID}|{_ID}|{_SUFFIX}|{plus}|{_PHONE}|{_STAFF}")

    def play(self, headers: Headers, now: float) -> Headers:
        """One event as it happens now (epoch seconds)."""
        played = [
            (key, value if key in _UNTOUCHED else self._pattern.sub(self._replace, value)) for key, value in headers
        ]
        return self._with_names([(k, f"{now:.6f}" if k == "Timestamp" else v) for k, v in played])

    def _with_names(self, headers: Headers) -> Headers:
        """The customer's name wherever a header shows their number; the recorded customers sent none."""
        if not self._names_customer:
            return headers
        theirs = {f"{m[1]}Name" for k, v in headers if v == self._customer.number and (m := _NAME_OF.fullmatch(k))}
        return [(k, self._customer.name if k in theirs else v) for k, v in headers]

    def _replace(self, match: re.Match[str]) -> str:
        kind, text = match.lastgroup, match[0]
        if kind == "phone":
            return self._phones.get(text, text)
        if kind == "staff":
            phone = next(number for number, name in PHONES.items() if name == text)
            return PHONES[self._phones.get(phone, phone)]
        if kind == "number":
            return self._customer.number if text.startswith("+") else self._customer.number[1:]
        if text not in self._known:
            self._known[text] = self._fresh(kind)
        return self._known[text]

    def _fresh(self, kind: str | None) -> str:
        if kind == "uuid":
            return str(uuid.uuid4())
        return self._ids.unique() if kind == "id" else self._ids.suffix()
