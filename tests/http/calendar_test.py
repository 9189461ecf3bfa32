"""The calendar: what was promised stands on its day, in the reader's calendar, zone and week, seen by whose it is."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from pbxcrm.crm.views import iso
from pbxcrm.http import months
from pbxcrm.http.i18n import Reader
from pbxcrm.service import deals, leads, people, tasks
from tests.http.bed import House, both

DAY = timedelta(days=1)


@pytest.mark.parametrize("calendar", ["gregorian", "jalali"])
@pytest.mark.parametrize("begins", [0, 5, 6])
def test_every_day_of_ten_years_has_its_sheets(calendar: str, begins: int) -> None:
    day = date(2020, 1, 1)
    while day < date(2030, 1, 1):
        for sheet in (months.month(day, begins, calendar), months.week(day, begins)):
            shown = sheet.days
            assert sheet.first <= day <= sheet.last
            assert {sheet.first, sheet.last} <= set(shown)
            assert shown == [shown[0] + n * DAY for n in range(len(shown))]
            assert all(week[0].weekday() == begins for week in sheet.weeks)
            assert (sheet.before, sheet.after) == (sheet.first - DAY, sheet.last + DAY)
        numbers = [months.day_of_month(one, calendar) for one in months.month(day, begins, calendar).days]
        assert numbers.count(15) == 1
        day += 5 * DAY


def test_a_jalali_month_and_when_weeks_begin() -> None:
    azar = months.month(date(2026, 12, 1), 5, "jalali")
    assert (azar.first, azar.last) == (date(2026, 11, 22), date(2026, 12, 21))
    assert months.day_of_month(azar.first, "jalali") == 1
    assert Reader("fa", "Asia/Tehran", "jalali").month_of_year(azar.first) == "آذر ۱۴۰۵"
    assert Reader("pl", "Europe/Warsaw").month_of_year(azar.first) == "listopad 2026"
    saturday, sunday, monday = 5, 6, 0
    for locale, zone, first in (
        ("fa", "Asia/Tehran", saturday), ("fa", "Europe/Berlin", saturday), ("ar", "Africa/Cairo", saturday),
        ("ar", "Asia/Riyadh", sunday), ("en", "America/New_York", sunday), ("en", "Europe/Warsaw", monday),
        ("en", "UTC", monday), ("ru", "Europe/Moscow", monday),
    ):  # fmt: skip
        assert Reader(locale, zone).week[0] == first, (locale, zone)
    assert Reader("fa", "Asia/Tehran").week[1] == {4}  # Friday


def cells(page: str) -> dict[str, str]:
    """Day as its link says it -> what stands on it."""
    found = re.findall(r'<td.*?<a class="date"[^>]*day=([^&]*)&.*?</a>(.*?)</td>', page, re.DOTALL)
    return dict(found)


@both
@pytest.mark.asyncio
async def test_a_month_of_promises(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    await people.set_preferences(db, alice, time_zone="Asia/Tehran")  # half past three hours ahead
    night = {"title": "Ring at night", "kind": "call", "due_at": "2026-11-19T21:30:00Z"}
    meeting = {"title": "Visit", "kind": "meeting", "due_at": "2026-11-25T08:00:00Z", "ends_at": "2026-11-25T09:30:00Z"}
    await tasks.create(db, alice, night)
    await tasks.create(db, alice, {**meeting, "place": "Main Street 5"})
    kept = await tasks.create(db, alice, {"title": "Sent", "kind": "mail", "due_at": "2026-11-02T08:00:00Z"})
    await tasks.done(db, alice, kept["id"])
    await deals.create(db, alice, {"title": "Boat", "next_contact_at": "2026-11-26T08:00:00Z"})
    await deals.create(db, alice, {"title": "Yacht", "expected_close": "2026-11-30"})
    await leads.create(db, alice, {"name": "Somebody", "next_contact_at": "2026-11-27T08:00:00Z"})
    page = await (await house.ask("GET", "/calendar?day=2026-11-10", "alice")).text()
    of = cells(page)
    assert "Ring at night" in of["2026-11-20"]
    assert "01:00" in of["2026-11-20"]
    assert "11:30" in of["2026-11-25"]
    assert "Main Street 5" in of["2026-11-25"]
    assert "done" in of["2026-11-02"]
    assert "Boat" in of["2026-11-26"]
    assert "Expected close" in of["2026-11-30"]
    assert "Somebody" in of["2026-11-27"]
    assert "November 2026" in page
    week = await (await house.ask("GET", "/calendar?show=week&day=2026-11-25", "alice")).text()
    assert 'data-at="8" data-for="3"' in week  # from half past eleven, of eight, over an hour and a half
    assert "Ring at night" not in week
    following = re.search(r'href="([^"]*)" data-key="ArrowRight"', page)
    assert following
    after = await (await house.ask("GET", following.group(1).replace("&amp;", "&"), "alice")).text()
    assert "December 2026" in after


@pytest.mark.asyncio
async def test_whose_calendar_may_be_seen(house: House) -> None:
    for name in ("alice", "bob", "charlie"):
        due = {"title": f"Of {name}", "due_at": "2026-11-20T08:00:00Z"}
        await tasks.create(house.db, house.people[name].scope, due)

    async def seen(who: str, whose: str) -> set[str] | int:
        answer = await house.ask("GET", f"/calendar?day=2026-11-20&who={whose}", who)
        return set(re.findall(r">Of (\w+)<", await answer.text())) if answer.status == 200 else answer.status

    assert await seen("alice", "") == {"alice"}
    assert await seen("alice", "bob") == 404
    assert await seen("alice", "team:North") == 404
    assert await seen("mona", "") == set()
    assert await seen("mona", "charlie") == {"charlie"}
    assert await seen("mona", "team:North") == {"alice", "bob"}
    assert await seen("mona", "team:South") == 404
    assert await seen("mona", "nobody") == 404


@pytest.mark.asyncio
@pytest.mark.parametrize("zone", ["Europe/Warsaw", "America/Sao_Paulo", "Asia/Tehran", "Australia/Lord_Howe"])
async def test_each_moment_stands_on_one_day_where_clocks_change(house: House, zone: str) -> None:
    db, alice = house.db, house.people["alice"].scope
    await people.set_preferences(db, alice, time_zone=zone)
    for n in range(16):  # every half an hour around the night of the 25th of October 2026, in all of these zones
        at = datetime(2026, 10, 24, 20, tzinfo=UTC) + n * timedelta(minutes=45)
        await tasks.create(db, alice, {"title": f"at{n}.", "due_at": iso(at.timestamp())})
    for path in (
        "/calendar?day=2026-10-25",
        "/calendar?show=week&day=2026-10-24",
        "/calendar?show=week&day=2026-10-25",
    ):
        page = await (await house.ask("GET", path, "alice")).text()
        found = re.findall(r">(at\d+)\.<", page)
        assert len(found) == len(set(found))
    month = await (await house.ask("GET", "/calendar?day=2026-10-25", "alice")).text()
    assert len(re.findall(r">at\d+\.<", month)) == 16


@pytest.mark.asyncio
async def test_no_address_breaks_it(house: House) -> None:
    for calendar in ("gregorian", "jalali"):
        await people.set_preferences(house.db, house.people["alice"].scope, calendar=calendar)
        for view in ("month", "week"):
            for day in ("0001-01-01", "9999-12-31", "1900-01-01", "2199-12-31", "x", "1405-09-01", "٢"):
                answer = await house.ask("GET", f"/calendar?show={view}&day={day}", "alice")
                assert answer.status == 200, day
    assert (await house.ask("GET", "/calendar?show=year", "alice")).status == 200


@pytest.mark.asyncio
async def test_a_day_leads_to_the_form_of_a_task_on_it(house: House) -> None:
    await people.set_preferences(house.db, house.people["alice"].scope, calendar="jalali", locale="fa")
    page = await (await house.ask("GET", "/calendar?day=2026-11-22", "alice")).text()
    link = re.search(r'class="date" href="([^"]*)"[^>]*><span class="n">۱<', page)
    assert link
    form = await (await house.ask("GET", link.group(1).replace("&amp;", "&"), "alice")).text()
    assert 'value="۱۴۰۵/۰۹/۰۱"' in form
    assert re.search(r'value="meeting" checked', form)
    answer = await house.ask(
        "POST",
        "/tasks",
        "alice",
        data={"kind": "meeting", "title": "دیدار", "day": "۱۴۰۵/۰۹/۰۱", "hour": "10:00", "back": "/calendar"},
        headers={"Origin": house.origin},
    )
    assert answer.headers["Location"] == "/calendar"
    assert "دیدار" in await (await house.ask("GET", "/calendar?day=2026-11-22", "alice")).text()


@pytest.mark.asyncio
async def test_what_overlaps_stands_side_by_side_as_long_as_it_can_be_read(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope

    async def meet(title: str, begins: str, ends: str) -> None:
        day = "2026-11-25T"
        await tasks.create(
            db,
            alice,
            {"kind": "meeting", "title": title, "due_at": f"{day}{begins}:00Z", "ends_at": f"{day}{ends}:00Z"},
        )

    async def lanes() -> dict[str, str]:
        week = await (await house.ask("GET", "/calendar?show=week&day=2026-11-25", "alice")).text()
        shown, _, rest = week.partition('<details class="rest-of">')
        unfolds, _, after = rest.partition("</details>")
        one = re.compile(r'data-lane="(\d)".*?class="cut what"[^>]*>(\w+)<', re.DOTALL)
        return {t: n for n, t in one.findall(shown + after)} | {t: "more" for _, t in one.findall(unfolds)}

    await meet("Long", "09:00", "12:00")
    await meet("Early", "09:00", "10:00")
    await meet("Late", "10:00", "11:00")  # in the lane that is free again
    await meet("Third", "10:30", "11:30")
    assert await lanes() == {"Long": "1", "Early": "2", "Late": "2", "Third": "3"}
    await meet("Fourth", "10:30", "11:00")
    assert await lanes() == {"Long": "1", "Early": "2", "Late": "2", "Third": "more", "Fourth": "more"}
    await meet("Alone", "12:00", "13:00")
    assert (await lanes())["Alone"] == "1"
