"""A small PBX on loopback that plays recorded calls: what `make run` shows when no PBX is configured.

It speaks the manager interface as Asterisk does, so that the same link, tracker and intake run as with a real PBX.
It listens on loopback only, with a secret made at each start. It has no way out: nothing is dialled, ever.
"""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable

from pbxcrm.ami.config import LinkConfig
from pbxcrm.demo.recording import PHONES, Headers
from pbxcrm.demo.stage import Pace, Stage

log = logging.getLogger("pbxcrm.demo")

_USER = "demo"
_MAX_ACTION = 16 * 1024  # bytes
_MAX_BACKLOG = 4 * 1024 * 1024  # bytes that a client may leave unread, as Asterisk drops a slow one
_COMMANDS = {
    "Challenge": "<none>",
    "CoreSettings": "system,reporting,all",
    "CoreShowChannels": "system,reporting,all",
    "CoreStatus": "system,reporting,all",
    "Events": "<none>",
    "ListCommands": "<none>",
    "Login": "<none>",
    "Logoff": "<none>",
    "Originate": "originate,all",
    "Ping": "<none>",
}


def _bytes(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in headers).encode() + b"\r\n"


class _Client:
    """One login at the demo PBX."""

    def __init__(self, pbx: "DemoPBX", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pbx, self.reader, self.writer = pbx, reader, writer
        self.challenge = ""
        self.logged_in = self.events = False
        self._answers: dict[str, Callable[[dict[str, str]], None]] = {
            "corestatus": self._core_status,
            "coresettings": self._core_settings,
            "coreshowchannels": self._core_show_channels,
            "listcommands": self._list_commands,
            "originate": self._originate,
            "events": self._events,
            "ping": lambda action: self.reply(action, "Success", ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}")),
            "logoff": self._logoff,
        }

    async def serve(self) -> None:
        """Read actions until the client leaves."""
        self.write(b"Asterisk Call Manager/11.0.0\r\n")
        while True:
            text = (await self.reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
            lines = [line.partition(":") for line in text.split("\r\n")]
            self._answer({key.strip().lower(): value.strip() for key, _, value in lines if key})
            await self.writer.drain()

    def write(self, data: bytes) -> None:
        """Bytes to the client, or the end of it when it does not read."""
        if self.writer.is_closing():
            return
        if self.writer.transport.get_write_buffer_size() > _MAX_BACKLOG:
            self.writer.transport.abort()
        else:
            self.writer.write(data)

    def reply(self, action: dict[str, str], response: str, *headers: tuple[str, str]) -> None:
        """A response that bears the action's id."""
        number = [("ActionID", action["actionid"])] if action.get("actionid") else []
        self.write(_bytes([("Response", response), *number, *headers]))

    def _answer(self, action: dict[str, str]) -> None:
        name = action.get("action", "").lower()
        if name == "challenge":
            self.challenge = str(secrets.randbelow(900_000_000) + 100_000_000)
            self.reply(action, "Success", ("Challenge", self.challenge))
        elif name == "login":
            self._login(action)
        elif not self.logged_in:
            self.reply(action, "Error", ("Message", "Permission denied"))
        elif name in self._answers:
            self._answers[name](action)
        else:
            self.reply(action, "Error", ("Message", "Invalid/unknown command"))

    def _login(self, action: dict[str, str]) -> None:
        secret = self.pbx.secret
        expected = hashlib.md5((self.challenge + secret).encode(), usedforsecurity=False).hexdigest()
        given, right = (action.get("key", ""), expected) if "key" in action else (action.get("secret", ""), secret)
        if action.get("username") != _USER or not secrets.compare_digest(given.encode(), right.encode()):
            self.reply(action, "Error", ("Message", "Authentication failed"))
            self.writer.close()
            return
        self.logged_in = True
        self.reply(action, "Success", ("Message", "Authentication accepted"))
        self._turn_events(action.get("events", "on"))

    def _events(self, action: dict[str, str]) -> None:
        self._turn_events(action.get("eventmask", "on"))
        self.reply(action, "Success", ("Events", "On" if self.events else "Off"))

    def _turn_events(self, mask: str) -> None:
        self.events = mask.lower() not in ("off", "no", "false")
        if self.events:
            self.pbx.begin()

    def _logoff(self, action: dict[str, str]) -> None:
        self.reply(action, "Goodbye", ("Message", "Thanks for all the fish."))
        self.writer.close()

    def _core_status(self, action: dict[str, str]) -> None:
        began = time.localtime(self.pbx.began)
        day, clock = time.strftime("%Y-%m-%d", began), time.strftime("%H:%M:%S", began)
        calls = str(len({row["Linkedid"] for row in self.pbx.stage.channels.values()}))
        self.reply(action, "Success", ("CoreStartupDate", day), ("CoreStartupTime", clock), ("CoreCurrentCalls", calls))

    def _core_settings(self, action: dict[str, str]) -> None:
        self.reply(
            action, "Success", ("AMIversion", "11.0.0"), ("AsteriskVersion", "22 (demo)"), ("SystemName", "demo")
        )

    def _list_commands(self, action: dict[str, str]) -> None:
        self.reply(action, "Success", *((name, f"{name}.  (Priv: {right})") for name, right in _COMMANDS.items()))

    def _core_show_channels(self, action: dict[str, str]) -> None:
        number = ("ActionID", action.get("actionid", ""))
        rows, now = self.pbx.stage.channels, time.time()
        self.reply(action, "Success", ("EventList", "start"), ("Message", "Channels will follow"))
        for uniqueid, row in rows.items():
            lasted = max(0, round(now - self.pbx.stage.began[uniqueid]))
            duration = f"{lasted // 3600:02}:{lasted // 60 % 60:02}:{lasted % 60:02}"
            self.write(_bytes([("Event", "CoreShowChannel"), number, *row.items(), ("Duration", duration)]))
        end = [("EventList", "Complete"), ("ListItems", str(len(rows))), number]
        self.write(_bytes([("Event", "CoreShowChannelsComplete"), *end]))

    def _originate(self, action: dict[str, str]) -> None:
        technology, _, rest = action.get("channel", "").partition("/")
        phone, exten = rest.partition("@")[0], action.get("exten", "")
        if technology not in ("PJSIP", "SIP", "Local") or not exten:
            self.reply(action, "Error", ("Message", "Channel not specified"))
            return
        self.reply(action, "Success", ("Message", "Originate successfully queued"))
        if phone in PHONES:
            self.pbx.stage.click(phone, exten, action.get("channelid", ""), action.get("actionid", ""))
            return
        self.pbx.send(
            [
                ("Event", "OriginateResponse"), ("Privilege", "call,all"), ("Timestamp", f"{time.time():.6f}"),
                ("ActionID", action.get("actionid", "")), ("Response", "Failure"), ("Channel", action["channel"]),
                ("Context", action.get("context", "")), ("Exten", exten), ("Reason", "0"), ("Uniqueid", "<unknown>"),
            ]
        )  # fmt: skip


class DemoPBX:
    """The running demo. Calls begin with the first client that wants events; `close` ends everything."""

    def __init__(self, pace: Pace | None = None, seed: int | None = None) -> None:
        self.secret = secrets.token_urlsafe(24)
        self.username = _USER
        self.host, self.port = "", 0
        self.began = time.time()
        self.stage = Stage(self.send, pace, seed)
        self._clients: set[_Client] = set()
        self._server: asyncio.Server | None = None
        self._playing: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def config(self) -> LinkConfig:
        """How a link gets here."""
        return LinkConfig(self.host, self.port, self.username, self.secret)

    async def listen(self, host: str, port: int) -> None:
        """Open the port; 0 takes a free one."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=_MAX_ACTION)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    def begin(self) -> None:
        """Somebody watches: let the calls come."""
        if self._playing is None:
            self._playing = asyncio.create_task(self.stage.run())

    def send(self, headers: Headers) -> None:
        """An event to every client that wants events."""
        data = _bytes(headers)
        for client in self._clients:
            if client.events:
                client.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client, task = _Client(self, reader, writer), asyncio.current_task()
        assert task is not None
        self._clients.add(client)
        self._serving.add(task)
        try:
            # A client that leaves, is cut off, or sends what is no action: all the same to a PBX.
            with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
                await client.serve()
        finally:
            self._clients.discard(client)
            self._serving.discard(task)
            writer.close()

    async def close(self) -> None:
        """End the calls, the clients and the port."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.writer.transport.abort()  # close() would wait for one that does not read
        tasks = [*self._serving, *([self._playing] if self._playing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.stage.close()
        if self._server is not None:
            await self._server.wait_closed()


async def serve_demo(
    host: str = "127.0.0.1", port: int = 0, *, pace: Pace | None = None, seed: int | None = None
) -> DemoPBX:
    """Start the demo PBX; `.config`, `.port` and `.secret` say how to reach it."""
    pbx = DemoPBX(pace, seed)
    await pbx.listen(host, port)
    return pbx
