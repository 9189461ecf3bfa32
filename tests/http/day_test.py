"""My day, tasks as forms, reminders: what is promised is seen by its person, once, until it is kept."""

import asyncio
import re
from time import time

import pytest

from pbxcrm.crm.views import epoch, iso
from pbxcrm.service import day, deals, leads, reminders, tasks
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from tests.http.bed import Clock, House, both
from tests.http.eventually import eventually

pytestmark = pytest.mark.asyncio
HOUR = 3600.0


def of_day(at: float) -> int:
    return int(at // 86400)


async def reminded(house: House) -> list[str]:
    from sqlalchemy import text

    async with house.db.read() as conn:
        found = await conn.execute(text("SELECT audience FROM journal WHERE kind = 'task.reminded'"))
        return [row[0] for row in found]


@both
async def test_a_day_in_order_and_no_promise_twice(house: House, clock: Clock) -> None:
    db, alice, now = house.db, house.people["alice"].scope, clock()
    ends = (of_day(now) + 1) * 86400.0
    late = await deals.create(db, alice, {"title": "late", "next_contact_at": iso(now - HOUR)})
    both_ = await deals.create(db, alice, {"title": "both", "next_contact_at": iso(ends - 2.0)})
    idle = await deals.create(db, alice, {"title": "idle"})
    call = {"title": "call", "kind": "call", "due_at": iso(ends - 3.0), "deal_id": both_["id"]}
    await tasks.create(db, alice, call)
    await tasks.create(db, alice, {"title": "first", "due_at": iso(now + 1.0)})
    found = await day.my_day(db, alice, now, ends, of_day)
    assert [one.deal["id"] for one in found["overdue"] if one.deal] == [late["id"]]
    assert [one.task["title"] for one in found["today"] if one.task] == ["first", "call"]
    assert len(found["today"]) == 2
    assert [one["id"] for one in found["idle"]] == [idle["id"]]
    seen = await day.my_day(db, house.people["mona"].scope, now, ends, of_day, "alice")
    assert seen == found
    with pytest.raises(NotFound):
        await day.my_day(db, house.people["bob"].scope, now, ends, of_day, "alice")


@both
async def test_moved_its_end_and_reminder_move_along(house: House, clock: Clock) -> None:
    db, alice, at = house.db, house.people["alice"].scope, clock() + HOUR
    given = {"title": "x", "kind": "meeting", "due_at": iso(at), "ends_at": iso(at + HOUR), "remind_at": iso(at - 600)}
    made = await tasks.create(db, alice, given)
    moved = await tasks.change(db, alice, made["id"], made["version"], {"due_at": iso(at + HOUR)})
    assert (moved["ends_at"], moved["remind_at"]) == (iso(at + 2 * HOUR), iso(at + HOUR - 600))
    with pytest.raises(Conflict):
        await tasks.change(db, alice, made["id"], made["version"], {"title": "y"})
    with pytest.raises(Invalid):
        await tasks.change(db, alice, made["id"], moved["version"], {"ends_at": iso(at)})
    done = await tasks.done(db, alice, made["id"], "They sign")
    assert (done["result"], done["remind_at"]) == ("They sign", None)
    with pytest.raises(Conflict):
        await tasks.change(db, alice, made["id"], done["version"], {"title": "y"})


@both
async def test_a_reminder_pops_once_to_its_person_alone(house: House, clock: Clock) -> None:
    db, alice = house.db, house.people["alice"].scope
    await tasks.create(db, alice, {"title": "x", "due_at": iso(clock() + HOUR), "remind_at": iso(clock() + 60.0)})
    assert await reminders.pop(db) == 0
    clock.on(4 * HOUR)  # nobody watched meanwhile: it is late, not lost
    assert await reminders.pop(db) == 1
    assert await reminders.pop(db) == 0
    assert await reminded(house) == [f"=|{alice.user_id}|"]


@both
async def test_a_meeting_and_an_offer_pop_minutes_before(house: House, clock: Clock) -> None:
    """As the form says it: so many minutes before; what is put off is reminded of again at its new time."""
    db, alice, home = house.db, house.people["alice"].scope, {"headers": {"Origin": house.origin}}
    at = clock() // 3600 * 3600 + 2 * HOUR
    day_, hour = iso(at)[:10], iso(at)[11:16]  # type: ignore[index]
    for kind in ("meeting", "mail"):
        form = {"title": f"A {kind}", "kind": kind, "day": day_, "hour": hour, "remind": "10"}
        assert (await house.ask("POST", "/tasks", "alice", data=form, **home)).status == 303
    clock.now = at - 601
    assert await reminders.pop(db) == 0
    clock.now = at - 600
    assert await reminders.pop(db) == 2
    for made in (await tasks.list_tasks(db, alice))["items"]:
        assert made["remind_at"] is None
        later = {"due_at": iso(at + HOUR), "remind_at": iso(at + HOUR - 600)}
        await tasks.change(db, alice, made["id"], made["version"], later)
    assert await reminders.pop(db) == 0
    clock.now = at + HOUR - 600
    assert await reminders.pop(db) == 2


async def test_the_day_is_in_order_with_leads_and_meetings_ahead(house: House, clock: Clock) -> None:
    db, alice, now = house.db, house.people["alice"].scope, clock()
    ends = (of_day(now) + 1) * 86400.0
    for n, title in ((3, "third"), (1, "first"), (2, "second")):
        await tasks.create(db, alice, {"title": title, "due_at": iso(now + n)})
    await leads.create(db, alice, {"name": "fourth", "next_contact_at": iso(now + 4)})
    await tasks.create(db, alice, {"title": "visit", "kind": "meeting", "due_at": iso(ends + HOUR)})
    found = await day.my_day(db, alice, now, ends, of_day)
    names = [one.task["title"] if one.task else one.lead["name"] for one in found["today"] if one.task or one.lead]
    assert names == ["first", "second", "third", "fourth"]
    ahead = await day.between(db, alice, ends, ends + 86400, of_day)
    assert [one.task["title"] for one in ahead["items"] if one.task] == ["visit"]


async def test_the_watcher_wakes_for_what_is_set_while_it_sleeps(house: House, clock: Clock) -> None:
    watching = asyncio.create_task(reminders.Reminders(house.db).run())
    given = {"title": "x", "due_at": iso(clock() + HOUR), "remind_at": iso(clock() - 1.0)}
    await tasks.create(house.db, house.people["alice"].scope, given)

    async def popped() -> bool:
        return len(await reminded(house)) == 1

    await eventually(popped)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_the_forms_work_without_scripts(house: House) -> None:
    home = {"headers": {"Origin": house.origin}}
    form = {"title": "Visit", "kind": "meeting", "day": "2099-11-30", "hour": "10:00", "until": "11:00", "remind": "10"}
    answer = await house.ask("POST", "/tasks", "alice", data={**form, "back": "//evil.example"}, **home)
    assert (answer.status, answer.headers["Location"]) == (303, "/board")
    made = (await house.json("GET", "/api/v1/tasks", "alice"))["items"][0]
    assert (made["kind"], made["remind_at"], made["ends_at"]) == (
        "meeting",
        "2099-11-30T09:50:00.000Z",
        "2099-11-30T11:00:00.000Z",
    )
    wrong = await house.ask("POST", f"/tasks/{made['id']}", "alice", data={**form, "until": "09:00"}, **home)
    assert wrong.status == 422
    assert "A meeting ends after it begins." in await wrong.text()
    old = await house.ask("POST", f"/tasks/{made['id']}", "alice", data={**form, "version": "9"}, **home)
    assert old.status == 409
    page = await (await house.ask("GET", "/day", "alice")).text()
    assert "All done for today" in page
    done = await house.ask("POST", f"/tasks/{made['id']}/done", "alice", data={"result": "ok", "back": "/day"}, **home)
    assert done.headers["Location"] == "/day"
    assert re.search("ok", await (await house.ask("GET", f"/tasks/{made['id']}", "alice")).text())


async def test_how_soon_they_want_to_buy_suggests_when_to_call(house: House) -> None:
    """One click sets it; nothing is suggested without a timeframe, nor after the day the deal is to close."""
    db, alice, home = house.db, house.people["alice"].scope, {"headers": {"Origin": house.origin}}
    made = await deals.create(db, alice, {"title": "Boat"})
    page = f"/deals/{made['id']}"
    assert "Suggested:" not in await (await house.ask("GET", page, "alice")).text()
    for urgency, choice in (("now", "1d"), ("month", "7d"), ("quarter", "30d"), ("later", "90d")):
        version = (await deals.get(db, alice, made["id"]))["version"]
        await deals.change(db, alice, made["id"], version, {"urgency": urgency})
        shown = await (await house.ask("GET", page, "alice")).text()
        assert re.search(rf'class="btn sm chosen" name="next" value="{choice}"', shown)
    assert (await house.ask("POST", f"{page}/wrapup", "alice", data={"next": "90d"}, **home)).status == 303
    deal = await deals.get(db, alice, made["id"])
    assert 88 * 86400 < epoch(deal["next_contact_at"]) - time() < 92 * 86400
    await deals.change(db, alice, made["id"], deal["version"], {"expected_close": "2026-12-01"})
    assert "Suggested:" not in await (await house.ask("GET", page, "alice")).text()
