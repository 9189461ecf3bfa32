"""The live stream: no gap, no double, nothing foreign; the slow are dropped, and a stop waits for nobody."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from pbxcrm.http import live as live_room
from pbxcrm.http.live import KINDS, STREAMS
from pbxcrm.service import deals
from pbxcrm.service.auth import Auth
from pbxcrm.service.people import change_user, revoke_tokens, set_password
from pbxcrm.store.db import EVERYBODY, Database, Work, audience
from tests.http import bed
from tests.http.bed import PASSWORD, House, until

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def stream(
    house: House, who: str | None, query: str = "", path: str = "/api/v1/live", **headers: str
) -> AsyncIterator[ClientWebSocketResponse]:
    sent = {**(house.people[who].bearer if who else {}), **headers}
    async with house.http.ws_connect(house.url(path + query), headers=sent, autoping=True) as ws:
        yield ws


async def take(ws: ClientWebSocketResponse, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        return [json.loads(await ws.receive_str()) for _ in range(count)]


async def closed(ws: ClientWebSocketResponse) -> int | None:
    """Read to the end; gives the code it was closed with."""
    async with asyncio.timeout(20):
        while (message := await ws.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
            pass
        return message.data if message.type is WSMsgType.CLOSE else ws.close_code


async def note(db: Database, n: int, to: str | None = EVERYBODY, kind: str = "deal.changed", **more: Any) -> None:
    """One journal row."""
    await db.writing(lambda work: work.journal(kind, {"id": str(n), **more}, to))


def deaf_client(house: House) -> socket.socket:
    """Bob connects and never reads."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect((house.server.host, house.server.port))
    lines = (
        "GET /live HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Authorization: Bearer {house.people['bob'].token}",
    )
    deaf.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return deaf


async def connected(house: House, count: int) -> None:
    await until(lambda: len(house.server.app[STREAMS].open) == count)


async def test_a_message_is_what_the_contract_says(house: House) -> None:
    async with stream(house, "alice") as ws:
        await connected(house, 1)
        deal = await deals.create(house.db, house.people["alice"].scope, {"title": "Boot <b>", "value": "12.50"})
        created = next(m for m in await take(ws, 1) if m["kind"] == "deal.created")
    assert set(created) == {"id", "kind", "at", "data"}
    assert isinstance(created["id"], str)
    assert created["at"] == "2026-11-18T11:06:40.000Z"
    assert {k: created["data"][k] for k in ("id", "title", "value", "owner")} == {
        "id": deal["id"],
        "title": "Boot <b>",
        "value": "12.50",
        "owner": "alice",
    }


async def test_no_gap_and_no_double_from_any_id_on(house: House) -> None:
    writer = asyncio.create_task(_write_many(house.db, 300))
    seen: list[str] = []
    last = ""
    while len(seen) < 300:
        async with stream(house, "alice", last or "?after=0") as ws:
            rows = await take(ws, min(37, 300 - len(seen)))
        seen += [m["data"]["id"] for m in rows]
        last = f"?after={rows[-1]['id']}"
    await writer
    assert seen == [str(n) for n in range(300)]


async def _write_many(db: Database, count: int) -> None:
    for n in range(count):
        await note(db, n)


async def test_only_what_is_mine_and_only_the_contracts_kinds(house: House) -> None:
    mine, theirs = (audience(house.people[name].scope.user_id) for name in ("alice", "charlie"))

    kinds = (*sorted(KINDS), "user.added")

    async def write() -> None:
        for n in range(60):
            await note(house.db, n, (mine, theirs, None, EVERYBODY)[n % 4], kinds[n % len(kinds)])
        await note(house.db, 999)

    async with stream(house, "alice") as a, stream(house, "charlie") as c, stream(house, "mona") as m:
        await connected(house, 3)
        await write()
        got = {}
        for name, ws in (("alice", a), ("charlie", c), ("mona", m)):
            rows: list[dict[str, Any]] = []
            while not rows or rows[-1]["data"]["id"] != "999":
                rows += await take(ws, 1)
            got[name] = {int(row["data"]["id"]) for row in rows}
            assert {row["kind"] for row in rows} <= KINDS
    live = {n for n in range(60) if kinds[n % len(kinds)] in KINDS} | {999}
    assert got["alice"] == {n for n in live if n % 4 in (0, 3) or n == 999}
    assert got["charlie"] == {n for n in live if n % 4 in (1, 3) or n == 999}
    assert got["mona"] == live


async def test_html_comes_only_to_those_who_ask(house: House) -> None:
    async with stream(house, "alice", "?html=1") as page, stream(house, "alice") as program:
        await connected(house, 2)
        await deals.create(house.db, house.people["alice"].scope, {"title": "Boat <script>"})
        (with_html,) = await take(page, 1)
        (without,) = await take(program, 1)
    assert "html" not in without
    assert "Boat &lt;script&gt;" in with_html["html"]
    assert {k: v for k, v in with_html.items() if k != "html"} == without


