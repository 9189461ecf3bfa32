"""Scores of leads: rules of both kinds, graded; counted anew when a lead, a rule, a call or the day changes."""

from typing import Any

import pytest

from pbxcrm.crm.access import Scope
from pbxcrm.service import lead_scores, leads
from pbxcrm.service.errors import Invalid, NotFound
from pbxcrm.store.db import Database
from tests.http.bed import House, both
from tests.http.leads_test import ANN, NUMBER, who
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio
ROOT = Scope(0, "root", "admin", peer="test")
DAY = 86_400.0


def city(full: str = "Kraków", part: str = "małopolska", points: int = 40, part_points: int = 15) -> dict[str, Any]:
    return {"field": "city", "full": full, "part": part, "points": str(points), "part_points": str(part_points)}


async def settled(db: Database) -> None:
    while await lead_scores.step(db):
        pass


async def score(house: House, lead_id: str) -> int:
    return int((await leads.get(house.db, who(house, "mona"), lead_id))["score"])


async def lead_of(house: House, **fields: Any) -> str:
    return str((await leads.create(house.db, who(house, "mona"), {**ANN, **fields}))["id"])


@both
async def test_rules_of_both_kinds_make_the_score_and_say_why(house: House) -> None:
    db = house.db
    await lead_scores.save(db, ROOT, None, city())
    await lead_scores.save(db, ROOT, None, {"field": "talks", "full": "2", "points": "30", "part_points": "10"})
    made = await lead_of(house, city="Krakow")
    assert await score(house, made) == 40
    await call_of(db, house.people["alice"], "one", NUMBER)
    await leads.add_note(db, who(house, "mona"), made, "x")
    lead = await leads.get(db, who(house, "mona"), made)
    changed = await leads.change(db, who(house, "mona"), made, lead["version"], {"city": "Tarnów, Małopolska"})
    assert changed["score"] == 25
    why = (await leads.get(db, who(house, "mona"), made))["reasons"]
    assert [(one["field"], one["how"], one["points"]) for one in why] == [("city", "part", 15), ("talks", "part", 10)]


@both
async def test_a_changed_rule_scores_all_leads_once(house: House) -> None:
    db = house.db
    near, far = await lead_of(house, city="Kraków"), await lead_of(house, city="Gdańsk")
    rule = await lead_scores.save(db, ROOT, None, city(points=30))
    assert not await score(house, near)
    await settled(db)
    assert (await score(house, near), await score(house, far)) == (30, 0)
    await lead_scores.save(db, ROOT, rule, city(full="Gdańsk", part="", points=50, part_points=0))
    await settled(db)
    assert (await score(house, near), await score(house, far)) == (0, 50)
    assert not await lead_scores.step(db)
    before = await leads.get(db, who(house, "mona"), near)
    await lead_scores.remove(db, ROOT, rule)
    await settled(db)
    assert await score(house, far) == 0
    assert (await leads.get(db, who(house, "mona"), near))["version"] == before["version"]


async def test_it_goes_on_where_it_stopped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_scores, "PART", 2)
    ids = [await lead_of(house, name=f"Lead {n}", city="Kraków") for n in range(5)]
    await lead_scores.save(house.db, ROOT, None, city())
    assert await lead_scores.step(house.db)
    assert [await score(house, one) for one in ids] == [40, 40, 0, 0, 0]
    await lead_scores.save(house.db, ROOT, None, {"field": "source", "full": "fair", "points": "5"})
    await settled(house.db)
    assert [await score(house, one) for one in ids] == [45] * 5


async def test_time_alone_makes_a_talk_old(house: House) -> None:
    clock: Any = house.db.clock
    rule = {"field": "last_talk", "full": "7", "part": "30", "points": "20", "part_points": "5"}
    await lead_scores.save(house.db, ROOT, None, rule)
    await call_of(house.db, house.people["alice"], "one", NUMBER)
    made = await lead_of(house)
    for days, points in ((0, 20), (8, 5), (40, 0)):
        clock.on(days * DAY)
        await settled(house.db)
        assert await score(house, made) == points


@both
async def test_an_administrator_sees_whom_a_rule_reaches_before_it_counts(house: House) -> None:
    db = house.db
    for town in ("Kraków", "krakow ", "Nowa Huta, Kraków", "Gdańsk"):
        await lead_of(house, city=town)
    assert await lead_scores.preview(db, ROOT, city(part="")) == {"full": 2, "part": 1, "all": 4, "looked": 4}
    await call_of(db, house.people["alice"], "one", NUMBER)
    rule = {"field": "called", "full": "2", "part": "1", "points": "9"}
    assert await lead_scores.preview(db, ROOT, rule) == {"full": 0, "part": 4, "all": 4, "looked": 4}
    rule = {"field": "country", "full": "CZ", "part": "pl", "points": "9"}
    assert await lead_scores.preview(db, ROOT, rule) == {"full": 0, "part": 4, "all": 4, "looked": 4}
    for name in ("alice", "mona"):
        with pytest.raises(NotFound):
            await lead_scores.preview(db, who(house, name), rule)
    with pytest.raises(Invalid):
        await lead_scores.preview(db, ROOT, {**rule, "full": "Poland"})


@both
async def test_of_many_leads_a_part_says_how_many_a_rule_reaches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_scores, "SAMPLE", 10)
    for n in range(45):
        await lead_of(house, city="Kraków" if n % 3 else "Gdańsk")
    about = {"full": 30, "part": 0, "all": 45, "looked": 9}
    assert await lead_scores.preview(house.db, ROOT, city(part="")) == about
    await lead_scores.save(house.db, ROOT, None, city(part=""))
    assert [rule["reach"] for rule in await lead_scores.rules(house.db, ROOT)] == [about]
    said = {"field": "country", "full": "PL", "points": "9"}
    assert await lead_scores.preview(house.db, ROOT, said) == {**about, "full": 45}


async def test_without_rules_the_quality_test_counts(house: House) -> None:
    made = await lead_of(house, quality=["need", "budget"])
    assert await score(house, made) == 40
    await settled(house.db)
    assert await score(house, made) == 40
