"""Webhooks are told what the journal says: in order, at least once, signed, and no more than they are to know."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pbxcrm.crm import webhooks as rules
from pbxcrm.crm.views import epoch
from pbxcrm.hooks.outbox import Outbox
from pbxcrm.hooks.sender import Sender
from pbxcrm.service import contacts, deals, tasks, webhooks
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.store.db import Database, only
from tests.hooks.sink import sink
from tests.http.bed import Clock, Person, both, settle, until
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio
URL = "http://receiver.example/hook"


class Receiver:
    """Stands for the outbox: keeps what was posted, and answers as it is told."""

    def __init__(self, *answers: tuple[int | None, str]) -> None:
        self.answers = list(answers) or [(204, "")]
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int | None, str]:
        self.got.append((url, dict(headers), json.loads(body)))
        return self.answer(url)

    def answer(self, _url: str) -> tuple[int | None, str]:
        return self.answers[0]

    @property
    def titles(self) -> list[str]:
        return [body["data"].get("title", "") for _, _, body in self.got]


@asynccontextmanager
async def sending(db: Database, receiver: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(Sender(db, receiver.post, poll=0.01, gather=0).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def mona_of(db: Database) -> Person:
    return (await settle(db))["mona"]


async def hook_of(db: Database, mona: Person, *kinds: str, url: str = URL) -> dict[str, Any]:
    return await webhooks.register(db, mona.scope, {"url": url, "kinds": list(kinds or ("deal.created",))})


async def stands(db: Database, mona: Person, hook: dict[str, Any]) -> dict[str, Any]:
    return await webhooks.get(db, mona.scope, hook["id"])


async def lasts(db: Database, mona: Person, hook: dict[str, Any]) -> list[dict[str, Any]]:
    return list((await webhooks.deliveries(db, mona.scope, hook["id"]))["items"])


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what the database says."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - the condition is in the database, with no event to wait for
            await asyncio.sleep(0.005)


async def off(db: Database, mona: Person, hook: dict[str, Any]) -> bool:
    return not (await stands(db, mona, hook))["active"]


@both
async def test_what_happens_is_told_in_order_and_signed(db: Database) -> None:
    mona, receiver = await mona_of(db), Receiver()
    await deals.create(db, mona.scope, {"title": "before"})
    hook = await hook_of(db, mona)
    async with sending(db, receiver):
        for n in range(30):
            await deals.create(db, mona.scope, {"title": f"deal {n}"})
        await until(lambda: len(receiver.got) == 30)
    assert receiver.titles == [f"deal {n}" for n in range(30)]
    url, headers, body = receiver.got[0]
    assert (url, body["kind"]) == (URL, "deal.created")
    sent = json.dumps(body, ensure_ascii=False).encode()
    signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + sent
    proof = base64.b64encode(hmac.new(hook["secret"].encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["Webhook-Signature"] == f"v1,{proof}"
    assert len({headers["Webhook-Id"] for _, headers, _ in receiver.got}) == 30


async def test_a_stop_loses_nothing_and_a_start_goes_on(db: Database) -> None:
    mona, receiver = await mona_of(db), Receiver()
    hook = await hook_of(db, mona)
    await deals.create(db, mona.scope, {"title": "while down"})
    async with sending(db, receiver):
        await until(lambda: receiver.titles == ["while down"])
    for _ in range(3):  # told and noted: not told again
        await asyncio.sleep(0)
    assert [one["reason"] for one in await lasts(db, mona, hook)] in ([], [""])
    again = Receiver()
    await deals.create(db, mona.scope, {"title": "later"})
    async with sending(db, again):
        await until(lambda: "later" in again.titles)
    assert again.titles[-1] == "later"


@both
async def test_a_receiver_that_is_down_is_tried_again_and_the_rest_waits_behind(db: Database, clock: Clock) -> None:
    mona = await mona_of(db)
    receiver = Receiver((503, "status"))
    hook = await hook_of(db, mona)
    await hook_of(db, mona, "contact.created", url="http://other.example/")
    await deals.create(db, mona.scope, {"title": "first"})
    await deals.create(db, mona.scope, {"title": "second"})

    def other(receiver: Receiver) -> int:
        return sum("other" in url for url, _, _ in receiver.got)

    def titles(receiver: Receiver) -> list[str]:
        return [body["data"]["title"] for url, _, body in receiver.got if "other" not in url]

    def answer(url: str) -> tuple[int | None, str]:
        return (204, "") if "other" in url else receiver.answers[0]

    receiver.answer = answer  # type: ignore[method-assign]
    async with sending(db, receiver):
        for tries, pause in enumerate(rules.BACK_OFF, 1):
            while [one["tries"] for one in await lasts(db, mona, hook)] != [tries]:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            now = await stands(db, mona, hook)
            assert (now["reason"], now["active"]) == ("status", True)
            clock.on(pause - 1)
            await contacts.create(db, mona.scope, {"name": "too early"})
            await until(lambda: other(receiver) == tries)  # noqa: B023 - it has looked, and told the other one alone
            assert len(receiver.got) - other(receiver) == tries
            clock.on(1.5)
        receiver.answers = [(200, "")]
        await until(lambda: titles(receiver)[-1] == "second")
    assert set(titles(receiver)[:-1]) == {"first"}
    ids = {headers["Webhook-Id"] for _, headers, body in receiver.got if body["data"].get("title") == "first"}
    assert len(ids) == 1


async def test_days_of_failing_switch_it_off_with_a_notice(db: Database, clock: Clock) -> None:
    mona, receiver = await mona_of(db), Receiver((None, "timeout"))
    hook = await hook_of(db, mona)
    await deals.create(db, mona.scope, {"title": "first"})
    async with sending(db, receiver):
        await until(lambda: len(receiver.got) == 1)
        async with asyncio.timeout(20):
            while (now := await stands(db, mona, hook))["active"]:
                clock.now = max(clock.now, epoch(now["retry_at"]) if now["retry_at"] else 0)
                await asyncio.sleep(0.005)
    found = await tasks.list_tasks(db, mona.scope, None, None, {"kind": "todo"})
    assert [task["title"] for task in found["items"]] == ["Webhook receiver.example: timeout"]
    stopped = len(receiver.got)
    assert stopped == 78  # hourly, after the first ones
    receiver.answers = [(200, "")]
    async with sending(db, receiver):
        await deals.create(db, mona.scope, {"title": "second"})
        await webhooks.change(db, mona.scope, hook["id"], {"active": True})
        await until(lambda: receiver.titles[stopped:] == ["first", "second"])


async def test_gone_is_gone(db: Database) -> None:
    mona, receiver = await mona_of(db), Receiver((410, "status"))
    hook = await hook_of(db, mona)
    await deals.create(db, mona.scope, {"title": "first"})
    async with sending(db, receiver):
        await eventually(lambda: off(db, mona, hook))
    assert len(receiver.got) == 1


async def test_each_is_told_its_kinds_and_one_that_hangs_holds_up_nobody(db: Database) -> None:
    mona, receiver = await mona_of(db), Receiver()
    hanging = asyncio.Event()

    class Hangs(Receiver):
        async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int | None, str]:
            if "slow" in url:
                await hanging.wait()
            return await receiver.post(url, body, headers)

    await hook_of(db, mona, url="http://slow.example/")
    await hook_of(db, mona, "contact.created", "call.ended")
    async with sending(db, Hangs()):
        await deals.create(db, mona.scope, {"title": "x"})
        await contacts.create(db, mona.scope, {"name": "Anna", "numbers": ["+48601234567"]})
        await call_of(db, mona, "1", "+48601234567")
        await until(lambda: len(receiver.got) == 2)
        assert [body["kind"] for _, _, body in receiver.got] == ["contact.created", "call.ended"]
        hanging.set()
        await until(lambda: len(receiver.got) == 3)


async def test_a_test_goes_to_the_one_that_is_tested(db: Database) -> None:
    mona, receiver = await mona_of(db), Receiver()
    one, _ = await hook_of(db, mona, url="http://one.example/"), await hook_of(db, mona, url="http://two.example/")
    async with sending(db, receiver):
        await webhooks.test(db, mona.scope, one["id"])
        await deals.create(db, mona.scope, {"title": "x"})
        await until(lambda: len(receiver.got) == 3)
    assert [url for url, _, body in receiver.got if body["kind"] == "webhook.test"] == ["http://one.example/"]


async def test_only_what_is_named_is_told(db: Database) -> None:
    """Whatever else the journal learns stays inside; so does what one person's screen alone is told."""
    mona, receiver = await mona_of(db), Receiver()
    hook = await hook_of(db, mona, *rules.KINDS)
    secret = {"id": "7", "title": "x", "note": "canary", "password_hash": "canary", "card": {"x": "canary"}}
    async with sending(db, receiver):
        for kind in rules.KINDS:
            await db.writing(lambda work, kind=kind: work.journal(kind, secret, None))  # type: ignore[misc]
        await db.writing(lambda work: work.journal("deal.changed", {"id": "8", "gone": True}, only(1)))
        await db.writing(lambda work: work.journal("user.changed", secret, None))
        await db.writing(lambda work: work.journal("deal.moved", {"id": "9"}, None))
        await until(lambda: receiver.got != [] and receiver.got[-1][2]["data"].get("id") == "9")
    for _, _, body in receiver.got:
        assert set(body) == {"kind", "id", "at", "data"}
        assert tuple(body["data"]) == rules.FIELDS[body["kind"]]
    assert "canary" not in json.dumps([body for _, _, body in receiver.got])
    assert "8" not in [body["data"]["id"] for _, _, body in receiver.got]
    assert hook["secret"] not in json.dumps(receiver.got)


