"""The board's page by its address: what is looked for, honest totals, the funnel, a deal linked to another."""

import re
import time
from typing import Any

import pytest

from pbxcrm.crm import views
from pbxcrm.service import board, calls, contacts, deals, funnel, merging, moves, tasks
from pbxcrm.service.board import Asked
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.service.timeline import timeline
from tests.http.bed import Clock, House, both
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio
DAY = 86400.0


async def stages(house: House) -> dict[str, str]:
    found = await board.board(house.db, house.people["mona"].scope)
    return {stage["name"]: stage["id"] for stage in found["stages"]}


async def deal(house: House, who: str, title: str, **fields: Any) -> dict[str, Any]:
    return await deals.create(house.db, house.people[who].scope, {"title": title, **fields})


async def page(house: House, who: str, query: str = "", status: int = 200) -> str:
    answer = await house.ask("GET", f"/board{query}", who)
    assert answer.status == status, await answer.text()
    return await answer.text()


def titles(text: str) -> list[str]:
    return re.findall(r'class="title"[^>]*>([^<]*)<', text)


def sums(text: str) -> str:
    found = re.search(r'id="sum-up">([^<]*)<', text)
    assert found
    return found.group(1)


@both
async def test_each_filter_and_the_heads_follow(house: House, clock: Clock) -> None:
    now = clock.now
    await deal(house, "alice", "Late one", value="100", next_contact_at=views.iso(now - 60), source="Website")
    await deal(house, "alice", "Soon one", value="200", next_contact_at=views.iso(now + 60))
    await deal(house, "bob", "Far one", value="3000", next_contact_at=views.iso(now + 9 * DAY))
    await deal(house, "bob", "Bare one", value="50", currency="USD")
    await deals.create(house.db, house.people["mona"].scope, {"title": "Free one", "owner": None, "value": "7"})
    expected = {
        "?due=overdue": ["Late one"],
        "?due=today": ["Soon one"],
        "?due=planned": ["Far one"],
        "?due=none": ["Free one", "Bare one"],
        "?owner=bob": ["Bare one", "Far one"],
        "?owner=-": ["Free one"],
        "?source=Website": ["Late one"],
        "?low=100&high=200": ["Soon one", "Late one"],
        "?high=60": ["Free one"],
        "?q=one+far": ["Far one"],
        "?owner=alice&due=today": ["Soon one"],
        "?owner=charlie": [],
    }
    for query, wanted in expected.items():
        text = await page(house, "mona", query)
        assert titles(text) == wanted, query
        assert sums(text).startswith(f"Open deals: {len(wanted)}"), query
    assert sums(await page(house, "mona", "?low=100&high=200")) == "Open deals: 2 · €300"
    assert titles(await page(house, "alice", "?q=one")) == ["Soon one", "Late one"]
    assert titles(await page(house, "alice", "?owner=bob")) == []


async def test_every_card_says_its_next_step(house: House) -> None:
    """Late, planned, or that there is none (a card goes by the clock on the wall)."""
    for title, ahead in (("Late", -DAY), ("Planned", 9 * DAY), ("None", None)):
        fields = {} if ahead is None else {"next_contact_at": views.iso(time.time() + ahead)}
        await deal(house, "alice", title, **fields)
    cards = (await page(house, "alice")).split('<li class="card"')[1:]
    found = {titles(card)[0]: re.findall(r'class="chip (overdue|today|planned|none)"', card) for card in cards}
    assert found == {"Late": ["overdue"], "Planned": ["planned"], "None": ["none"]}


async def test_a_filter_that_cannot_be_is_said_and_leaves_nothing_out(house: House) -> None:
    await deal(house, "alice", "One")
    text = await page(house, "alice", "?low=lots", 422)
    assert "This is not an amount" in text
    assert "The whole board is shown." in text
    assert titles(text) == ["One"]


async def test_more_of_a_column_keeps_what_is_looked_for(house: House) -> None:
    for n in range(60):
        await deal(house, "alice", f"Deal {n:02}", source="Website" if n % 10 else "")
    text = await page(house, "alice", "?source=Website")
    seen = [titles(text)]
    while link := re.search(r'href="(/board\?source=Website&amp;stage=\d+&amp;cursor=[^"]+)"', text):
        answer = await house.ask("GET", link.group(1).replace("&amp;", "&"), "alice", headers={"X-Fragment": "1"})
        text = await answer.text()
        seen.append(titles(text))
    assert [len(one) for one in seen] == [10, 40, 4]
    assert [title for one in seen for title in one] == [f"Deal {n:02}" for n in range(59, -1, -1) if n % 10]


