"""GET /live and /api/v1/live: the journal as it grows, over a WebSocket, each asker seeing what is theirs.

No gap and no double: the hub reads on from `after`. A client too slow to keep up is dropped and comes back with the
last id it saw; nobody waits for it.
"""

import asyncio
import contextlib
import json
import logging
import re
import socket
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from pbxcrm.crm.views import iso
from pbxcrm.http import render
from pbxcrm.http.errors import BadRequest, Forbidden
from pbxcrm.http.guard import same_origin
from pbxcrm.http.keys import AUTH, BY_TOKEN, DEPS, PERSON, TRAIL
from pbxcrm.http.login import cookie_name
from pbxcrm.live.hub import Gone
from pbxcrm.service.auth import Person
from pbxcrm.service.errors import TooMany, Unavailable
from pbxcrm.service.watch import journal_ends
from pbxcrm.store.errors import DatabaseUnusable

log = logging.getLogger(__name__)

KINDS = frozenset(
    {
        "call.ringing",
        "call.answered",
        "call.transferred",
        "call.ended",
        "call.wrapped",
        "deal.created",
        "deal.changed",
        "deal.moved",
        "task.due",
        "task.done",
        "task.reminded",
        "lead.base",
        "lead.created",
        "lead.changed",
        "lead.claimed",
        "lead.released",
        "lead.qualified",
        "lead.declined",
        "lead.scored",
        "lead.noted",
        "link.up",
        "link.down",
        "settings.changed",
        "database.up",
        "database.down",
        "reset",
    }
)
# After these, what a stream may show has to be asked anew.
_RIGHTS = frozenset({"session.ended", "user.changed", "token.revoked"})
HEARTBEAT, WRITE_TIMEOUT, RECHECK = 20.0, 10.0, 60.0
FAREWELL = 0.3  # seconds, when we stop: whoever reads has answered long before
FAR_BEHIND = 5000  # rows: reading the page anew is cheaper then
_AT_ONCE = 16 * 1024  # bytes that a transport takes without making us wait: no clock is needed then
_KERNEL = 64 * 1024  # bytes that the kernel keeps for one who does not read (it takes twice as much)
_SESSION_OVER, _ANOTHER_TAB = 4401, 4409
_RESET = {"reason": "What you know is too old, or from elsewhere: read everything anew."}
_ID = re.compile(r"[0-9]{1,18}")

Row = Mapping[str, Any]


class Encoded:
    """The bytes of the newest messages: a row's data is encoded once, a message once a variant, not once a client."""

    def __init__(self, kept: int = 1024) -> None:
        self._kept = kept
        self._made: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._newest: tuple[tuple[Any, ...], str] = ((), "")

    def get(self, row: Row, html: str | None, *, with_html: bool) -> bytes:
        """The message of a row; `html` only for our own pages."""
        which = (row["id"], row["kind"], row["at"])  # what no journal holds bears the id of the row before it
        key = (*which, html if html is not None else ("" if with_html else None))
        found = self._made.get(key)
        if found is None:
            if self._newest[0] != which:
                self._newest = (which, _start(row))
            found = self._made[key] = _whole(self._newest[1], html, with_html=with_html)
            if len(self._made) > self._kept:
                self._made.popitem(last=False)
        return found


def message(row: Row, html: str | None = None, *, with_html: bool = False) -> bytes:
    """One message: {id, kind, at, data}, and for our own pages html."""
    return _whole(_start(row), html, with_html=with_html)


def _start(row: Row) -> str:
    """A message's text but for its end."""
    return _json({"id": str(row["id"]), "kind": row["kind"], "at": iso(row["at"]), "data": row["data"]})[:-1]


def _whole(start: str, html: str | None, *, with_html: bool) -> bytes:
    end = f',"html":{_json(html)}}}' if with_html else "}"
    return (start + end).encode("utf-8", "replace")


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(eq=False, slots=True)
class Stream:
    """One client. `raw` proves its rights anew: a token or a session."""

    request: web.Request
    person: Person
    raw: str
    html: bool
    ws: web.WebSocketResponse

    async def still(self) -> bool:
        """Whether the rights it began with are the rights it has."""
        auth = self.request.app[AUTH]
        by_token = self.request[BY_TOKEN]
        person = await (auth.by_token(self.raw) if by_token else auth.by_session(self.raw, touch=False))
        return person is not None and person.scope == self.person.scope

    def abort(self) -> None:
        """Cut the connection: a client that does not read will not read a farewell either."""
        if (transport := self.request.transport) is not None:
            transport.abort()


