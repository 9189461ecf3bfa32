"""Which person a channel belongs to, by the name of its device."""

import re
from collections.abc import Iterable

# `PJSIP/101-0000002a`, `Local/101@queue-00000003;1`, `SIP/101-0000002a<ZOMBIE>`: the suffix is the channel's own.
# Eight hex digits, and a device may be called `PJSIP/trunk-2024`; others count: `IAX2/desk-873`, `DAHDI/3-1`.
_EIGHT = re.compile(r"-[0-9a-fA-F]{8}(?:;[12])?(?:<(?:ZOMBIE|MASQ)>)?$")
_COUNT = re.compile(r"-[0-9a-fA-F]+(?:<(?:ZOMBIE|MASQ)>)?$")
_OPTIONS = re.compile(r"(?<=.)/[a-z]+$")  # of a dial string: `Local/101@queue/n`
_LONG = ("PJSIP/", "SIP/", "Local/")


def device_of(channel: str) -> str:
    """A channel's name less its `-xxxxxxxx` suffix and `;1`/`;2`, or a dial string less its options: `PJSIP/101`."""
    if not channel.startswith(_LONG):
        return _COUNT.sub("", channel)
    device = _EIGHT.sub("", channel)
    return _OPTIONS.sub("", device) if "@" in device else device


class People:
    """Device patterns and whose they are. A pattern is a device, or ends in `*`; the longest that fits wins.

    Technology and name are compared without regard to case, as Asterisk does.
    """

    def __init__(self, devices: Iterable[tuple[str, str]] = ()) -> None:
        self._exact: dict[str, str] = {}
        prefixes: dict[str, str] = {}
        for pattern, user in devices:
            key = _OPTIONS.sub("", pattern.casefold()) if "@" in pattern else pattern.casefold()
            if key.endswith("*"):
                prefixes[key[:-1]] = user
            else:
                self._exact[key] = user
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0]))
        self._known: dict[str, str | None] = {}

    def of(self, device: str) -> str | None:
        """The person whose device this is; None where nobody claims it."""
        if device not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[device] = self._find(device.casefold())
        return self._known[device]

    def _find(self, device: str) -> str | None:
        if user := self._exact.get(device):
            return user
        return next((user for prefix, user in self._prefixes if device.startswith(prefix)), None)