async def test_the_bar_counts_the_next_steps_of_what_is_looked_for(house: House, clock: Clock) -> None:
    await deal(house, "alice", "Late", next_contact_at=views.iso(clock.now - 60))
    await deal(house, "bob", "Late too", next_contact_at=views.iso(clock.now - 60))
    await deal(house, "bob", "None")
    asked = Asked({"owner": "bob", "due": "none"}, clock.now, clock.now + 3600)
    found = await board.looked(house.db, house.people["mona"].scope, asked)
    new = next(s for s in found["stages"] if s["name"] == "New")
    assert new["dues"] == {"overdue": 1, "today": 0, "planned": 0, "none": 1}  # bob's, whichever is looked for
    assert new["count"] == 1


async def test_a_deal_that_is_closed_has_no_next_step_to_miss(house: House, clock: Clock) -> None:
    made = await deal(house, "alice", "Won", next_contact_at=views.iso(clock.now - 60))
    stage = (await stages(house))["Won"]
    await moves.move(house.db, house.people["alice"].scope, made["id"], stage, made["version"])
    assert titles(await page(house, "alice", "?due=overdue")) == []


async def test_heads_say_which_of_the_named_deals_are_looked_for(house: House) -> None:
    ours = [(await deal(house, "alice", f"Deal {n}", source=s))["id"] for n, s in enumerate(("Web", ""))]
    theirs = (await deal(house, "bob", "Foreign", source="Web"))["id"]
    found = await house.json("GET", f"/board/heads?source=Web&deal={ours[0]},{ours[1]},{theirs},x", "alice")
    assert titles(found["html"]) == ["Deal 0"]
    assert [s["count"] for s in found["stages"] if s["count"]] == [1]


@both
async def test_the_funnel_of_a_hand_computed_quarter(house: House, clock: Clock) -> None:
    """Six deals enter New: two go on to Offer (one skips Qualified and comes back), one is won at once, one is lost,
    two stay. Of those in Offer one is lost.
    """
    db, scope, s = house.db, house.people["mona"].scope, await stages(house)

    async def way(*names: str, owner: str = "alice") -> None:
        made = await deals.create(db, scope, {"title": "x", "owner": owner, "stage": s["New"]})
        for name in names:
            clock.on(10)
            made = await moves.move(
                db, scope, made["id"], s[name], made["version"], "Price" if name == "Lost" else None
            )

    await way("Qualified", "Offer", "Lost")
    await way("Offer", "New", owner="bob")
    await way("Won")
    await way("Lost")
    await way()
    await way()
    found = await _strip(house)
    new, offer, qualified = (found[s[name]] for name in ("New", "Offer", "Qualified"))
    assert (new.entered, new.converted, new.still) == (6, 3, 3)
    assert (new.left, new.lost) == (4, 1)
    assert new.conversion == 50
    assert (qualified.entered, qualified.converted, qualified.left, qualified.lost) == (1, 1, 1, 0)
    assert (offer.entered, offer.converted, offer.left, offer.lost) == (2, 0, 2, 1)
    assert (await _strip(house, "bob"))[s["New"]].entered == 1
    clock.on(91 * DAY)
    assert (await _strip(house))[s["New"]].entered == 0
    assert "The funnel in the last 90 days" in await page(house, "mona")
    assert "The funnel in the last 90 days" not in await page(house, "alice")


async def _strip(house: House, owner: str = "") -> Any:
    scope = house.people["mona"].scope
    found = await board.board(house.db, scope)
    return (await funnel.strip(house.db, scope, found["pipeline"]["id"], found["stages"], owner))["stages"]


async def test_compact_cards_are_remembered(house: House) -> None:
    answer = await house.ask(
        "POST", "/me", "alice", data={"density": "compact", "next": "/board"}, headers={"Origin": house.origin}
    )
    assert answer.headers["Location"] == "/board"
    cookie = answer.cookies["pbxcrm_density"].value
    text = await (await house.ask("GET", "/board", "alice", headers={"Cookie": f"pbxcrm_density={cookie}"})).text()
    assert 'class="board compact"' in text


# -- linking -----------------------------------------------------------------------------------------------------------


async def unsorted(house: House, who: str, title: str, **fields: Any) -> dict[str, Any]:
    return await deal(house, who, title, stage=(await stages(house))["Unsorted"], **fields)