async def test_a_row_that_cannot_be_drawn_goes_out_without_its_picture(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> str:
        raise RuntimeError("template")

    async with stream(house, "alice", "?html=1") as ws:
        await connected(house, 1)
        with monkeypatch.context() as patch:
            patch.setattr(live_room.render, "message", broken)
            await note(house.db, 1)
            assert (await take(ws, 1))[0]["html"] is None
        assert "could not be drawn" in caplog.text
        await deals.create(house.db, house.people["alice"].scope, {"title": "Boat"})
        assert (await take(ws, 1))[0]["html"]


async def test_reset_when_the_past_is_not_ours(house: House) -> None:
    await note(house.db, 1)
    for after in ("999999999", "123456789012345678"):
        async with stream(house, "alice", f"?after={after}") as ws:
            (first,) = await take(ws, 1)
            assert first["kind"] == "reset"
            assert set(first) == {"id", "kind", "at", "data"}
            await note(house.db, 2)
            (then,) = await take(ws, 1)
            assert (then["kind"], then["data"]["id"]) == ("deal.changed", "2")
            assert int(then["id"]) == int(first["id"]) + 1


async def test_reset_when_too_much_was_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_room, "FAR_BEHIND", 10)

    def many(work: Work) -> None:
        for n in range(20):
            work.journal("deal.changed", {"id": str(n)}, EVERYBODY)

    await house.db.writing(many)
    async with stream(house, "alice", "?after=1") as ws:
        assert (await take(ws, 1))[0]["kind"] == "reset"


@pytest.mark.parametrize(
    "query", ["?after=", "?after=x", "?after=-1", "?after=1.5", "?after=" + "9" * 19, "?after=%D9%A3"]
)
async def test_an_after_that_is_none(house: House, query: str) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        async with stream(house, "alice", query):
            pass
    assert refused.value.status == 400


async def test_origin_and_rights_at_the_door(house: House) -> None:
    await set_password(house.db, "alice", PASSWORD)
    cookie = {"Cookie": f"pbxcrm_session={await Auth(house.db).login('alice', PASSWORD, '127.0.0.1')}"}
    bearer = house.people["alice"].bearer
    ours, foreign = {"Origin": house.origin}, {"Origin": "http://evil.example"}
    for headers, status in (
        ({}, 401),
        (ours, 401),
        ({"Authorization": "Bearer nonsense"}, 401),
        ({"Authorization": "Bearer nonsense", **cookie, **ours}, 401),
        (cookie, 403),  # a browser says its Origin
        ({**cookie, **foreign}, 403),
        ({**cookie, "Origin": "null"}, 403),
        ({**cookie, "Origin": "http://127.0.0.1:1"}, 403),
        ({**bearer, **foreign}, 403),
        ({**cookie, **ours}, 101),
        (bearer, 101),
        ({**bearer, **ours}, 101),
    ):
        for path in ("/live", "/api/v1/live"):
            if status == 101:
                async with stream(house, None, "", path, **headers):
                    pass
            else:
                with pytest.raises(WSServerHandshakeError) as refused:
                    async with stream(house, None, "", path, **headers):
                        pass
                assert refused.value.status == status, headers


@pytest.mark.parametrize("how", ["logout", "logout_all", "role", "inactive", "password", "revoked"])
async def test_lost_rights_end_the_stream_before_the_next_row(house: House, how: str) -> None:
    await set_password(house.db, "mona", PASSWORD)
    auth, mona = Auth(house.db), house.people["mona"]
    raw = await auth.login("mona", PASSWORD, "127.0.0.1")
    by_token = how in ("revoked", "inactive", "role")
    headers = mona.bearer if by_token else {"Cookie": f"pbxcrm_session={raw}", "Origin": house.origin}
    async with stream(house, None, "", **headers) as ws:
        await connected(house, 1)
        await note(house.db, 1, None)
        assert len(await take(ws, 1)) == 1
        if how == "logout":
            await auth.logout(raw)
        elif how == "logout_all":
            await auth.logout_all(mona.scope)
        elif how == "role":
            await change_user(house.db, "mona", role="agent")
        elif how == "inactive":
            await change_user(house.db, "mona", active=False)
        elif how == "password":
            await set_password(house.db, "mona", "another one here")
        else:
            await revoke_tokens(house.db, "mona")
        await note(house.db, 2, None)
        last = await ws.receive(timeout=20)
        assert last.type is WSMsgType.CLOSE
        assert last.data == 4401


async def test_somebody_elses_logout_ends_nothing(house: House) -> None:
    await set_password(house.db, "bob", PASSWORD)
    auth = Auth(house.db)
    raw = await auth.login("bob", PASSWORD, "127.0.0.1")
    async with stream(house, "mona") as ws:
        await connected(house, 1)
        await auth.logout(raw)
        await note(house.db, 2)
        assert (await take(ws, 1))[0]["data"]["id"] == "2"


async def test_rights_are_asked_for_anew_even_when_nothing_happens(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_room, "RECHECK", 0.02)
    asked = 0
    still = live_room.Stream.still

    async def counted(self: live_room.Stream) -> bool:
        nonlocal asked
        asked += 1
        return await still(self) and asked < 3

    monkeypatch.setattr(live_room.Stream, "still", counted)
    async with stream(house, "alice") as ws:
        assert await closed(ws) == 4401
    assert asked == 3


