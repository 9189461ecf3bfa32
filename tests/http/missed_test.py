"""Missed calls: one line a caller with what was promised to them, gone with any later talk, whoever has it."""

import re
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from pbxcrm.calls.facts import Fact, FactKind
from pbxcrm.calls.model import Call, Direction, Talk
from pbxcrm.crm.rules import Rules
from pbxcrm.crm.views import iso
from pbxcrm.service import day
from pbxcrm.service.intake import Intake
from tests.http.bed import Clock, House, both

pytestmark = pytest.mark.asyncio
NUMBER = "+48601234567"
DEVICE = {"alice": "PJSIP/101", "bob": "PJSIP/102", "charlie": "PJSIP/103"}
_uids = count(1)


class Office:
    """Calls told to the intake as they come."""

    def __init__(self, house: House, clock: Clock, rules: Rules) -> None:
        self.intake, self.clock = Intake(house.db, rules), clock

    async def _tell(self, *told: tuple[FactKind, Call]) -> None:
        for n, (kind, call) in enumerate(told, 1):
            await self.intake.apply([Fact(kind, n, self.clock(), call)])

    def _call(self, direction: Direction, number: str) -> Call:
        now = self.clock()
        return Call(
            pbx="main", boot="1", uid=f"u{next(_uids)}", linkedids=(), direction=direction, number=number,
            caller_name=None, did=None, outcome="ongoing", started_at=now, answered_at=None, ended_at=None,
            talk_seconds=0.0, first_answered_by=None, last_answered_by=None, rang=(), talks=(), transfers=(),
            evidence=(),
        )  # fmt: skip

    async def misses(self, number: str = NUMBER, outcome: Any = "missed") -> None:
        call = self._call("inbound", number)
        await self._tell(("ringing", call), ("ended", replace(call, outcome=outcome, ended_at=self.clock())))

    async def talks(self, who: str, direction: Direction, number: str = NUMBER) -> None:
        call, now = self._call(direction, number), self.clock()
        talk = Talk(who, DEVICE[who], now, None)
        on = replace(call, answered_at=now, talks=(talk,), first_answered_by=who, last_answered_by=who, talking=(who,))
        await self._tell(("answered", on))


async def waiting(house: House, who: str = "alice") -> str:
    page = await (await house.ask("GET", "/calls/missed", who)).text()
    return page[page.index("<main") : page.index("</main>")]


async def test_who_called_how_often_since_when_and_until_when(house: House, clock: Clock) -> None:
    office, first = Office(house, clock, Rules(callback_within=600.0)), clock()
    await office.misses()
    clock.on(120)
    await office.misses(outcome="abandoned")
    page = await waiting(house)
    assert page.count('<tr id="task-') == 1
    assert "+48 601 234 567" in page
    assert "2 times" in page
    assert "gave up waiting" in page
    assert f'data-until="{iso(first + 600)}"' in page  # promised to the first call, whatever came later
    assert "since " in page
    assert re.search(r'action="/tasks/\d+/dial"', page)
    assert f'data-until="{iso(first + 600)}"' in await (await house.ask("GET", "/day", "alice")).text()


@both
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
async def test_a_later_talk_closes_it_whoever_has_it(house: House, clock: Clock, direction: Direction) -> None:
    office = Office(house, clock, Rules())
    await office.misses()
    await office.misses("+48601999999")
    clock.on(60)
    await office.talks("charlie", direction)
    page = await waiting(house)
    assert "+48 601 234 567" not in page
    assert "+48 601 999 999" in page
    done = (await house.json("GET", "/api/v1/tasks?kind=callback&done=true", "mona"))["items"]
    assert [(one["number"], one["done_by"]) for one in done] == [(NUMBER, "charlie")]
    mine = await day.my_day(house.db, house.people["alice"].scope, clock(), clock() + 60, lambda at: int(at // 86400))
    assert [one["number"] for one in mine["missed"]] == ["+48601999999"]


async def test_called_back_in_one_click_it_stays_until_they_talk(house: House, clock: Clock) -> None:
    await Office(house, clock, Rules()).misses()
    action = re.search(r'action="(/tasks/\d+/dial)"', await waiting(house))
    assert action
    answer = await house.ask("POST", action.group(1), "alice", data={"key": "k"}, headers={"Origin": house.origin})
    assert answer.status == 303
    assert [one["exten"] for one in house.pbx.sent] == [NUMBER]
    assert "+48 601 234 567" in await waiting(house)
