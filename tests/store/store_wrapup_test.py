"""What people say of their calls: who is asked, where it lands, what is put away, and that nothing comes back."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from pbxcrm.calls.facts import Fact
from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import iso
from pbxcrm.service import calls, deals, tasks, wrapup
from pbxcrm.service.errors import Invalid, NotFound
from pbxcrm.service.intake import Intake
from pbxcrm.service.intake_batch import WRAPUP_FOR
from pbxcrm.store import journal
from tests.store.mirror import Pages
from tests.store.office import START, Caller, Office

pytestmark = pytest.mark.asyncio
NUMBER = "+48601234567"
LATER = START + 86_400


class Desk:
    """An office whose pages agree after every step."""

    def __init__(self, office: Office, pages: Pages) -> None:
        self.office, self.pages, self.intake = office, pages, Intake(office.db)

    async def take(self, *facts: Fact) -> None:
        for fact in facts:
            await self.intake.apply([fact])
            await self.pages.agree()

    async def says(self, who: Scope, call: Caller, given: Mapping[str, object]) -> dict:
        done = await wrapup.finish(self.office.db, who, call.call.id, given)
        await self.pages.agree()
        return done

    async def up(self, who: Scope) -> list[str]:
        """The cards of this person, by the caller's channel."""
        return [str(view["linkedids"][0]) for view in await calls.live(self.office.db, who)]

    async def told(self, who: Scope) -> list[dict]:
        rows = await self.office.db.reading(lambda conn: journal.after(conn, who, 0, 10_000))
        return [row["data"] for row in rows if row["kind"] == "call.wrapped"]

    async def line(self, who: Scope, deal_id: str) -> list[dict]:
        return await deals.timeline(self.office.db, who, deal_id)

    async def talked(self, name: str = "alice", number: str | None = NUMBER, uid: str = "1795000000.1") -> Caller:
        call = Caller(number, uid)
        await self.take(call.rings(name), call.answers(name), call.ends())
        return call


@pytest_asyncio.fixture
async def desk(office: Office) -> AsyncIterator[Desk]:
    yield Desk(office, await Pages.open(office))


async def test_who_talked_is_asked_and_nobody_else(desk: Desk) -> None:
    office, call = desk.office, Caller(NUMBER)
    await desk.take(call.rings("alice", "bob"), call.answers("alice"))
    assert (await desk.up(office.alice), await desk.up(office.bob)) == ([call.call.uid], [])
    await desk.take(call.ends())
    assert (await desk.up(office.alice), await desk.up(office.bob)) == ([call.call.uid], [])
    missed = Caller(NUMBER, "1795000000.2")
    await desk.take(missed.rings("bob"), missed.ends("missed"))
    inside = Caller("102", "1795000000.3", direction="internal", caller="bob")
    await desk.take(inside.rings("alice"), inside.answers("alice"), inside.ends())
    assert (await desk.up(office.alice), await desk.up(office.bob)) == ([call.call.uid], [])


async def test_what_is_said_lands_on_deal_call_and_date(desk: Desk) -> None:
    office, call = desk.office, await desk.talked()
    (deal,) = (await deals.list_deals(office.db, office.alice))["items"]
    said = {"outcome": "again", "note": "Wants forty", "tags": "fair، big", "next_contact_at": iso(LATER)}
    done = await desk.says(office.alice, call, said)
    assert (done["outcome"], done["note"], done["tags"], done["deal_id"]) == (
        "again",
        "Wants forty",
        ["fair", "big"],
        deal["id"],
    )
    assert await desk.up(office.alice) == []
    assert (await deals.get(office.db, office.alice, deal["id"]))["next_contact_at"] == iso(LATER)
    line = await desk.line(office.alice, deal["id"])
    assert [item["text"] for item in line if item["kind"] == "note"] == ["Wants forty"]
    (item,) = [item for item in line if item["kind"] == "call"]
    wanted = {"by": "alice", "at": iso(START), "outcome": "again", "note": "Wants forty", "tags": ["fair", "big"]}
    assert item["call"]["wrapups"] == [wanted]
    assert (await calls.page_of(office.db, office.mia, call.call.id))["wrapups"] == [wanted]
    assert ("call.wrapped", call.call.id) in [(row["action"], row["thing_id"]) for row in await office.rows("audit")]


async def test_one_person_alone_hears_of_it_and_not_of_what_was_said(desk: Desk) -> None:
    office, call = desk.office, await desk.talked()
    done = await desk.says(office.alice, call, {"outcome": "agreed", "note": "Secret"})
    told = {name: done[name] for name in ("id", "spell", "outcome", "deal_id")}
    assert await desk.told(office.alice) == [told]
    assert await desk.told(office.bob) == await desk.told(office.mia) == []