async def test_so_many_streams_a_session_and_no_more(db: Database) -> None:
    async with bed.house(db, max_streams_session=2, max_streams=3) as house:
        async with stream(house, "alice"), stream(house, "alice"):
            with pytest.raises(WSServerHandshakeError) as refused:
                async with stream(house, "alice"):
                    pass
            assert refused.value.status == 429
            async with stream(house, "bob"):
                with pytest.raises(WSServerHandshakeError) as refused:
                    async with stream(house, "charlie"):
                        pass
                assert refused.value.status == 503
        await connected(house, 0)
        async with stream(house, "alice"):
            pass


async def test_of_a_browsers_streams_the_oldest_gives_way_and_is_told(db: Database) -> None:
    async with bed.house(db, max_streams_session=2) as house:
        await set_password(house.db, "alice", PASSWORD)
        raw = await Auth(house.db).login("alice", PASSWORD, "127.0.0.1")
        mine = {"Cookie": f"pbxcrm_session={raw}", "Origin": house.origin}
        tabs = [await house.http.ws_connect(house.url("/live"), headers=mine) for _ in range(2)]
        await connected(house, 2)
        tabs.append(await house.http.ws_connect(house.url("/live"), headers=mine))
        assert await closed(tabs[0]) == 4409
        await connected(house, 2)
        await note(house.db, 1)
        for tab in tabs[1:]:
            assert (await take(tab, 1))[0]["data"]["id"] == "1"
            await tab.close()
        await connected(house, 0)
        assert house.server.app[STREAMS].by_session == {}


async def test_many_at_the_door_at_once_are_counted_before_they_are_in(db: Database) -> None:
    async with bed.house(db, max_streams_session=2) as house:
        mine = house.people["alice"].bearer
        asked = [house.http.ws_connect(house.url("/live"), headers=mine) for _ in range(8)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(one, WSServerHandshakeError) for one in found) == 6
        for one in found:
            if isinstance(one, ClientWebSocketResponse):
                await one.close()


async def test_one_who_never_reads_is_dropped_and_the_others_get_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_room, "WRITE_TIMEOUT", 0.3)
    streams = house.server.app[STREAMS]
    deaf = deaf_client(house)
    await connected(house, 1)
    async with stream(house, "alice") as ws:
        await connected(house, 2)
        reader = asyncio.create_task(take(ws, 400))
        for n in range(400):
            await note(house.db, n, padding="x" * 20_000)
        assert [int(m["data"]["id"]) for m in await reader] == list(range(400))
        await connected(house, 1)
    assert streams.dropped == 1
    deaf.close()


async def test_many_who_leave_at_once_leave_no_trace(house: House, caplog: pytest.LogCaptureFixture) -> None:
    mine = house.people["alice"].bearer
    socks = [await house.http.ws_connect(house.url("/live"), headers=mine) for _ in range(15)]
    await connected(house, 15)
    for ws in socks:
        assert ws._response.connection is not None
        ws._response.connection.transport.abort()
    for n in range(50):
        await note(house.db, n)
    await connected(house, 0)
    assert house.server.app[STREAMS].by_session == {}
    assert "Traceback" not in caplog.text


async def test_a_stop_with_open_streams_takes_under_a_second(db: Database) -> None:
    async with bed.house(db) as house:
        deaf = deaf_client(house)
        open_ones = [
            await house.http.ws_connect(house.url("/live"), headers=house.people["alice"].bearer) for _ in range(10)
        ]
        await connected(house, 11)
        for n in range(100):  # until its buffers are full and the writer waits
            await note(house.db, n, audience(house.people["bob"].scope.user_id), padding="x" * 20_000)
        reading = asyncio.gather(*(closed(ws) for ws in open_ones))
        began = time.monotonic()
        await house.server.close()
        assert time.monotonic() - began < 1.0
        assert set(await reading) <= {1001, 1006}
        deaf.close()


async def test_what_a_client_says_is_of_no_interest(house: House) -> None:
    async with stream(house, "alice") as ws:
        await connected(house, 1)
        await ws.send_str("hello")
        await ws.send_bytes(b"\xff")
        await note(house.db, 1)
        assert len(await take(ws, 1)) == 1
        await ws.send_str("x" * 5000)  # too much: closed
        assert await closed(ws) == 1009


async def test_a_burst_in_one_commit_drops_nobody(house: House) -> None:
    def many(work: Work) -> None:
        for n in range(1200):
            work.journal("deal.changed", {"id": str(n)}, EVERYBODY)

    async with stream(house, "alice") as ws:
        await connected(house, 1)
        await note(house.db, -1)
        assert len(await take(ws, 1)) == 1  # it listens
        await house.db.writing(many)
        assert [int(m["data"]["id"]) for m in await take(ws, 1200)] == list(range(1200))
    assert house.server.app[STREAMS].dropped == 0