async def test_a_secret_is_shown_once_and_an_address_is_not_journalled(db: Database) -> None:
    mona = await mona_of(db)
    hook = await hook_of(db, mona, url="http://receiver.example/T0/token-canary")
    shown = json.dumps([await webhooks.list_webhooks(db, mona.scope), await stands(db, mona, hook)])
    assert hook["secret"] not in shown
    rows = await db.reading(lambda conn: [str(row) for row in conn.exec_driver_sql("SELECT data FROM journal")])
    assert not [row for row in rows if hook["secret"] in row or "token-canary" in row]


async def test_agents_have_none(db: Database) -> None:
    people = await settle(db)
    hook = await hook_of(db, people["mona"])
    scope = people["alice"].scope
    for refused in (
        webhooks.list_webhooks(db, scope),
        webhooks.get(db, scope, hook["id"]),
        webhooks.register(db, scope, {"url": URL, "kinds": ["call.ended"]}),
        webhooks.change(db, scope, hook["id"], {"active": False}),
        webhooks.remove(db, scope, hook["id"]),
        webhooks.test(db, scope, hook["id"]),
        webhooks.deliveries(db, scope, hook["id"]),
    ):
        with pytest.raises(NotFound):
            await refused


async def test_what_cannot_be_one_is_named(db: Database) -> None:
    mona = await mona_of(db)
    good = {"url": URL, "kinds": ["call.ended"]}
    for wrong, field in (
        ({"url": "ftp://x"}, "url"),
        ({"url": None}, "url"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["user.changed"]}, "kinds"),
        ({"kinds": "call.ended"}, "kinds"),
        ({"secret": "short"}, "secret"),
        ({"nonsense": 1}, "nonsense"),
    ):
        with pytest.raises(Invalid) as error:
            await webhooks.register(db, mona.scope, {**good, **wrong})
        assert list(error.value.fields) == [field]
    for _ in range(webhooks.MOST):
        await webhooks.register(db, mona.scope, good)
    with pytest.raises(Conflict):
        await webhooks.register(db, mona.scope, good)


