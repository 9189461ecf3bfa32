"""Scores of customers: by the rules of leads, kept with their reasons, seen wherever the customer is."""

from pathlib import Path
from typing import Any

import pytest

from pbxcrm.service import (
    calls,
    companies,
    contact_scores,
    contacts,
    deals,
    imports,
    lead_qualify,
    lead_scores,
    leads,
    merge,
)
from pbxcrm.service.errors import NotFound
from pbxcrm.service.intake import Intake
from pbxcrm.store import journal
from tests.http.bed import House, both
from tests.http.imports_test import brought, worked
from tests.http.leads_test import ANN, NUMBER, who
from tests.http.scores_test import DAY, ROOT, city, settled
from tests.http.things import call_of
from tests.store.office import START, Caller

pytestmark = pytest.mark.asyncio
TALKS = {"field": "talks", "full": "2", "part": "1", "points": "30", "part_points": "10"}


async def contact_of(house: House, owner: str = "alice", **fields: Any) -> str:
    given = {"name": "Jan Nowak", "city": "Kraków", "numbers": [NUMBER], **fields}
    return str((await contacts.create(house.db, who(house, owner), given))["id"])


async def worth(house: House, contact_id: str) -> tuple[int | None, list[tuple[str, str, int]]]:
    one = await contacts.get(house.db, who(house, "mona"), contact_id)
    return one["score"], [(why["field"], why["how"], why["points"]) for why in one["reasons"]]


async def page(house: House, path: str, name: str = "alice") -> str:
    answer = await house.ask("GET", path, name)
    assert answer.status == 200
    return await answer.text()


@both
async def test_who_they_are_and_what_they_do_make_the_score_of_a_customer(house: House) -> None:
    db, intake = house.db, Intake(house.db)
    await call_of(db, house.people["alice"], "before", NUMBER)  # its deal and contact are made by it
    rules = [await lead_scores.save(db, ROOT, None, rule) for rule in (city(), TALKS)]
    made = await contact_of(house)
    deal = await deals.create(db, who(house, "alice"), {"title": "Phones", "contact_id": made, "number": NUMBER})
    assert await worth(house, made) == (50, [("city", "full", 40), ("talks", "part", 10)])
    assert deal["score"] == 50
    caller = Caller(NUMBER)
    for fact in (caller.rings("alice"), caller.answers("alice"), caller.ends()):
        await intake.apply([fact])
    assert await worth(house, made) == (70, [("city", "full", 40), ("talks", "full", 30)])
    assert (await deals.get(db, who(house, "alice"), deal["id"]))["score"] == 70
    # Of two numbers the better counts; a fact that is changed counts at once.
    await lead_scores.save(db, ROOT, rules[0], {"field": "country", "full": "DE", "part": "PL", "points": "7"})
    await lead_scores.remove(db, ROOT, rules[1])
    known = await contacts.get(db, who(house, "alice"), made)
    fields = {"numbers": [NUMBER, "+4930123456"]}
    assert (await contacts.change(db, who(house, "alice"), made, known["version"], fields))["score"] == 7


@both
async def test_no_rules_no_score(house: House) -> None:
    made = await contact_of(house)
    await call_of(house.db, house.people["alice"], "one", NUMBER)
    deal = await deals.create(house.db, who(house, "alice"), {"title": "Phones", "contact_id": made})
    await settled(house.db)
    assert await worth(house, made) == (None, [])
    assert deal["score"] is None
    for path in (f"/contacts/{made}", f"/deals/{deal['id']}", "/contacts", "/board"):
        assert "Score" not in await page(house, path), path
    rule = await lead_scores.save(house.db, ROOT, None, city())
    await settled(house.db)
    assert (await worth(house, made))[0] == 40
    await lead_scores.remove(house.db, ROOT, rule)
    await settled(house.db)
    assert await worth(house, made) == (None, [])


@both
async def test_a_new_rule_counts_for_all_contacts_in_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_scores, "PART", 2)
    made = [await contact_of(house, name=f"Person {n}", numbers=[], city=town) for n, town in enumerate("abcab")]
    await lead_scores.save(house.db, ROOT, None, city(full="a", part="b"))
    before = await contacts.get(house.db, who(house, "mona"), made[0])
    assert await lead_scores.step(house.db)  # the leads
    assert await lead_scores.step(house.db)
    assert [(await worth(house, one))[0] for one in made] == [40, 15, None, None, None]
    await settled(house.db)
    assert [(await worth(house, one))[0] for one in made] == [40, 15, 0, 40, 15]
    assert not await lead_scores.step(house.db)
    assert (await contacts.get(house.db, who(house, "mona"), made[0]))["version"] == before["version"]
    best = await house.json("GET", "/api/v1/contacts?sort=score&limit=3", "alice")
    rest = await house.json("GET", f"/api/v1/contacts?sort=score&limit=3&cursor={best['next']}", "alice")
    assert [one["id"] for one in (*best["items"], *rest["items"])] == [made[n] for n in (3, 0, 4, 1, 2)]
    assert (await house.ask("GET", "/api/v1/contacts?sort=name", "alice")).status in (400, 422)
    shown = await page(house, "/contacts?sort=score")
    assert shown.index(f"/contacts/{made[0]}") < shown.index(f"/contacts/{made[4]}")


