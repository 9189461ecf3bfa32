"""The door: from a password to a cookie and back."""

import pytest

from pbxcrm.service.auth import TRIES_ACCOUNT, TRIES_PEER
from pbxcrm.service.people import set_password
from pbxcrm.store.db import Database
from tests.http import bed
from tests.http.bed import PASSWORD, House

pytestmark = pytest.mark.asyncio


def cookie_of(set_cookie: str) -> str:
    return set_cookie.split(";")[0].partition("=")[2]


async def test_in_and_out(house: House) -> None:
    await set_password(house.db, "alice", PASSWORD)
    planted = {"Cookie": "pbxcrm_session=planted-by-somebody"}
    answer = await house.ask(
        "POST", "/login", data={"name": "alice", "password": PASSWORD, "next": "/calls"}, headers=planted
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/calls")
    said = answer.headers["Set-Cookie"]
    assert said.startswith("pbxcrm_session=")
    assert "HttpOnly" in said
    assert "SameSite=Lax" in said
    assert "Secure" not in said  # plain http on loopback
    first = cookie_of(said)
    assert first != "planted-by-somebody"
    mine = {"Cookie": f"pbxcrm_session={first}"}
    assert (await house.ask("GET", "/board", headers=mine)).status == 200
    assert (await house.ask("GET", "/api/v1/deals", headers=mine)).status == 200
    again = await house.ask("POST", "/login", data={"name": "alice", "password": PASSWORD}, headers=mine)
    second = cookie_of(again.headers["Set-Cookie"])
    assert second != first
    assert (await house.ask("GET", "/board", headers=mine)).status == 303  # the one before is over
    now = {"Cookie": f"pbxcrm_session={second}", "Origin": house.origin}
    out = await house.ask("POST", "/logout", headers=now)
    assert out.status == 303
    assert 'pbxcrm_session=""' in out.headers["Set-Cookie"]
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    assert (await house.ask("GET", "/board", headers=now)).status == 303


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", "evil", "/a\nb"]
)
async def test_the_way_on_leads_nowhere_else(house: House, target: str) -> None:
    await set_password(house.db, "alice", PASSWORD)
    answer = await house.ask("POST", "/login", data={"name": "alice", "password": PASSWORD, "next": target})
    assert (answer.status, answer.headers["Location"]) == (303, "/board")


async def test_who_is_not_in_is_shown_the_door_and_back(house: House) -> None:
    answer = await house.ask("GET", "/deals/7?x=1&y=2")
    assert (answer.status, answer.headers["Location"]) == (303, "/login?next=/deals/7?x%3D1%26y%3D2")
    posted = await house.ask("POST", "/deals/7/move", data={"stage": "1"})
    assert (posted.status, posted.headers["Location"]) == (303, "/login?next=/")


async def test_twenty_tries_are_too_many_and_forwarded_for_does_not_help(house: House) -> None:
    await set_password(house.db, "alice", PASSWORD)
    unknown = await house.ask("POST", "/login", data={"name": "nobody", "password": "wrong"})
    assert unknown.status == 401
    answers = []
    for n in range(20):
        form = {"name": "alice", "password": f"wrong{n}"}
        answers.append(await house.ask("POST", "/login", data=form, headers={"X-Forwarded-For": f"10.0.0.{n}"}))
    assert [a.status for a in answers] == [401] * TRIES_ACCOUNT + [429] * (20 - TRIES_ACCOUNT)
    texts = {await a.text() for a in answers[:TRIES_ACCOUNT]}
    assert all("Set-Cookie" not in a.headers for a in answers)
    assert {text.replace('value="nobody"', 'value="alice"') for text in [await unknown.text()]} == texts


async def test_rotating_names_from_one_peer_ends_too(house: House) -> None:
    statuses = [
        (
            await house.ask(
                "POST",
                "/login",
                data={"name": f"user{n}", "password": "wrong"},
                headers={"X-Forwarded-For": f"10.0.0.{n}"},
            )
        ).status
        for n in range(20)
    ]
    assert statuses == [401] * TRIES_PEER + [429] * (20 - TRIES_PEER)


async def test_behind_a_trusted_proxy_each_client_counts_for_itself(db: Database) -> None:
    async with bed.house(db, trusted_proxies=("127.0.0.1",)) as house:

        async def trial(n: int, forwarded: str) -> int:
            form = {"name": f"user{n}", "password": "wrong"}
            return (await house.ask("POST", "/login", data=form, headers={"X-Forwarded-For": forwarded})).status

        # What the client wrote itself stands to the left and is not believed.
        assert [await trial(n, f"6.6.6.{n}, 10.0.0.1") for n in range(20)].count(401) == TRIES_PEER
        assert await trial(30, "10.0.0.2") == 401
        # One subscriber's IPv6 network is one peer.
        assert [await trial(40 + n, f"2001:db8:0:1::{n}") for n in range(20)].count(401) == TRIES_PEER
        assert await trial(70, "2001:db8:0:2::1") == 401
        assert await trial(71, "not an address") == 401


async def test_a_form_that_is_none(house: House) -> None:
    for more in ({}, {"data": b"\xff\xfe%%%"}, {"json": {"name": "alice"}}, {"data": {"name": "a" * 5000}}):
        answer = await house.ask("POST", "/login", **more)  # type: ignore[arg-type]
        assert answer.status in (400, 401)
    assert (await house.ask("POST", "/login", data={"name": "a" * 70_000})).status == 413