async def test_the_same_said_twice_is_said_once_and_more_is_added(desk: Desk) -> None:
    office, call = desk.office, await desk.talked()
    first = await desk.says(office.alice, call, {"outcome": "agreed", "note": "One", "tags": ["a"]})
    assert await desk.says(office.alice, call, {"outcome": "agreed", "note": "One", "tags": ["a"]}) == first
    more = await desk.says(office.alice, call, {"note": "Two", "tags": ["b", "a"]})
    assert (more["outcome"], more["note"], more["tags"]) == ("agreed", "One\nTwo", ["a", "b"])
    line = await desk.line(office.alice, str(first["deal_id"]))
    assert sorted(item["text"] for item in line if item["kind"] == "note") == ["One", "Two"]
    assert len(await desk.told(office.alice)) == 2


async def test_a_dismissed_card_stays_away_whatever_is_told_of_the_call(desk: Desk) -> None:
    office, call = desk.office, Caller(None)
    await desk.take(call.rings("alice"), call.answers("alice"))
    (card,) = await calls.live(office.db, office.alice)
    spell = "t" + card["talks"][-1]["from"]
    await wrapup.hide(office.db, office.alice, call.call.id, spell)
    await desk.pages.agree()
    assert await desk.up(office.alice) == []
    await desk.take(call.ends())
    assert await desk.up(office.alice) == []
    await calls.make_deal(office.db, office.mia, call.call.id, {"title": "Late"})
    await desk.pages.agree()
    assert await desk.up(office.alice) == []
    await wrapup.hide(office.db, office.alice, call.call.id, spell)  # again, from another tab
    assert len(await desk.told(office.alice)) == 1


async def test_a_ringing_card_is_only_out_of_sight(desk: Desk) -> None:
    office, call = desk.office, Caller(NUMBER)
    await desk.take(call.rings("alice"))
    await wrapup.hide(office.db, office.alice, call.call.id, "r")
    assert [told["spell"] for told in await desk.told(office.alice)] == ["r"]
    await wrapup.hide(office.db, office.alice, call.call.id, "t2026-11-18T11:06:41.000Z")  # not its spell any more
    assert len(await desk.told(office.alice)) == 1
    await desk.take(call.answers("alice"))
    assert await desk.up(office.alice) == [call.call.uid]


async def test_who_passed_a_call_on_wraps_up_and_is_asked_again_when_it_comes_back(desk: Desk) -> None:
    office, call = desk.office, Caller(NUMBER)
    await desk.take(call.rings("alice"), call.answers("alice"), call.passes("bob"))
    assert (await desk.up(office.alice), await desk.up(office.bob)) == ([call.call.uid], [call.call.uid])
    await desk.says(office.alice, call, {"outcome": "info", "note": "Bob does it"})
    assert (await desk.up(office.alice), await desk.up(office.bob)) == ([], [call.call.uid])
    await desk.take(call.passes("alice", "PJSIP/101"))
    assert await desk.up(office.alice) == [call.call.uid]
    await desk.take(call.ends())
    assert (await desk.up(office.alice), await desk.up(office.bob)) == ([call.call.uid], [call.call.uid])
    await desk.says(office.alice, call, {"outcome": "agreed"})
    await desk.says(office.bob, call, {"outcome": "again"})
    said = (await calls.get(office.db, office.mia, call.call.id))["wrapups"]
    assert [(one["by"], one["outcome"], one["note"]) for one in said] == [
        ("alice", "agreed", "Bob does it"),
        ("bob", "again", ""),
    ]


async def test_not_a_lead(desk: Desk) -> None:
    office, call = desk.office, await desk.talked()
    done = await desk.says(office.alice, call, {"not_a_lead": True, "outcome": "wrong_number"})
    deal = await deals.get(office.db, office.alice, done["deal_id"])
    assert (deal["stage_kind"], deal["close_reason"]) == ("lost", "Not a lead")
    with pytest.raises(Invalid):
        await desk.says(office.alice, call, {"not_a_lead": True, "next_contact_at": iso(LATER)})


async def test_an_anonymous_call_keeps_what_was_said(desk: Desk) -> None:
    office, call = desk.office, await desk.talked(number=None)
    with pytest.raises(Invalid) as wrong:
        await desk.says(office.alice, call, {"note": "Calls again", "next_contact_at": iso(LATER)})
    assert "make a deal" in wrong.value.fields["next_contact_at"]
    assert await desk.up(office.alice) == [call.call.uid]
    await desk.says(office.alice, call, {"note": "Calls again"})
    assert (await calls.get(office.db, office.alice, call.call.id))["wrapups"][0]["note"] == "Calls again"


