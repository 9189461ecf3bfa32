"""One connection's life: connect, greeting, login, boot, snapshot, then pings until it is lost.

Every way to fail ends as a `LinkDown` whose text a person can act upon.
"""

import asyncio
import contextlib
import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

from pbxcrm.ami.buffer import Buffer, marker
from pbxcrm.ami.config import LinkConfig
from pbxcrm.ami.errors import ActionRefused, ActionTimeout, LinkDown, LoginRefused
from pbxcrm.ami.frames import Frame
from pbxcrm.ami.protocol import Asked, LinkProtocol, TamedManager

# What the link itself lives on, wanted or not.
OWN_EVENTS = frozenset({"CoreShowChannel", "CoreShowChannelsComplete", "OriginateResponse", "FullyBooted", "Shutdown"})

Headers = Iterable[tuple[str, str]]


class Session:
    """A connection to Asterisk, from nothing to lost: `open`, `begin`, `snapshot`, `keep`, `close`, and never again."""

    def __init__(self, config: LinkConfig, buffer: Buffer, tap: Callable[[bytes], None] | None = None) -> None:
        self.config = config
        self.buffer = buffer
        self.boot = ""  # CoreStartupDate and -Time in the PBX's own zone: names one life of the PBX
        self.skew: float | None = None  # seconds that the PBX's clock is ahead of ours
        self.refused = ""  # what Asterisk said when it would not list its channels
        self._tap = tap
        self._resync = asyncio.Event()
        self._snapshot_done = False
        self._protocol: LinkProtocol | None = None
        self._manager = TamedManager(
            self._make_protocol, host=config.host, port=config.port, ssl=self._tls(), username=config.username
        )

    # ---- opening

    async def open(self) -> None:
        """Connect, read the greeting and log in, with events still off."""
        await self._connect()
        await self._greet()
        await self._login()

    async def begin(self) -> None:
        """Learn which life of the PBX this is, mark the link's start in the buffer and turn the events on.

        Take the `snapshot` right behind, so that hardly an event falls between the two.
        """
        headers = await self._boot()
        self.buffer.link_is_new(self.heard, marker("PbxcrmLinkUp", **headers))
        # Not waited for: with `brokeneventsaction = yes` Asterisk does not answer it.
        self.send(Asked("Events", [("EventMask", "on")]))

    @property
    def protocol(self) -> LinkProtocol:
        """The connection; only after `open`."""
        if self._protocol is None:
            raise LinkDown("not connected to Asterisk; nothing was sent")
        return self._protocol

    @property
    def heard(self) -> float:
        """When the last bytes came, in seconds since the epoch."""
        return self.protocol.heard

    def _tls(self) -> ssl.SSLContext | None:
        if isinstance(self.config.tls, ssl.SSLContext):
            return self.config.tls
        return ssl.create_default_context() if self.config.tls else None

    def _make_protocol(self) -> LinkProtocol:
        wanted = self.config.wanted
        names = None if wanted is None else frozenset(name.encode() for name in wanted | OWN_EVENTS)
        self._protocol = LinkProtocol(names, self._on_event, self._tap)
        return self._protocol

    async def _connect(self) -> None:
        where = self.config.address
        try:
            async with asyncio.timeout(self.config.connect_timeout):
                await self._manager.connect()
        except ConnectionRefusedError:
            raise LinkDown(
                f"nothing listens on {where}; see that Asterisk runs, and that manager.conf has `enabled = yes` and "
                "this port and address (`bindaddr`)",
                "refused",
            ) from None
        except TimeoutError:
            raise LinkDown(
                f"{where} did not answer within {self.config.connect_timeout:g} s: check the address and the firewall",
                "unreachable",
            ) from None
        except ssl.SSLError as error:
            raise LinkDown(
                f"no TLS with {where} ({error.reason or error}): check the port (manager.conf `tlsbindaddr`) and that "
                "its certificate is signed by somebody this machine trusts",
                "tls",
            ) from None
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that no DNS could hold
            said = getattr(error, "strerror", None) or error
            raise LinkDown(f"{where} cannot be reached ({said}); check the address", "unreachable") from None
        self._tune_socket()

    def _tune_socket(self) -> None:
        """Let the kernel notice a dead peer too, also while we have something to send."""
        transport = self.protocol.transport
        sock = transport.get_extra_info("socket") if transport else None
        if sock is None:
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        seconds = max(1, round(self.config.ping_every))
        for name, value in (
            ("TCP_KEEPIDLE", seconds),
            ("TCP_KEEPINTVL", seconds),
            ("TCP_KEEPCNT", 2),
            ("TCP_USER_TIMEOUT", round(self.config.silence * 1000)),
        ):
            option = getattr(socket, name, None)  # not every system has each
            if option is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)

    async def _greet(self) -> None:
        protocol = self.protocol
        first: set[asyncio.Future[Any]] = {protocol.greeting, protocol.lost}
        await asyncio.wait(first, timeout=self.config.connect_timeout, return_when=asyncio.FIRST_COMPLETED)
        if protocol.greeting.done():
            return
        if protocol.lost.done():
            trouble = protocol.lost.result()
            if trouble.kind != "closed":
                raise trouble
            raise LinkDown(
                f"{self.config.address} closed the connection without a greeting: manager.conf may limit the number "
                "of logins (`authlimit`), or the port speaks TLS",
                "closed",
            )
        raise LinkDown(f"{self.config.address} sent no AMI greeting; see that this is the manager port", "not-ami")

    async def _login(self) -> None:
        config = self.config
        login = [("Username", config.username), ("Events", "off")]
        try:
            answer = await self.ask("Challenge", [("AuthType", "MD5")])
            challenge = answer[0].get("challenge", "")
        except (ActionRefused, ActionTimeout):
            challenge = ""
        if challenge:
            key = hashlib.md5((challenge + config.secret).encode(), usedforsecurity=False).hexdigest()
            login += [("AuthType", "MD5"), ("Key", key)]
        elif self._is_private():
            login += [("Secret", config.secret)]
        else:
            raise LinkDown(
                f"{config.address} offers no MD5 login, and the secret is not sent over an open network: use TLS",
                "login",
            )
        try:
            await self.ask("Login", login)
        except ActionRefused as error:
            raise LoginRefused(
                f"Asterisk refused the AMI user {config.username!r} ({error}): compare PBXCRM_AMI_USERNAME and "
                "PBXCRM_AMI_SECRET with the section and `secret` in manager.conf, see that its `permit` allows this "
                "machine, and run `asterisk -rx 'manager reload'`"
            ) from None
        except ActionTimeout:
            raise LinkDown(f"{config.address} did not answer the login", "silent") from None

    def _is_private(self) -> bool:
        """TLS, or this very machine: nobody listens on the way."""
        transport = self.protocol.transport
        if transport is None:
            return False
        if transport.get_extra_info("sslcontext") is not None:
            return True
        peer = transport.get_extra_info("peername") or ("",)
        try:
            return ipaddress.ip_address(peer[0]).is_loopback
        except ValueError:
            return False

    async def _boot(self) -> dict[str, str]:
        """Which life of the PBX this is; empty strings when the user may not ask."""
        headers = {"boot": "", "version": "", "system": "", "banner": self.protocol.reader.banner or ""}
        try:
            status = (await self.ask("CoreStatus"))[0]
            if status.get("corestartupdate"):
                headers["boot"] = f"{status['corestartupdate']}T{status.get('corestartuptime', '')}"
            settings = (await self.ask("CoreSettings"))[0]
            headers["version"], headers["system"] = settings.get("asteriskversion", ""), settings.get("systemname", "")
        except (ActionRefused, ActionTimeout):
            # Refused: so is the snapshot then, and says so. Unanswered: not every manager port is Asterisk's own (a
            # proxy, say); whether anybody is there at all is the ping's question.
            pass
        self.boot = headers["boot"]
        return headers

    # ---- living

    async def keep(self) -> None:
        """Ping and answer calls for a new snapshot until the connection is lost; always raises `LinkDown`."""
        tasks = [asyncio.create_task(self._ping_for_ever()), asyncio.create_task(self._resync_when_asked())]
        try:
            first: set[asyncio.Future[Any]] = {*tasks, self.protocol.lost}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, LinkDown):
                raise result
        raise await self.protocol.lost

    async def _ping_for_ever(self) -> None:
        config = self.config
        while True:
            await asyncio.sleep(config.ping_every)
            try:
                await self.ping(config.silence - config.ping_every)
            except ActionTimeout:
                self.protocol.abort(
                    LinkDown(f"Asterisk has not answered a ping for {config.silence:g} s", "silent"),
                )
                return

    async def ping(self, seconds: float | None = None) -> None:
        """Ask for a sign of life and compare the clocks. Raises `ActionTimeout` or `LinkDown`."""
        with contextlib.suppress(ActionRefused):  # an answer is an answer
            answer = await self.ask("Ping", timeout=seconds)
            try:
                self.skew = float(answer[0].get("timestamp", "")) - self.heard
            except ValueError:
                self.skew = None

    async def _resync_when_asked(self) -> None:
        while True:
            await self._resync.wait()
            self._resync.clear()
            try:
                await self.snapshot("resync")
            except ActionTimeout as error:
                self.protocol.abort(LinkDown(str(error), "silent"))
                return
            await asyncio.sleep(self.config.resync_every)

    def want_snapshot(self) -> None:
        """The consumer can no longer trust what it knows."""
        self._resync.set()

    async def snapshot(self, why: str) -> None:
        """Ask for all channels; begin, items and end go into the buffer as they come."""
        self._snapshot_done = False

        def on_frame(frame: Frame) -> None:
            at, buffer = self.heard, self.buffer
            if "event" not in frame:
                buffer.accept()
                refused = frame.get("response", "").lower() == "error"
                buffer.mark(at, marker("PbxcrmSnapshotBegin", boot=self.boot, reason=why))
                if refused:
                    self.refused = frame.get("message", "") or "refused"
                if refused or "eventlist" not in frame:
                    buffer.mark(at, marker("PbxcrmSnapshotEnd", boot=self.boot, listed="no"))
            elif frame.event == "CoreShowChannelsComplete":
                buffer.mark(at, marker("PbxcrmSnapshotEnd", boot=self.boot, listed="yes"))
            else:
                buffer.mark(at, frame)

        try:
            await self.ask("CoreShowChannels", on_frame=on_frame)
        except ActionRefused:
            pass
        except ActionTimeout:
            self.buffer.accept()
            self.buffer.mark(self.heard, marker("PbxcrmSnapshotEnd", boot=self.boot, listed="no"))
        self._snapshot_done = True

    def _on_event(self, at: float, frame: Frame) -> None:
        if frame.event == "FullyBooted" and self._snapshot_done:
            self._resync.set()  # we were let in before Asterisk had started all of itself
        self.buffer.put(at, frame)

    # ---- asking

    async def ask(
        self,
        name: str,
        headers: Headers = (),
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - counts from the last word of the answer, not from the start
        on_frame: Callable[[Frame], None] | None = None,
    ) -> list[Frame]:
        """Send an action on this connection and wait for the whole answer.

        Raises `BadHeader` or `LinkDown` before anything is written; later `LinkDown`, `ActionTimeout` (seconds
        without a word) or `ActionRefused`.
        """
        return await self.answer(self.send(Asked(name, headers, on_frame)), timeout)

    def send(self, asked: Asked) -> Asked:
        """Write an action, once."""
        if self._manager.protocol is None:
            raise LinkDown("not connected to Asterisk; nothing was sent")
        self._manager.send_action(asked)
        asked.future.add_done_callback(_seen)
        return asked

    async def answer(self, asked: Asked, seconds: float | None = None) -> list[Frame]:
        """Wait for the answer to an action that was sent."""
        patience = self.config.action_timeout if seconds is None else seconds
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience) as scope:
                asked.on_word = lambda: scope.reschedule(loop.time() + patience)
                await asked.future
        except TimeoutError:
            if asked.future.cancelled() or not asked.future.done():
                raise ActionTimeout(f"Asterisk did not answer {asked.name} within {patience:g} s") from None
        finally:
            asked.on_word = None
            self.protocol.forget(asked)
        frames: list[Frame] = asked.future.result()
        if frames[0].get("response", "").lower() == "error":
            raise ActionRefused(frames[0].get("message", "") or f"{asked.name} was refused")
        return frames

    def close(self) -> None:
        """End the connection; every question still open fails with `LinkDown`."""
        if self._protocol is not None:
            self._protocol.close()


def _seen(future: "asyncio.Future[Any]") -> None:
    """Look at a failure that nobody waits for, so that asyncio does not complain about it."""
    if not future.cancelled():
        future.exception()
