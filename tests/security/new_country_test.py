"""The first call to a country asks for the password once more: a stolen session calls nobody there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from pbxcrm.crm.dialling import DialPolicy
from pbxcrm.service.auth import TRIES_ACCOUNT, Auth
from pbxcrm.service.people import set_password
from pbxcrm.store.db import Database, Work
from pbxcrm.store.schema import audit, calls
from tests.http import bed
from tests.http.bed import PASSWORD, Clock, House, both
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio
WORLD = DialPolicy(region="PL", prefixes=("*",), per_live=100, per_minute=100)
BERLIN, HAMBURG, PARIS, HOME = "+4930123456", "+4940123456", "+33142345678", "+48601234567"
NEW_YORK, KINGSTON = "+12125550123", "+18765551234"


@pytest_asyncio.fixture
async def abroad(db: Database) -> AsyncIterator[House]:
    """A house that may call all the world, with two who are logged in."""
    async with bed.house(db, policy=WORLD) as house:
        for name in ("alice", "bob"):
            await set_password(db, name, PASSWORD)
            house.people[name].cookie = await Auth(db).login(name, PASSWORD, "192.0.2.7")
        yield house


_clicks = iter(range(10**6))


async def click(house: House, number: str, who: str = "alice", **body: Any) -> tuple[int, dict[str, Any]]:
    """A click of somebody logged in: (status, the dial or what is wrong with it)."""
    headers = {**house.people[who].session, "Idempotency-Key": f"click-{next(_clicks)}", "Origin": house.origin}
    answer = await house.ask("POST", "/api/v1/dial", json={"number": number, **body}, headers=headers)
    said = await answer.json()
    return answer.status, said.get("error", said)


async def noted(db: Database, action: str) -> list[tuple[str, str]]:
    query = select(audit.c.name, audit.c.thing_id).where(audit.c.action == action).order_by(audit.c.id)
    return [(row.name, row.thing_id) for row in await db.reading(lambda conn: conn.execute(query).all())]


async def talked(house: House, number: str, **columns: Any) -> None:
    """A call of the house, as the PBX tells of it."""
    key = await call_of(house.db, house.people["bob"], f"uid-{number}-{columns}", number)

    def change(work: Work) -> None:
        work.conn.execute(update(calls).where(calls.c.id == key).values(columns))
        work.journal("call.ended", {}, None)

    await house.db.writing(change)


@both
async def test_a_stolen_session_calls_no_new_country(abroad: House) -> None:
    status, error = await click(abroad, BERLIN)
    assert (status, error["code"], error["country"]) == (422, "confirm_password", {"code": "DE", "name": "Germany"})
    assert "nothing was dialled" in error["message"]
    status, error = await click(abroad, BERLIN, password="guessed")
    assert (status, error["code"]) == (422, "wrong_password")
    assert abroad.pbx.sent == []
    assert (await click(abroad, HOME))[0] == 202


@both
async def test_once_confirmed_a_country_is_like_any_other(abroad: House) -> None:
    assert (await click(abroad, BERLIN, password=PASSWORD))[0] == 202
    assert (await click(abroad, HAMBURG))[0] == 202
    assert [sent["exten"] for sent in abroad.pbx.sent] == [BERLIN, HAMBURG]
    assert await noted(abroad.db, "dial.confirmed") == [("alice", "DE")]
    assert (await click(abroad, PARIS))[1]["code"] == "confirm_password"  # another country
    assert (await click(abroad, BERLIN, "bob"))[1]["code"] == "confirm_password"  # another person
    assert len(abroad.pbx.sent) == 2


@both
@pytest.mark.parametrize(
    ("number", "columns", "vouches"),
    [
        (HAMBURG, {"direction": "outbound", "outcome": "answered"}, True),
        (HAMBURG, {"direction": "outbound", "outcome": "missed"}, False),
        (HAMBURG, {"direction": "outbound", "outcome": "failed"}, False),
        (HAMBURG, {"direction": "inbound", "outcome": "answered"}, False),  # anybody can call us, from any number
        (PARIS, {"direction": "outbound", "outcome": "answered"}, False),
        ("4940123456", {"direction": "outbound", "outcome": "answered"}, False),
    ],
)
async def test_a_talk_of_the_house_vouches(abroad: House, number: str, columns: dict[str, str], vouches: bool) -> None:
    await talked(abroad, number, **columns)
    assert (await click(abroad, BERLIN))[0] == (202 if vouches else 422)


async def test_a_shared_calling_code_is_no_shared_country(abroad: House) -> None:
    await talked(abroad, NEW_YORK, direction="outbound", outcome="answered")
    assert (await click(abroad, NEW_YORK))[0] == 202
    assert (await click(abroad, KINGSTON))[1]["country"] == {"code": "JM", "name": "Jamaica"}


async def test_a_token_confirms_nothing(abroad: House) -> None:
    for body in ({}, {"password": PASSWORD}):
        error = await abroad.json(
            "POST",
            "/api/v1/dial",
            "alice",
            422,
            json={"number": BERLIN, **body},
            headers={"Idempotency-Key": f"t{len(body)}"},
        )
        assert error["error"]["code"] == "confirm_on_page"
    assert abroad.pbx.sent == []
    assert (await click(abroad, BERLIN, password=PASSWORD))[0] == 202
    headers = {"Idempotency-Key": "later"}
    await abroad.json("POST", "/api/v1/dial", "alice", 202, json={"number": BERLIN}, headers=headers)


async def test_guesses_count_as_those_of_logging_in(abroad: House, clock: Clock) -> None:
    for _ in range(TRIES_ACCOUNT):
        assert (await click(abroad, BERLIN, password="guessed"))[1]["code"] == "wrong_password"
    status, error = await click(abroad, BERLIN, password=PASSWORD)
    assert (status, error["code"]) == (429, "too_many")
    login = await abroad.ask("POST", "/login", data={"name": "alice", "password": PASSWORD})
    assert login.status == 429
    assert abroad.pbx.sent == []
    clock.on(3600)
    assert (await click(abroad, BERLIN, password=PASSWORD))[0] == 202


async def test_what_is_refused_anyway_asks_for_no_password(abroad: House) -> None:
    abroad.pbx.link.up = False
    assert (await click(abroad, BERLIN, password="guessed"))[0] == 503
    abroad.pbx.link.up = True
    assert (await click(abroad, "+870773123456", password="guessed"))[1]["code"] == "costly_number"


async def test_a_setting_switches_it_off(db: Database) -> None:
    async with bed.house(db, policy=replace(WORLD, confirm=False)) as house:
        body, headers = {"number": BERLIN}, {"Idempotency-Key": "k"}
        await house.json("POST", "/api/v1/dial", "alice", 202, json=body, headers=headers)


async def test_the_form_works_without_scripts(abroad: House) -> None:
    deal = await abroad.json("POST", "/api/v1/deals", "alice", 201, json={"title": "Trial", "number": BERLIN})
    path, headers = f"/deals/{deal['id']}/dial", {**abroad.people["alice"].session, "Origin": abroad.origin}
    asked = await abroad.ask("POST", path, data={"key": "one"}, headers=headers)
    page = await asked.text()
    assert asked.status == 422
    assert f'action="{path}"' in page
    assert 'name="key" value="one"' in page
    wrong = await abroad.ask("POST", path, data={"key": "one", "country": "DE", "password": "guessed"}, headers=headers)
    assert (wrong.status, "The password is not right" in await wrong.text()) == (422, True)
    assert abroad.pbx.sent == []
    right = await abroad.ask("POST", path, data={"key": "one", "password": PASSWORD}, headers=headers)
    assert right.status == 303
    assert [sent["exten"] for sent in abroad.pbx.sent] == [BERLIN]
