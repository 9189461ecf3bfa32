"""The calendar for calendar programs: what icalendar, a reader of others' making, reads of it; and who may read it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from sqlalchemy import text

from pbxcrm.crm.views import iso
from pbxcrm.http import ics
from pbxcrm.http.i18n import Reader
from pbxcrm.http.render import Viewer
from pbxcrm.service import deals, leads, people, tasks
from pbxcrm.service.day import Promise
from tests.http.bed import Clock, House

HOSTILE = 'x\r\nEND:VEVENT\nBEGIN:VEVENT\u2028SUMMARY:evil;,\\n"\u0085\x0bATTACH:http://evil'
NOW = 1_795_000_000.0


async def address_of(house: House, who: str) -> str:
    """The path of a new address of theirs."""
    page = await (await house.ask("POST", "/me/feed", who, headers={"Origin": house.origin})).text()
    found = re.search(r'value="http://[^/]*(/feed/[\w-]+\.ics)"', page)
    assert found
    return found.group(1)


async def events_of(house: House, path: str) -> list[Any]:
    answer = await house.ask("GET", path)
    assert (answer.status, answer.content_type) == (200, "text/calendar")
    raw = await answer.read()
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert not set(b"\x00\x0b\x0c\x1b\x7f") & set(raw)
    assert raw.replace(b"\r\n", b"").count(b"\n") == raw.replace(b"\r\n", b"").count(b"\r") == 0
    calendar = Calendar.from_ical(raw)
    assert not calendar.errors
    return list(calendar.walk("VEVENT"))


@pytest.mark.asyncio
async def test_what_a_calendar_program_reads(house: House, clock: Clock) -> None:
    db, alice, bob, at = house.db, house.people["alice"].scope, house.people["bob"].scope, clock() + 3600
    path = await address_of(house, "alice")
    assert await events_of(house, path) == []
    meeting = {"title": HOSTILE, "kind": "meeting", "due_at": iso(at), "ends_at": iso(at + 5400), "note": "secret note"}
    made = await tasks.create(db, alice, {**meeting, "place": "Prosta 51; door, b", "remind_at": iso(at - 600)})
    await tasks.create(db, alice, {"title": "نمایش محصول " * 12, "kind": "call", "due_at": iso(at + 86400)})
    deal = await deals.create(db, alice, {"title": "Boat", "next_contact_at": iso(at), "number": "+48601234567"})
    await leads.create(db, alice, {"name": "Somebody", "next_contact_at": iso(at), "number": "+48601234568"})
    done = await tasks.create(db, alice, {"title": "Done", "due_at": iso(at)})
    await tasks.done(db, alice, done["id"])
    await tasks.create(db, bob, {"title": "Of Bob", "due_at": iso(at)})
    events = await events_of(house, path)
    of = {str(event["UID"]).split("-")[0] + str(event["SUMMARY"])[:4]: event for event in events}
    assert len(events) == len(of) == 4
    first = next(event for event in events if "evil" in event["SUMMARY"])
    assert set(first) <= {*("UID", "DTSTAMP", "SEQUENCE", "DTSTART", "DTEND", "SUMMARY", "LOCATION", "URL", "TRANSP")}
    assert first["LOCATION"] == "Prosta 51; door, b"
    assert first.decoded("DTSTART") == datetime.fromtimestamp(at, UTC)
    assert first.decoded("DTEND") == datetime.fromtimestamp(at + 5400, UTC)
    assert [one.decoded("TRIGGER") for one in first.walk("VALARM")] == [datetime.fromtimestamp(at - 600, UTC)]
    raw = await (await house.ask("GET", path)).text()
    for kept_here in ("secret note", "Of Bob", "48601234567", "48601234568", "Done"):
        assert kept_here not in raw
    await tasks.change(db, alice, made["id"], made["version"], {"due_at": iso(at + 60)})
    moved = next(event for event in await events_of(house, path) if "evil" in event["SUMMARY"])
    assert (moved["UID"], moved["SEQUENCE"]) == (first["UID"], first["SEQUENCE"] + 1)
    assert f"/deals/{deal['id']}" in raw


@pytest.mark.asyncio
async def test_a_managers_feed_is_their_own(house: House, clock: Clock) -> None:
    await tasks.create(house.db, house.people["alice"].scope, {"title": "Of Alice", "due_at": iso(clock() + 60)})
    await deals.create(house.db, house.people["alice"].scope, {"title": "x", "next_contact_at": iso(clock() + 60)})
    assert await events_of(house, await address_of(house, "mona")) == []


@pytest.mark.asyncio
async def test_the_secret_alone_opens_it_until_it_is_taken_back(house: House) -> None:
    home = {"headers": {"Origin": house.origin}}
    first = await address_of(house, "alice")
    secret = first.removeprefix("/feed/").removesuffix(".ics")
    async with house.db.read() as conn:
        stored = str((await conn.execute(text("SELECT feed_hash FROM users WHERE name = 'alice'"))).scalar())
        said = str((await conn.execute(text("SELECT data FROM journal"))).all())
        noted = str((await conn.execute(text("SELECT * FROM audit"))).all())
    assert len(stored) == 64
    assert secret not in stored + said + noted
    for wrong in (secret[:-1] + ("A" if secret[-1] != "A" else "B"), stored, "x" * 43, house.people["alice"].token):
        assert (await house.ask("GET", f"/feed/{wrong}.ics")).status == 404
        assert (await house.ask("GET", f"/feed/{wrong}.ics", "alice")).status == 404
    for elsewhere in ("/day", "/api/v1/tasks", "/api/v1/deals"):  # it opens the calendar alone
        answer = await house.http.get(
            house.url(elsewhere), headers={"Authorization": f"Bearer {secret}"}, allow_redirects=False
        )
        assert answer.status in (303, 401)
    assert (await house.ask("POST", first)).status == 405
    page = await (await house.ask("GET", "/me", "alice")).text()
    assert secret not in page
    second = await address_of(house, "alice")
    assert (await house.ask("GET", first)).status == 404
    assert (await house.ask("GET", second)).status == 200
    assert (await house.ask("POST", "/me/feed/off", "alice", **home)).status == 303
    assert (await house.ask("GET", second)).status == 404
    third = await address_of(house, "alice")
    await people.change_user(house.db, "alice", active=False)
    assert (await house.ask("GET", third)).status == 404
    await people.change_user(house.db, "alice", active=True)
    assert (await house.ask("GET", third)).status == 200
    await people.revoke_tokens(house.db, "alice")
    assert (await house.ask("GET", third)).status == 404


@pytest.mark.asyncio
async def test_who_reads_too_often_waits(house: House, clock: Clock) -> None:
    path = await address_of(house, "alice")
    asked = [(await house.ask("GET", path)).status for _ in range(32)]
    assert asked == [200] * 30 + [429] * 2
    clock.on(61)
    assert (await house.ask("GET", path)).status == 200


@pytest.mark.asyncio
async def test_reading_it_is_noted(house: House) -> None:
    path = await address_of(house, "alice")
    await house.ask("GET", path)
    from pbxcrm.http.keys import TRAIL

    await house.server.app[TRAIL].flush()  # type: ignore[union-attr]
    rows = (await house.json("GET", "/api/v1/audit", "mona", params={"thing": "feed"}))["items"]
    assert [(row["user"], row["action"]) for row in rows] == [("alice", "saw")]


READER = Viewer("alice", "Alice", "agent", Reader("en", "UTC", "gregorian", lambda: NOW))


@given(title=st.text(max_size=300), place=st.text(max_size=200))
def test_no_text_ends_a_line_or_adds_one(title: str, place: str) -> None:
    task = {
        "id": "7", "kind": "meeting", "title": title, "place": place, "created_at": iso(NOW), "version": 1,
        "ends_at": None, "remind_at": None, "contact_name": None, "company": None,
    }  # fmt: skip
    raw = ics.feed(READER, [Promise(NOW, task=task)], NOW, "http://127.0.0.1").encode("utf-8", "replace")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    lines = re.sub(rb"\r\n[ \t]", b"", raw).split(b"\r\n")
    names = [line.partition(b":")[0] for line in lines]
    expected = [b"UID", b"DTSTAMP", b"SEQUENCE", b"DTSTART", b"DTEND", b"SUMMARY", b"URL", b"TRANSP"]
    if place:
        expected.insert(6, b"LOCATION")
    assert names[8:-3] == expected
    assert not [line for line in lines if any(byte < 32 or byte == 127 for byte in line)]
    (event,) = Calendar.from_ical(raw).walk("VEVENT")
    if title.isprintable():
        assert str(event["SUMMARY"]) == f"Meeting: {title}"