@dataclass(slots=True)
class Streams:
    """All open streams, and what they counted."""

    open: dict[Stream, None] = field(default_factory=dict)  # the oldest first
    by_session: Counter[str] = field(default_factory=Counter)
    encoded: Encoded = field(default_factory=Encoded)
    closing: bool = False
    sent: int = 0
    dropped: int = 0
    _farewells: set[asyncio.Future[None]] = field(default_factory=set)

    def admit(self, person: Person, most: int, most_session: int, *, by_token: bool) -> None:
        """Takes a place; `leave` gives it back. Raises TooMany or Unavailable when there is none.

        Of a browser's session the oldest stream gives way: its page comes back when somebody looks at it. A program
        is refused, or two of one token would throw each other out for ever.
        """
        if self.closing:
            raise Unavailable("The server is stopping. Nothing was lost; connect again in a moment.")
        if self.by_session[person.via] >= most_session and (by_token or not self._give_way(person.via)):
            raise TooMany(f"{most_session} live connections are open for this login. Close one.", retry_after=30)
        if self.by_session.total() >= most:
            raise Unavailable("No more live connections fit. The pages work without; reload to see what is new.")
        self.by_session[person.via] += 1

    def leave(self, stream: Stream | None, via: str) -> None:
        """The place of that stream is free; None: of one that did not come to be."""
        if stream is not None:
            if stream not in self.open:
                return  # it gave way before
            del self.open[stream]
        self.by_session[via] -= 1
        if not self.by_session[via]:
            del self.by_session[via]

    def _give_way(self, via: str) -> bool:
        oldest = next((stream for stream in self.open if stream.person.via == via), None)
        if oldest is None:
            return False
        self.leave(oldest, via)
        task = asyncio.ensure_future(_farewell(oldest))
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)
        return True

    async def close_all(self, _app: web.Application) -> None:
        """At the stop: say goodbye, wait for nobody."""
        self.closing = True
        streams = list(self.open)
        if streams:
            closes = [asyncio.ensure_future(s.ws.close(code=WSCloseCode.GOING_AWAY)) for s in streams]
            _, late = await asyncio.wait(closes, timeout=FAREWELL)
            for task in late:
                task.cancel()
            for stream in streams:
                stream.abort()
            await asyncio.gather(*closes, return_exceptions=True)


async def _farewell(stream: Stream) -> None:
    """Say why, then cut: whoever reads hears it."""
    with contextlib.suppress(ConnectionError, RuntimeError, TimeoutError):
        async with asyncio.timeout(WRITE_TIMEOUT):
            await stream.ws.close(code=_ANOTHER_TAB, message=b"another tab has taken its place")
    stream.abort()


STREAMS: web.AppKey[Streams] = web.AppKey("streams", Streams)


async def live(request: web.Request) -> web.StreamResponse:
    """The handler of both addresses."""
    deps, streams, person = request.app[DEPS], request.app[STREAMS], request[PERSON]
    _check_origin(request)
    after = _after(request)
    raw = _raw(request)
    most, most_session = deps.settings.max_streams, deps.settings.max_streams_session
    streams.admit(person, most, most_session, by_token=request[BY_TOKEN])
    stream = None
    try:
        ws = web.WebSocketResponse(
            heartbeat=HEARTBEAT, timeout=1.0, compress=False, max_msg_size=1024, writer_limit=_AT_ONCE
        )
        if not ws.can_prepare(request).ok:
            raise BadRequest("This address is a WebSocket: connect to it with one.")
        ends = await journal_ends(deps.db)
        await ws.prepare(request)
        _bound(request)
        stream = Stream(request, person, raw, request.query.get("html") == "1", ws)
        streams.open[stream] = None
        request.app[TRAIL].saw(person.scope, "live")
        await _run(stream, streams, after, ends)
    finally:
        streams.leave(stream, person.via)
    return ws


def _bound(request: web.Request) -> None:
    """What waits for one who does not read is little, here and in the kernel: there may be thousands."""
    if (transport := request.transport) is not None:
        transport.set_write_buffer_limits(high=_AT_ONCE)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL)


def _check_origin(request: web.Request) -> None:
    origins = request.headers.getall("Origin", [])
    secure = request.app[DEPS].settings.secure
    if any(not same_origin(origin, request.host, secure=secure) for origin in origins):
        raise Forbidden("This came from another site's page. Open pbxcrm itself.")
    if not origins and not request[BY_TOKEN]:
        raise Forbidden("A program connects with Authorization: Bearer TOKEN; a page's browser says its Origin.")