async def test_time_alone_makes_a_talk_old(house: House) -> None:
    clock: Any = house.db.clock
    rule = {"field": "last_talk", "full": "7", "part": "30", "points": "20", "part_points": "5"}
    await lead_scores.save(house.db, ROOT, None, rule)
    made = await contact_of(house)
    await call_of(house.db, house.people["alice"], "one", NUMBER)
    for days, points in ((0, 20), (8, 5), (40, 0)):
        clock.on(days * DAY)
        await settled(house.db)
        assert (await worth(house, made))[0] == points


@both
async def test_what_is_known_of_the_lead_counts_for_the_customer(house: House) -> None:
    db = house.db
    for field, full in (("employees", "50"), ("interest", "phones"), ("quality", "2")):
        await lead_scores.save(db, ROOT, None, {"field": field, "full": full, "points": "11"})
    fields = {**ANN, "employees": 80, "interest": "Phones", "quality": ["need", "budget"]}
    lead = await leads.create(db, who(house, "alice"), fields)
    done = await lead_qualify.qualify(db, who(house, "alice"), lead["id"], lead["version"], {"contact": "new"})
    assert (await worth(house, done["contact_id"]))[0] == lead["score"] == 33


@both
async def test_two_made_one_and_a_company_of_another_name_are_scored_anew(house: House) -> None:
    db, mona = house.db, who(house, "mona")
    await lead_scores.save(db, ROOT, None, {"field": "company", "full": "Nordlicht", "points": "9"})
    firm = await companies.create(db, mona, {"name": "Acme"})
    one = await contact_of(house, "mona", company_id=firm["id"])
    other = await contact_of(house, "mona", city="")
    await companies.change(db, mona, firm["id"], firm["version"], {"name": "Nordlicht"})
    assert [(await worth(house, who_))[0] for who_ in (one, other)] == [9, 0]
    versions = [(await contacts.get(db, mona, who_))["version"] for who_ in (one, other)]
    kept = await merge.merge(db, mona, "contact", one, other, (versions[0], versions[1]), {})
    assert (await worth(house, kept))[0] == 9


@both
async def test_who_comes_by_an_import_has_a_score_at_once(house: House, tmp_path: Path) -> None:
    await lead_scores.save(house.db, ROOT, None, city())
    await settled(house.db)
    import_ = await brought(house, tmp_path, "Name,City\nJan Nowak,Kraków\n")
    await imports.run(house.db, who(house, "mona"), import_["id"])
    await worked(house)
    (made,) = (await contacts.list_contacts(house.db, who(house, "mona")))["items"]
    assert (made["name"], made["score"]) == ("Jan Nowak", 40)


@both
async def test_the_ringing_card_the_deal_and_the_board_show_it(house: House) -> None:
    db = house.db
    await lead_scores.save(db, ROOT, None, city())
    made = await contact_of(house)
    deal = await deals.create(db, who(house, "alice"), {"title": "Phones", "contact_id": made, "number": NUMBER})
    await Intake(db).apply([Caller(NUMBER, at=START).rings("alice")])
    card = (await calls.live(db, who(house, "alice")))[0]["card"]["contact"]
    why = [{"field": "city", "asked": "Kraków", "how": "full", "points": 40}]
    assert (card["score"], card["reasons"]) == (40, why)
    for path in ("/calls/mine", f"/deals/{deal['id']}", f"/contacts/{made}"):
        shown = await page(house, path)
        assert "Why 40 points?" in shown, path
        assert "Kraków" in shown, path
    assert '<span class="pts" role="img" aria-label="Score 40"' in await page(house, "/board")
    # Foreign eyes see nothing of it.
    for name in ("bob", "charlie"):
        with pytest.raises(NotFound):
            await contacts.get(db, who(house, name), made)
        assert deal["id"] not in [one["id"] for one in (await deals.list_deals(db, who(house, name)))["items"]]


@both
async def test_whoever_looks_at_the_deal_hears_of_another_score(house: House) -> None:
    db = house.db
    await lead_scores.save(db, ROOT, None, city())
    made = await contact_of(house, city="")
    deal = await deals.create(db, who(house, "alice"), {"title": "Phones", "contact_id": made})
    known = await contacts.get(db, who(house, "alice"), made)
    before = await db.reading(journal.last_id)
    await contacts.change(db, who(house, "alice"), made, known["version"], {"city": "Kraków"})
    rows = await db.reading(lambda conn: journal.after(conn, who(house, "alice"), before, 100))
    (told,) = [row["data"] for row in rows if row["kind"] == "deal.changed"]
    now = await deals.get(db, who(house, "alice"), deal["id"])
    assert {name: told[name] for name in now if name in told} == {name: now[name] for name in now if name in told}
    assert now["score"] == 40