@both
async def test_all_that_an_unsorted_deal_has_goes_along(house: House, clock: Clock) -> None:
    db, alice = house.db, house.people["alice"].scope
    known = await contacts.create(db, alice, {"name": "Ela", "numbers": ["+48221234501"]})
    target = await deal(house, "alice", "Forty phones", value="500", contact_id=known["id"])
    caller = await unsorted(house, "alice", "+48221234599", number="+48221234599", note="Rings from the warehouse")
    call_id = await call_of(db, house.people["alice"], "uid-link", "+48221234599")
    await calls.make_deal(db, alice, call_id, {"title": "Not this one"})
    made = (await deals.list_deals(db, alice, filters={"q": "not this"}))["items"][0]
    await moves.move(db, alice, made["id"], (await stages(house))["Unsorted"], made["version"])
    await deals.add_note(db, alice, made["id"], "Wants forty")
    await tasks.create(db, alice, {"title": "Send it", "due_at": "2026-12-01T09:00:00Z", "deal_id": made["id"]})
    before = await board.board(db, alice)
    made = await deals.get(db, alice, made["id"])
    after = await merging.into(db, alice, made["id"], made["version"], target["id"])
    assert after["id"] == target["id"]
    with pytest.raises(NotFound):
        await deals.get(db, alice, made["id"])
    kinds = {item["kind"] for item in await timeline(db, alice, target["id"])}
    assert kinds == {"call", "note", "task", "stage"}
    assert (await calls.get(db, alice, call_id))["deal_id"] == target["id"]
    after = await merging.into(db, alice, caller["id"], caller["version"], target["id"])
    said = [item["text"] for item in await timeline(db, alice, target["id"]) if item["kind"] == "note"]
    assert "+48221234599\nRings from the warehouse" in said
    assert after["number"] == "+48221234501"
    # The caller who was but a number is Ela, from another phone.
    ela = await contacts.get(db, alice, known["id"])
    assert ela["numbers"] == ["+48221234501", "+48221234599"]
    now = await board.board(db, alice)
    assert _counts(before)["Unsorted"] - _counts(now)["Unsorted"] == 2
    assert _counts(before)["New"] == _counts(now)["New"]


def _counts(found: dict[str, Any]) -> dict[str, int]:
    return {stage["name"]: stage["count"] for stage in found["stages"]}


async def test_what_the_target_lacks_it_gets(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    target = await deal(house, "alice", "Bare")
    later = "2026-12-24T09:00:00.000Z"
    caller = await unsorted(
        house, "alice", "Caller", number="+48221234599", source="Website", value="70", next_contact_at=later
    )
    made = await merging.into(db, alice, caller["id"], caller["version"], target["id"])
    assert made["number"] == "+48221234599"
    assert made["contact_id"] == caller["contact_id"]
    assert (made["source"], made["value"]) == ("Website", "70.00")
    assert made["next_contact_at"] == caller["next_contact_at"]
    entry = (await house.json("GET", "/api/v1/audit?action=deal.merged", "mona"))["items"][0]
    assert entry["thing_id"] == caller["id"]
    assert entry["changes"]["into"] == [None, target["id"]]


async def test_what_may_not_be_linked(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    target, other = await deal(house, "alice", "Target"), await deal(house, "bob", "Bob's")
    caller = await unsorted(house, "alice", "Caller")
    for to in (other["id"], caller["id"], "", "x", "999"):
        with pytest.raises(Invalid):
            await merging.into(db, alice, caller["id"], caller["version"], to)
    with pytest.raises(Invalid):
        await merging.into(db, alice, target["id"], target["version"], caller["id"])
    with pytest.raises(NotFound):
        await merging.into(db, alice, other["id"], other["version"], target["id"])
    with pytest.raises(Conflict):
        await merging.into(db, alice, caller["id"], caller["version"] + 1, target["id"])
    won = await moves.move(db, alice, target["id"], (await stages(house))["Won"], target["version"])
    with pytest.raises(Invalid):
        await merging.into(db, alice, caller["id"], caller["version"], won["id"])


async def test_those_of_the_caller_come_first(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    theirs = await deal(house, "alice", "Theirs", number="+48221234599")
    for n in range(3):
        await deal(house, "alice", f"Newer {n}")
    await deal(house, "bob", "Bob's", number="+48221234599")
    caller = await unsorted(house, "alice", "Caller", number="+48221234599")
    found = await merging.candidates(db, alice, caller["id"])
    assert found["items"][0]["id"] == theirs["id"]
    assert len(found["items"]) == 4
    assert [one["title"] for one in (await merging.candidates(db, alice, caller["id"], "newer 1"))["items"]] == [
        "Newer 1"
    ]
