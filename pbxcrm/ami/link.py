"""The link to Asterisk: always trying, never hammering, and never silent about being down.

`Link.run()` holds one connection at a time. What it reads comes out of `Link.frames()` in the order of the wire, with
marks of our own (events whose names begin with `Pbxcrm`) where the order has a seam:

    PbxcrmLinkUp        boot, version, system, banner: a connection was made and logged in
    PbxcrmSnapshotBegin boot, reason: what follows are CoreShowChannel items
    PbxcrmSnapshotEnd   boot, listed: every channel alive was named (`listed: no`: the user may not list them)
    PbxcrmShed          the consumer was too slow: what waited was thrown away, a snapshot follows
    PbxcrmLinkDown      reason, kind: nothing is seen from here to the next PbxcrmLinkUp

An action lives and dies with its connection. This module knows nothing of calls.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping

from pbxcrm.ami.buffer import Batch, Buffer, marker
from pbxcrm.ami.config import LinkConfig, LinkState
from pbxcrm.ami.errors import ActionRefused, ActionTimeout, AmiError, LinkDown
from pbxcrm.ami.frames import Frame
from pbxcrm.ami.originate import OriginateOutcome, originate_headers
from pbxcrm.ami.protocol import Asked
from pbxcrm.ami.session import Session

__all__ = ["Batch", "Link", "LinkConfig", "LinkState", "OriginateOutcome"]

log = logging.getLogger("pbxcrm.ami")

# Once an outage is told, these are only other faces of it; the others want somebody to act.
_PASSING = frozenset({"refused", "unreachable", "silent", "closed", "restart"})
_IDLE = "not connected to Asterisk yet"


class Link:
    """The one link to one PBX. Build it inside the running loop; `run` it in a task of its own.

    on_state  called with each new LinkState
    tap       called with the raw bytes as they come
    """

    def __init__(
        self,
        config: LinkConfig,
        on_state: Callable[[LinkState], None] | None = None,
        tap: Callable[[bytes], None] | None = None,
    ) -> None:
        self.config = config
        self.state = LinkState(False, time.time(), _IDLE, "idle")
        self._on_state = on_state
        self._tap = tap
        self._buffer = Buffer(config.buffer, self._want_snapshot)
        self._session: Session | None = None  # only while logged in
        self._failures = 0
        self._told: set[str] = set()  # the sorts of trouble logged in this outage
        self._was_up = self._told_of_right = False

    @property
    def skew(self) -> float | None:
        """Seconds that the PBX's clock is ahead of ours, measured at each ping; None when not known."""
        return self._session.skew if self._session else None

    # ---- for the consumer

    async def frames(self) -> Batch:
        """Wait until something came, and take all that waits."""
        return await self._buffer.take()

    def resync(self) -> None:
        """Ask Asterisk anew what lives; nothing while the link is down, for its return asks anyway."""
        self._want_snapshot()

    async def action(self, name: str, headers: Iterable[tuple[str, str]] = ()) -> list[Frame]:
        """Send one action now and return its answer: the response, then a list's items.

        Raises `LinkDown` (also when it went down while waiting), `ActionTimeout`, `ActionRefused` or `BadHeader`. It is
        never sent later.
        """
        return await self._up().ask(name, headers)

    async def originate(
        self,
        channel: str,
        context: str,
        exten: str,
        caller_id: str,
        timeout_ms: int,
        variables: Mapping[str, str],
        action_id: str,
    ) -> OriginateOutcome:
        """Ask Asterisk to ring `channel` and then to run `context`,`exten`: at most once, whatever breaks.

        Raises `LinkDown` or `BadHeader` when nothing was sent. Once it was sent there is an outcome, if only `unknown`.
        """
        headers = originate_headers(channel, context, exten, caller_id, timeout_ms, variables, action_id)
        session = self._up()
        asked = session.send(Asked("Originate", headers))
        try:
            answer = await session.answer(asked)
        except ActionRefused as error:
            return OriginateOutcome("refused", str(error))
        except (ActionTimeout, LinkDown) as error:
            return OriginateOutcome("unknown", str(error))
        return OriginateOutcome("queued", answer[0].get("message", ""))

    def _up(self) -> Session:
        if self._session is None:
            raise LinkDown(f"Asterisk is out of sight ({self.state.reason}); nothing was sent", self.state.kind)
        return self._session

    def _want_snapshot(self) -> None:
        if self._session is not None:
            self._session.want_snapshot()

    # ---- running

    async def run(self) -> None:
        """Hold the link until cancelled. A loss is logged once, and what wants mending once more; so is the return."""
        try:
            while True:
                pause = await self._one_life()
                await asyncio.sleep(pause)
        finally:
            self._set_state(LinkState(False, time.time(), "pbxcrm is stopping", "stopped"))

    async def _one_life(self) -> float:
        """One connection from beginning to end; returns how long to wait before the next, in seconds."""
        session = Session(self.config, self._buffer, self._tap)
        started = time.monotonic()
        heard = self.state.since
        try:
            await session.open()
            await session.begin()
            self._session = session
            self._came_up(session)
            await session.snapshot("link")
            self._tell_of_missing_right(session)
            await session.keep()
        except LinkDown as error:
            trouble = error
        except ActionTimeout as error:
            trouble = LinkDown(str(error), "silent")
        except AmiError as error:
            trouble = LinkDown(str(error), "login")
        except Exception as error:  # the top of a long task: the link must come back
            log.exception("The AMI link failed in a way that nobody foresaw; it is made anew")
            trouble = LinkDown(f"an error of our own ({type(error).__name__})", "bug")
        finally:
            if self._session is not None:
                heard = session.heard
            self._session = None
            session.close()
        self._went_down(trouble, heard)
        return self._pause(trouble, time.monotonic() - started)

    def _pause(self, trouble: LinkDown, lasted: float) -> float:
        """Back off: double from failure to failure, with jitter so that many clients don't return at once."""
        config = self.config
        if lasted >= config.backoff_max:
            self._failures = 0
        pause = min(config.backoff_max, config.backoff_first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        if trouble.kind == "login":
            pause = config.backoff_max  # asking again soon would only fill Asterisk's log, and fail2ban's
        return pause * random.uniform(0.5, 1)  # noqa: S311 - no secret hangs on it

    # ---- telling

    def _came_up(self, session: Session) -> None:
        out = time.time() - self.state.since
        banner = session.protocol.reader.banner
        if self._was_up:
            log.info("Asterisk at %s is back after %.1f s", self.config.address, out)
        else:
            log.info("Asterisk at %s is in sight (%s)", self.config.address, banner)
        self._was_up = True
        self._told.clear()
        self._set_state(LinkState(True, time.time(), banner or ""))

    def _tell_of_missing_right(self, session: Session) -> None:
        if session.refused and not self._told_of_right:
            self._told_of_right = True
            log.warning(
                "Asterisk does not let the AMI user %r list the channels (%s): calls that go on while pbxcrm or the "
                "link restarts are not picked up again. Add `reporting` to its `write` in manager.conf.",
                self.config.username,
                session.refused,
            )

    def _went_down(self, trouble: LinkDown, heard: float) -> None:
        reason = str(trouble)
        since = self.state.since
        if self.state.up:
            since = heard
            self._buffer.mark(time.time(), marker("PbxcrmLinkDown", reason=reason, kind=trouble.kind))
        if trouble.kind not in self._told and not (self._told and trouble.kind in _PASSING):
            self._told.add(trouble.kind)
            log.warning(
                "Asterisk is out of sight: %s. Nothing saved is lost; calls are not seen until it is back. Trying "
                "again, with pauses of up to %g s.",
                reason,
                self.config.backoff_max,
            )
        if self.state.up or trouble.kind != self.state.kind:
            self._set_state(LinkState(False, since, reason, trouble.kind))

    def _set_state(self, state: LinkState) -> None:
        self.state = state
        if self._on_state is None:
            return
        try:
            self._on_state(state)
        except Exception:
            log.exception("A listener to the link's state failed; the link goes on")