async def test_the_last_deliveries_are_kept_and_no_more(db: Database) -> None:
    mona, receiver = await mona_of(db), Receiver()
    hook = await hook_of(db, mona)

    async def newest(delivery: str) -> bool:
        return [one["id"] for one in await lasts(db, mona, hook)][:1] == [delivery]

    async with sending(db, receiver):
        for n in range(70):
            await deals.create(db, mona.scope, {"title": str(n)})
        await until(lambda: len(receiver.got) == 70)
        await eventually(lambda: newest(receiver.got[-1][1]["Webhook-Id"]))
    assert len(await lasts(db, mona, hook)) == 50
    await webhooks.remove(db, mona.scope, hook["id"])
    with pytest.raises(NotFound):
        await stands(db, mona, hook)


async def test_from_the_journal_to_a_socket(db: Database) -> None:
    """The whole way, to a receiver that the operator named."""
    mona = await mona_of(db)
    async with sink() as named, Outbox([f"127.0.0.1:{named.port}"]) as outbox:
        await hook_of(db, mona, url=f"http://127.0.0.1:{named.port}/hook")
        async with sending(db, outbox):
            await deals.create(db, mona.scope, {"title": "Łódź"})
            await asyncio.wait_for(named.heard.wait(), 10)
    headers, body = named.requests[0]
    assert json.loads(body)["data"]["title"] == "Łódź"
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} <= set(headers)
    assert "cookie" not in headers
