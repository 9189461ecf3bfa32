"""From the click to the wire: the real link, a fake Asterisk that counts. Whatever breaks, it sees one Originate."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from sqlalchemy import update

from pbxcrm.ami.link import Link, LinkConfig, LinkState
from pbxcrm.service import contacts
from pbxcrm.service.dial import Dialler
from pbxcrm.store.db import Database, Work
from pbxcrm.store.schema import contacts as contacts_table
from tests.fakes.ami import Connection, FakeAmi, fake_ami, header, until
from tests.http import bed
from tests.http.bed import House

pytestmark = pytest.mark.asyncio
NUMBER = {"number": "+48601234567"}


class Wire:
    """The real link, as the house's PBX."""

    def __init__(self, fake: FakeAmi) -> None:
        config = LinkConfig(
            "127.0.0.1", fake.port, fake.username, fake.secret,
            ping_every=0.05, silence=5, backoff_first=0.01, backoff_max=0.05,
        )  # fmt: skip
        self._link = Link(config)
        self.originate = self._link.originate
        self.run = self._link.run

    @property
    def link(self) -> LinkState:
        return self._link.state


@asynccontextmanager
async def office(db: Database, fake: FakeAmi) -> AsyncIterator[House]:
    wire = Wire(fake)
    running = asyncio.create_task(wire.run())
    try:
        async with bed.house(db, wire) as house:
            await until(lambda: wire.link.up)
            yield house
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def click(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_the_whole_way(db: Database) -> None:
    async with fake_ami() as fake, office(db, fake) as house:
        asked = await house.json("POST", "/api/v1/dial", "alice", 202, json=NUMBER, headers=click("k"))
        (action,) = fake.actions("Originate")
        assert [header(action, name) for name in ("ActionID", "Channel", "Context", "Exten", "Priority", "Async")] == [
            asked["id"], "PJSIP/101", "pbxcrm-out", "+48601234567", "1", "true",
        ]  # fmt: skip
        assert asked["state"] == "sent"


async def test_cut_between_the_click_and_the_answer(db: Database) -> None:
    async def cut(connection: Connection, _action: object) -> None:
        connection.abort()

    async with fake_ami() as fake, office(db, fake) as house:
        fake.on["Originate"] = cut
        asked = await house.json("POST", "/api/v1/dial", "alice", 202, json=NUMBER, headers=click("k"))
        assert asked["state"] == "unknown"
        del fake.on["Originate"]
        await until(lambda: len(fake.connections) >= 2 and house.pbx.link.up)
        again = await house.json("POST", "/api/v1/dial", "alice", 200, json=NUMBER, headers=click("k"))
        assert (again["id"], again["state"]) == (asked["id"], "unknown")
        await house.json("POST", "/api/v1/dial", "alice", 202, json=NUMBER, headers=click("another"))
        assert [header(a, "ActionID") == asked["id"] for a in fake.actions("Originate")] == [True, False]
    # A new process over the same database knows the click too.
    async with fake_ami() as fake:
        wire = Wire(fake)
        running = asyncio.create_task(wire.run())
        await until(lambda: wire.link.up)
        reborn = Dialler(db, wire.originate, bed.POLICY, link_up=lambda: wire.link.up)
        scope = house.people["alice"].scope
        view, new = await reborn.dial(scope, key="k", number="+48601234567")
        assert (view["id"], new, fake.actions("Originate")) == (asked["id"], False, [])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_double_click(db: Database) -> None:
    async with fake_ami() as fake, office(db, fake) as house:
        asks = [house.ask("POST", "/api/v1/dial", "alice", json=NUMBER, headers=click("k")) for _ in range(5)]
        statuses = sorted(answer.status for answer in await asyncio.gather(*asks))
        assert statuses == [200, 200, 200, 200, 202]
        assert len(fake.actions("Originate")) == 1


async def test_out_of_sight_nothing_is_sent_now_or_later(db: Database) -> None:
    async with fake_ami() as fake, office(db, fake) as house:
        await fake.stop()
        await until(lambda: not house.pbx.link.up)
        await house.json("POST", "/api/v1/dial", "alice", 503, json=NUMBER, headers=click("k"))
        await fake.start()
        await until(lambda: house.pbx.link.up)
        assert fake.actions("Originate") == []


async def test_the_eleventh_in_a_minute_leaves_no_frame(db: Database) -> None:
    async with fake_ami() as fake, office(db, fake) as house:
        for n in range(11):
            answer = await house.ask("POST", "/api/v1/dial", "alice", json=NUMBER, headers=click(f"k{n}"))
            assert answer.status == (202 if n < 10 else 429)
        assert len(fake.actions("Originate")) == 10


async def test_what_is_no_number_leaves_no_frame(db: Database) -> None:
    async with fake_ami() as fake, office(db, fake) as house:
        bad = (
            "100&PJSIP/trunk/1900", "601234567,1", "6012@x", "6012;x", "+4860123\r\nAction: Command", "60\u20281234567",
        )  # fmt: skip
        for number in bad:
            answer = await house.ask("POST", "/api/v1/dial", "alice", json={"number": number}, headers=click("k"))
            assert answer.status == 422
            assert set((await answer.json())["error"]["fields"]) == {"number"}  # read as no number, the first of walls
        assert fake.actions("Originate") == []
        assert not {header(action, "Action") for action in fake.seen} & {"Command", "Redirect"}


NAMES = [
    'Anna "A" Kowalska',
    "<1900>",
    "a\r\nAction: Command",
    "a\u2028b\u0085c",
    "$(reboot) ${SHELL(x)}",
    "a,b|c&d;e`f",
    "علی \u202eرضایی",
    "\\",
    "x" * 200,
]


def _rename(work: Work, contact: int, name: str) -> None:
    """As if it had come past everything that cleans a name on its way in."""
    work.conn.execute(update(contacts_table).where(contacts_table.c.id == contact).values(name=name))
    work.journal("test", {}, None)


async def test_whatever_a_customer_is_called_it_is_one_action(db: Database) -> None:
    async with fake_ami() as fake, office(db, fake) as house:
        scope = house.people["alice"].scope
        for n, name in enumerate(NAMES):
            made = await contacts.create(db, scope, {"name": "x", "numbers": ["+48601234567"]})
            await db.writing(partial(_rename, contact=int(made["id"]), name=name))
            body = {"contact_id": made["id"]}
            await house.json("POST", "/api/v1/dial", "alice", 202, json=body, headers=click(f"k{n}"))
        originates = fake.actions("Originate")
        assert len(originates) == len(NAMES)
        assert {header(action, "Exten") for action in originates} == {"+48601234567"}
        assert {tuple(key for key, _ in action) for action in originates} == {tuple(key for key, _ in originates[0])}
        assert not {header(action, "Action") for action in fake.seen} & {"Command", "Redirect"}
