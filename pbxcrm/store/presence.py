"""Whether the database is there, as its last use said: what every page and /readyz ask, and what wakes the boards."""

import logging
from collections.abc import Callable

log = logging.getLogger("pbxcrm.store")


class Presence:
    """`up` since `since` (epoch seconds), else away for `reason`. `ready`: it has been seen since this program began.

    One line is logged when it goes and one when it is back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.up = True
        self.ready = True
        self.since = clock()
        self.reason = ""
        self._clock = clock
        self._told = False
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` (cheap, never raises), on the loop, after each change."""
        self._listeners.append(listener)

    def lost(self, reason: str) -> None:
        """A use of it failed, for a reason of the database's own."""
        if self.up:
            if self._told:  # else it is the start, or a command, and whoever asked says it
                log.error("%s Calls go on being followed and are stored when the database is back.", reason)
            self._set(False, reason)

    def back(self) -> None:
        """A write has been committed."""
        self.ready = self._told = True
        if not self.up:
            log.warning("The database is back after %.1f s", self._clock() - self.since)
            self._set(True, "")

    def _set(self, up: bool, reason: str) -> None:
        self.up, self.since, self.reason = up, self._clock(), reason
        for listener in self._listeners:
            listener()