def _after(request: web.Request) -> int | None:
    text = request.query.get("after")
    if text is not None and not _ID.fullmatch(text):
        raise BadRequest("`after` is the id of a message, as it came. Leave it out to get only what is new.")
    return int(text) if text is not None else None


def _raw(request: web.Request) -> str:
    if request[BY_TOKEN]:
        return request.headers["Authorization"].partition(" ")[2].strip()
    return request.cookies[cookie_name(request)]


async def _run(stream: Stream, streams: Streams, after: int | None, ends: tuple[int, int]) -> None:
    writer = asyncio.create_task(_write(stream, streams, after, ends))
    try:
        await _read(stream)
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer


async def _read(stream: Stream) -> None:
    """Until the client or the writer closes; nothing a client says is of interest. Asks each minute for its rights."""
    clock = asyncio.get_running_loop().time
    recheck = clock() + RECHECK
    while True:
        try:
            said = await stream.ws.receive(timeout=max(0.0, recheck - clock()))
        except TimeoutError:
            recheck = clock() + RECHECK
            if await _still(stream):
                continue
            await stream.ws.close(code=_SESSION_OVER, message=b"session over")
            return
        if said.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return


async def _still(stream: Stream) -> bool:
    """Whether the rights are what they were; as long as nobody can tell, nothing is shown that was not before."""
    try:
        return await stream.still()
    except DatabaseUnusable:
        return True


async def _write(stream: Stream, streams: Streams, after: int | None, ends: tuple[int, int]) -> None:
    """Send what the hub has, then close: the reader ends with it."""
    code: int = WSCloseCode.GOING_AWAY
    try:
        code = await _send_all(stream, streams, after, ends)
    except TimeoutError:
        streams.dropped += 1
        log.info("live: a client of %s took nothing for %.0f s and was dropped", stream.person.name, WRITE_TIMEOUT)
        stream.abort()
        return
    except ConnectionError:
        return  # gone: the reader sees it too
    except DatabaseUnusable:
        code = WSCloseCode.TRY_AGAIN_LATER
    except Exception:
        log.exception("live: the stream of %s broke", stream.person.name)
        code = WSCloseCode.INTERNAL_ERROR
    with contextlib.suppress(ConnectionError, RuntimeError):
        await stream.ws.close(code=code)


async def _send_all(stream: Stream, streams: Streams, after: int | None, ends: tuple[int, int]) -> int:
    """Gives the code to close with."""
    first, newest = ends
    start = newest if after is None else after
    if start > newest or start < first - 1 or newest - start > FAR_BEHIND:
        start = newest
        row = {"id": newest, "kind": "reset", "at": stream.request.app[DEPS].db.clock(), "data": _RESET}
        await _send(stream, message(row, with_html=stream.html))
    deps = stream.request.app[DEPS]
    if not deps.db.presence.up or "database" in stream.request.query:  # it shows that the database is away: is it?
        await _send_row(stream, streams, {**deps.hub.presence(), "id": start})
    subscription = deps.hub.subscribe(stream.person.scope, start)
    try:
        async for row in subscription:
            if row["kind"] in KINDS:
                await _send_row(stream, streams, row)
            elif _about(row, stream.person) and not await stream.still():
                return _SESSION_OVER
    except Gone:
        return WSCloseCode.TRY_AGAIN_LATER  # it comes back with the id it saw last, and is told to read anew
    finally:
        await subscription.close()
    # The hub gave it up: too much was waiting. It comes back with the id it saw last.
    streams.dropped += 1
    return WSCloseCode.TRY_AGAIN_LATER


async def _send_row(stream: Stream, streams: Streams, row: Row) -> None:
    html = _html(stream.person, row) if stream.html else None
    await _send(stream, streams.encoded.get(row, html, with_html=stream.html))
    streams.sent += 1


def _html(person: Person, row: Row) -> str | None:
    try:
        return render.message(person, row)
    except Exception:
        # The row goes out all the same: a stream that broke here would break here again after every return.
        log.exception("live: row %s (%s) could not be drawn", row["id"], row["kind"])
        return None


def _about(row: Row, person: Person) -> bool:
    return row["kind"] in _RIGHTS and row["data"].get("user") == person.name


async def _send(stream: Stream, data: bytes) -> None:
    transport = stream.request.transport
    if transport is not None and transport.get_write_buffer_size() + len(data) < _AT_ONCE:
        await stream.ws.send_frame(data, WSMsgType.TEXT)
        return
    async with asyncio.timeout(WRITE_TIMEOUT):
        await stream.ws.send_frame(data, WSMsgType.TEXT)