async def test_without_a_deal_the_next_contact_is_a_call_to_make(desk: Desk) -> None:
    office = desk.office
    call = Caller("+48601000999", direction="outbound", caller="alice")
    await desk.take(call.answers("alice"), call.ends())
    done = await desk.says(office.alice, call, {"outcome": "again", "next_contact_at": iso(LATER)})
    assert done["deal_id"] is None
    (task,) = (await tasks.list_tasks(office.db, office.alice))["items"]
    assert (task["kind"], task["number"], task["due_at"], task["user"]) == ("call", "+48601000999", iso(LATER), "alice")


async def test_a_colleagues_deal_is_not_touched(desk: Desk) -> None:
    office = desk.office
    made = await deals.create(office.db, office.bob, {"title": "Roof", "number": NUMBER})
    call = await desk.talked()
    done = await desk.says(office.alice, call, {"note": "Asked for Bob", "outcome": "info"})
    assert done["deal_id"] is None
    line = await desk.line(office.bob, made["id"])
    assert [item["call"]["wrapups"][0]["note"] for item in line if item["kind"] == "call"] == ["Asked for Bob"]
    assert [item for item in line if item["kind"] == "note"] == []
    with pytest.raises(Invalid):
        await desk.says(office.alice, call, {"deal_id": made["id"], "note": "Mine now"})


async def test_of_several_deals_one_is_chosen(desk: Desk) -> None:
    office = desk.office
    one = await deals.create(office.db, office.alice, {"title": "Roof", "number": NUMBER})
    await deals.create(office.db, office.alice, {"title": "Cellar", "number": NUMBER})
    call = await desk.talked()
    done = await desk.says(office.alice, call, {"note": "The roof", "deal_id": one["id"]})
    assert done["deal_id"] == one["id"]
    assert [item["text"] for item in await desk.line(office.alice, one["id"]) if item["kind"] == "note"] == ["The roof"]


async def test_strangers_and_those_who_did_not_talk_cannot(desk: Desk) -> None:
    office, call = desk.office, Caller(NUMBER)
    await desk.take(call.rings("alice", "bob"), call.answers("alice"), call.ends())
    for who in (office.bob, office.charlie, office.mia):
        with pytest.raises(NotFound):
            await wrapup.finish(office.db, who, call.call.id, {"note": "x"})
    for who in (office.charlie, office.mia):
        with pytest.raises(NotFound):
            await wrapup.hide(office.db, who, call.call.id, "t")
    with pytest.raises(NotFound):
        await wrapup.finish(office.db, office.alice, "no such call", {})


@pytest.mark.parametrize(
    "given",
    [
        {"outcome": "great"},
        {"note": 5},
        {"note": "x" * 10_001},
        {"tags": ["x" * 41]},
        {"tags": [str(n) for n in range(11)]},
        {"tags": {"a": 1}},
        {"next_contact_at": "soon"},
        {"deal_id": "999"},
        {"surprise": 1},
    ],
)
async def test_nonsense_is_refused_and_nothing_is_stored(desk: Desk, given: dict[str, object]) -> None:
    office, call = desk.office, await desk.talked()
    with pytest.raises(Invalid):
        await wrapup.finish(office.db, office.alice, call.call.id, given)
    assert await desk.up(office.alice) == [call.call.uid]
    assert await desk.told(office.alice) == []


async def test_of_yesterdays_calls_nobody_is_asked(desk: Desk) -> None:
    office = desk.office
    await desk.talked()
    office.clock.now += WRAPUP_FOR + 60
    assert await desk.up(office.alice) == []
    old = Caller(NUMBER, "1795000000.9")
    await desk.intake.apply([old.rings("alice"), old.answers("alice"), old.ends()])
    assert len(await office.rows("wrapups")) == 1


async def test_the_card_shows_what_the_deal_is_worth_and_what_is_needed(desk: Desk) -> None:
    office = desk.office
    fields = {"title": "Roof", "number": NUMBER, "value": "1200", "note": "A dry roof" + "!" * 1000}
    await deals.create(office.db, office.alice, fields)
    call = Caller(NUMBER)
    await desk.take(call.rings("alice"))
    rows = await office.db.reading(lambda conn: journal.after(conn, office.alice, 0, 10_000))
    told = [row["data"]["card"] for row in rows if row["kind"] == "call.ringing"][-1]
    (card,) = await calls.live(office.db, office.alice)
    for one in (told, card["card"]):
        assert (one["deals"][0]["value"], len(one["deals"][0]["note"])) == ("1200.00", 300)
