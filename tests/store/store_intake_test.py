"""What calls do to the pipeline: the table of docs/calls.md, row by row, with everybody's page open all the while."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import delete, event, insert, select, update

from pbxcrm.calls.facts import Fact
from pbxcrm.crm.access import Scope
from pbxcrm.crm.rules import UNANSWERED, Rules
from pbxcrm.service import calls, contacts, deals, intake, moves, people, tasks
from pbxcrm.service.errors import NotFound, Unavailable
from pbxcrm.service.intake import Intake
from pbxcrm.store import journal, schema
from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable
from tests.store.mirror import Pages
from tests.store.office import START, Caller, Clock, Office, settle

pytestmark = pytest.mark.asyncio

NUMBER = "+48601234567"


class Desk:
    """An intake whose every batch leaves all pages as they would be if read anew."""

    def __init__(self, office: Office, pages: Pages, rules: Rules | None = None) -> None:
        self.office = office
        self.pages = pages
        self.intake = Intake(office.db, rules)

    async def take(self, *facts: Fact) -> None:
        for fact in facts:
            await self.intake.apply([fact])
            await self.pages.agree()

    async def deals(self, who: Scope | None = None) -> list[dict]:
        return (await deals.list_deals(self.office.db, who or self.office.mia))["items"]

    async def deal(self) -> dict:
        (found,) = await self.deals()
        return found

    async def tasks(self, who: Scope | None = None, **filters: object) -> list[dict]:
        return (await tasks.list_tasks(self.office.db, who or self.office.mia, filters=filters))["items"]

    async def call(self, call: Caller) -> dict:
        return await calls.get(self.office.db, self.office.mia, call.call.id)

    async def heard(self, who: Scope) -> list[tuple[str, dict]]:
        rows = await self.office.db.reading(lambda conn: journal.after(conn, who, 0, 10_000))
        return [(row["kind"], row["data"]) for row in rows]

    async def known(self, who: Scope, **fields: object) -> dict:
        """A deal with this number that is there before the call."""
        made = await deals.create(self.office.db, who, {"title": "Roof", "number": NUMBER, **fields})
        await self.pages.agree()
        return made


@pytest_asyncio.fixture
async def desk(office: Office) -> AsyncIterator[Desk]:
    yield Desk(office, await Pages.open(office))


# ---- the table


async def test_a_new_caller_answered_becomes_a_deal_of_who_answered(desk):
    office, call = desk.office, Caller(NUMBER, caller_name="Ann")
    await desk.take(call.rings("alice", "bob"))
    assert await desk.deals() == []
    await desk.take(call.answers("bob"))
    deal = await desk.deal()
    assert (deal["owner"], deal["stage"], deal["source"], deal["number"], deal["title"], deal["created_at"]) == (
        "bob", office.stage["Unsorted"], "website", NUMBER, "Ann", "2026-11-18T11:06:42.000Z",
    )  # fmt: skip
    await desk.take(call.ends())
    (contact,) = await office.rows("contacts")
    assert (contact["name"], contact["owner_id"], contact["last_talk_by"]) == ("Ann", office.bob.user_id, "bob")
    (history,) = await office.rows("stage_history")
    assert (history["deal_id"], history["from_stage_id"], history["at"]) == (int(deal["id"]), None, START + 2)
    view = await calls.get(office.db, office.bob, call.call.id)
    assert (view["deal_id"], view["contact_id"], view["outcome"]) == (deal["id"], str(contact["id"]), "answered")
    (item,) = [item for item in await deals.timeline(office.db, office.bob, deal["id"]) if item["kind"] == "call"]
    assert item["call"] == view
    # Alice's phone rang: the call is hers to see, the deal is not. Charlie had no part in it.
    assert (await calls.get(office.db, office.alice, call.call.id)) == view
    assert await desk.deals(office.alice) == []
    with pytest.raises(NotFound):
        await calls.get(office.db, office.charlie, call.call.id)


async def test_the_journal_says_who_rings_who_answers_and_who_no_longer_rings(desk):
    office, call = desk.office, Caller(NUMBER)
    await desk.take(call.rings("alice", "bob"), call.answers("bob"), call.ends())
    kinds = ["call.ringing", "contact.created", "deal.created", "call.answered", "call.ended"]
    assert [kind for kind, _ in await desk.heard(office.bob)] == kinds
    assert [kind for kind, _ in await desk.heard(office.alice)] == ["call.ringing", "call.answered", "call.ended"]
    assert await desk.heard(office.charlie) == []
    ringing, answered, ended = (data for _, data in await desk.heard(office.alice))
    assert (ringing["ringing"], ringing["talking"]) == (["alice", "bob"], [])
    assert (answered["ringing"], answered["talking"]) == ([], ["bob"])
    assert ringing["card"] == {"contact": None, "lead": None, "deals": [], "last_talk": None}
    (line,) = answered["card"]["deals"]
    assert (line["owner"], line["stage_name"], line["id"]) == ("bob", "Unsorted", answered["deal_id"])
    assert ended["card"]["last_talk"] == {"at": "2026-11-18T11:06:43.000Z", "by": "bob"}
    # What was told last is what is read now, the card included.
    assert await calls.card(office.db, office.bob, call.call.id) == ended


@pytest.mark.parametrize("outcome", sorted(UNANSWERED))
async def test_a_new_caller_missed_waits_for_the_dids_team(desk, outcome):
    office, call = desk.office, Caller(NUMBER, did="+48221000200")
    await desk.take(call.rings("alice"), call.ends(outcome))
    deal = await desk.deal()
    assert (deal["owner"], deal["stage_name"], deal["source"]) == (None, "Unsorted", "fair")
    (task,) = await desk.tasks(office.bob)
    assert task == {
        "id": task["id"], "kind": "callback", "title": NUMBER, "deal_id": deal["id"], "contact_id": deal["contact_id"],
        "contact_name": "", "company": "", "call_id": call.call.id, "outcome": outcome, "number": NUMBER, "user": None,
        "team": "north", "times": 1, "created_at": "2026-11-18T11:06:42.000Z", "due_at": "2026-11-18T11:11:42.000Z",
        "done_at": None, "done_by": None, "ends_at": None, "remind_at": None, "place": "", "note": "", "result": "",
        "version": 1,
    }  # fmt: skip
    assert (await tasks.missed(office.db, office.alice))["items"] == [task]
    assert await desk.tasks(office.charlie) == []


async def test_a_missed_call_on_a_number_of_no_team_is_everybodys(desk):
    call = Caller(NUMBER)
    await desk.take(call.rings("alice"), call.ends())
    (task,) = await desk.tasks(desk.office.charlie)
    assert (task["team"], task["user"]) == (None, None)
    assert ("task.due", task) in await desk.heard(desk.office.charlie)


async def test_who_calls_back_owns_it_and_the_task_is_done(desk):
    office, call = desk.office, Caller(NUMBER)
    await desk.take(call.rings("alice"), call.ends())
    back = Caller(NUMBER, "1795000100.1", START + 100, "outbound", caller="bob")
    await desk.take(back.rings())
    assert (await desk.deal())["owner"] is None
    await desk.take(back.answers("bob"), back.ends())
    assert ((await desk.deal())["owner"], (await desk.deal())["version"]) == ("bob", 2)
    assert await desk.tasks() == []
    (task,) = await desk.tasks(done=True)
    assert (task["done_at"], task["done_by"]) == ("2026-11-18T11:08:22.000Z", "bob")
    assert ("task.done", task) in await desk.heard(office.charlie)
    assert (await desk.call(back))["deal_id"] == (await desk.deal())["id"]


async def test_any_later_talk_in_either_direction_by_anybody_closes_it_an_earlier_one_does_not(desk):
    office = desk.office
    long_ago = Caller(NUMBER, "1794000000.1", START - 5000)
    call = Caller(NUMBER)
    await desk.take(call.rings("alice"), call.ends())
    await desk.take(long_ago.answers("bob"), long_ago.ends())  # told late, after a lost link
    assert len(await desk.tasks(office.mia, kind="callback")) == 1
    again = Caller("601234567", "1795000200.1", START + 200)  # the same caller, written another way
    await desk.take(again.rings("charlie"), again.answers("charlie"))
    assert await desk.tasks(office.mia, kind="callback") == []


async def test_a_caller_who_tries_again_is_one_row_with_its_first_deadline(desk):
    for i in range(3):
        call = Caller(NUMBER, f"1795000000.{i}", START + 100 * i)
        await desk.take(call.rings("alice"), call.ends("busy" if i else "missed"))
    (task,) = await desk.tasks()
    assert (task["times"], task["due_at"], task["outcome"], task["call_id"]) == (
        3, "2026-11-18T11:11:42.000Z", "busy", call.call.id,
    )  # fmt: skip
    assert len(await desk.deals()) == 1


async def test_a_known_open_deal_missed_is_its_owners_to_call_back(desk):
    office = desk.office
    deal = await desk.known(office.alice)
    call = Caller(NUMBER)
    await desk.take(call.rings("bob"), call.ends())
    assert [d["id"] for d in await desk.deals()] == [deal["id"]]
    (task,) = await desk.tasks(office.alice)
    assert (task["user"], task["team"], task["deal_id"]) == ("alice", None, deal["id"])
    assert await desk.tasks(office.bob) == []


async def test_a_known_open_deal_answered_by_its_owner(desk):
    office = desk.office
    deal = await desk.known(office.alice)
    call = Caller(NUMBER)
    await desk.take(call.rings("alice"))
    (live,) = await calls.live(office.db, office.alice)
    assert (live["deal_id"], [d["id"] for d in live["card"]["deals"]]) == (deal["id"], [deal["id"]])
    await desk.take(call.answers("alice"), call.ends())
    assert [(d["id"], d["owner"], d["version"]) for d in await desk.deals()] == [(deal["id"], "alice", 1)]
    assert await desk.tasks() == []
    assert [
        i["call"]["id"] for i in await deals.timeline(office.db, office.alice, deal["id"]) if i["kind"] == "call"
    ] == [call.call.id]


async def test_a_known_open_deal_answered_by_another_stays_and_its_owner_looks(desk):
    office = desk.office
    deal = await desk.known(office.alice)
    call = Caller(NUMBER)
    await desk.take(call.rings("bob"), call.answers("bob"), call.ends())
    assert [(d["id"], d["owner"], d["version"]) for d in await desk.deals()] == [(deal["id"], "alice", 1)]
    (task,) = await desk.tasks(office.alice)
    assert (task["kind"], task["user"], task["deal_id"], task["call_id"], task["due_at"]) == (
        "look", "alice", deal["id"], call.call.id, "2026-11-18T12:06:42.000Z",
    )  # fmt: skip
    assert [kind for kind, _ in await desk.heard(office.alice)][-4:] == [
        "call.ringing", "call.answered", "task.due", "call.ended",
    ]  # fmt: skip
    assert await desk.tasks(office.bob) == []
    # Bob sees the call he took, not the deal it was about.
    with pytest.raises(NotFound):
        await deals.get(office.db, office.bob, deal["id"])
    again = Caller(NUMBER, "1795000100.1", START + 100)
    await desk.take(again.answers("bob"), again.ends())
    assert [t["times"] for t in await desk.tasks(office.alice)] == [2]
    mine = Caller(NUMBER, "1795000200.1", START + 200)
    await desk.take(mine.answers("alice"))
    assert await desk.tasks(office.alice) == []


async def test_a_call_passed_on_to_the_owner_leaves_nothing_to_look_at(desk):
    await desk.known(desk.office.alice)
    call = Caller(NUMBER)
    await desk.take(call.answers("bob"), call.passes("alice"), call.ends())
    assert await desk.tasks(desk.office.alice) == []
    assert (await desk.tasks(desk.office.alice, done=True))[0]["done_by"] == "alice"


async def test_a_known_contact_without_an_open_deal_gets_one_under_it(desk):
    office = desk.office
    old = await desk.known(office.alice)
    await moves.move(office.db, office.alice, old["id"], office.stage["Won"], 1)
    await contacts.change(office.db, office.alice, old["contact_id"], 1, {"name": "Ann", "company": "Acme"})
    call = Caller(NUMBER, caller_name="somebody")
    await desk.take(call.rings("bob"), call.answers("bob"), call.ends())
    new, was = await desk.deals()
    assert (new["owner"], new["contact_id"], new["title"], new["stage_name"]) == (
        "bob", old["contact_id"], "Ann", "Unsorted",
    )  # fmt: skip
    assert (was["id"], was["stage_name"]) == (old["id"], "Won")
    assert len(await office.rows("contacts")) == 1


async def test_several_open_deals_all_show_the_call_latest_activity_first(desk):
    office = desk.office
    first = await desk.known(office.alice)
    office.clock.now += 10
    second = await desk.known(office.mia, owner="bob", contact_id=first["contact_id"])
    office.clock.now += 10
    await deals.change(office.db, office.alice, first["id"], 1, {"note": "called"})
    call = Caller(NUMBER, at=START + 60)
    await desk.take(call.rings("charlie"))
    (live,) = await calls.live(office.db, office.charlie)
    assert [d["id"] for d in live["card"]["deals"]] == [first["id"], second["id"]]
    assert live["deal_id"] == first["id"]
    await desk.take(call.answers("bob"), call.ends())
    assert (await desk.call(call))["deal_id"] == second["id"]  # the one of who talked
    assert len(await desk.deals()) == 2
    assert await desk.tasks() == []
    for who, deal in ((office.alice, first), (office.bob, second)):
        kinds = [item["kind"] for item in await deals.timeline(office.db, who, deal["id"])]
        assert kinds.count("call") == 1


async def test_an_anonymous_call_is_logged_and_a_deal_is_made_only_from_its_card(desk):
    office, call = desk.office, Caller(None)
    await desk.take(call.rings("alice"), call.answers("alice"), call.ends())
    assert (await desk.deals(), await office.rows("contacts"), await desk.tasks()) == ([], [], [])
    view = await desk.call(call)
    assert (view["number"], view["deal_id"], view["outcome"]) == (None, None, "answered")
    with pytest.raises(NotFound):
        await calls.make_deal(office.db, office.bob, call.call.id)
    made = await calls.make_deal(office.db, office.alice, call.call.id, {"title": "Roof"})
    await desk.pages.agree()
    assert (made["owner"], made["title"], made["source"]) == ("alice", "Roof", "website")
    kind, data = (await desk.heard(office.alice))[-1]
    assert (kind, data["deal_id"]) == ("call.ended", made["id"])
    assert data == await calls.card(office.db, office.alice, call.call.id)
    missed = Caller(None, "1795000100.1", START + 100)
    await desk.take(missed.rings("alice"), missed.ends())
    assert await desk.tasks() == []


@pytest.mark.parametrize("number", ["101", "+48221000100"])
async def test_an_internal_call_and_our_own_number_are_logged_only(desk, number):
    direction = "internal" if number == "101" else "inbound"
    call = Caller(number, direction=direction, caller="alice")
    await desk.take(call.rings("bob"), call.answers("bob"), call.ends())
    missed = Caller(number, "1795000100.1", direction=direction)
    await desk.take(missed.rings("bob"), missed.ends())
    assert (await desk.deals(), await desk.office.rows("contacts"), await desk.tasks()) == ([], [], [])
    assert (await desk.call(call))["deal_id"] is None
    assert (await calls.get(desk.office.db, desk.office.alice, call.call.id))["caller"] == "alice"


async def test_dialling_a_known_contact_shows_on_its_deals_an_unknown_number_is_one_key_away_from_one(desk):
    office = desk.office
    deal = await desk.known(office.alice)
    call = Caller(NUMBER, direction="outbound", caller="bob")
    await desk.take(call.rings(), call.ends("missed"))
    assert (await calls.get(office.db, office.bob, call.call.id))["deal_id"] == deal["id"]
    assert await desk.tasks() == []
    other = Caller("+48609999999", "1795000100.1", direction="outbound", caller="bob")
    await desk.take(other.rings(), other.answers("bob"), other.ends())
    assert (await desk.call(other))["deal_id"] is None
    made = await calls.make_deal(office.db, office.bob, other.call.id)
    await desk.pages.agree()
    assert (made["number"], made["owner"], made["title"]) == ("+48609999999", "bob", "+48609999999")
    assert (await desk.call(other))["contact_id"] == made["contact_id"]


async def test_a_device_of_nobody_answers(desk):
    office, call = desk.office, Caller(NUMBER)
    await desk.take(call.rings(), call.answers(None, "PJSIP/109"))
    assert (await desk.deal())["owner"] is None
    (task,) = await desk.tasks(office.mia)
    assert (task["kind"], task["title"]) == ("device", "PJSIP/109")
    assert await desk.tasks(office.alice) == []
    await desk.take(call.passes("alice"), call.ends())
    assert ((await desk.deal())["owner"], (await desk.deal())["version"]) == ("alice", 2)
    again = Caller(NUMBER, "1795000100.1", START + 100)
    await desk.take(again.answers(None, "PJSIP/109"), again.ends())
    assert len(await desk.tasks(office.mia)) == 1


async def test_the_operator_passes_it_on_and_the_owner_is_written_once(desk):
    call = Caller(NUMBER)
    await desk.take(call.answers("olga"))
    assert (await desk.deal())["owner"] is None
    await desk.take(call.passes("alice"), call.passes("bob"), call.ends())
    assert ((await desk.deal())["owner"], (await desk.deal())["version"]) == ("alice", 2)


async def test_the_operator_who_keeps_it_owns_it_in_the_end(desk):
    call = Caller(NUMBER)
    await desk.take(call.answers("olga"), call.ends())
    assert (await desk.deal())["owner"] == "olga"


async def test_the_last_to_talk_may_own_it(desk):
    desk.intake = Intake(desk.office.db, Rules(owner="last"))
    call = Caller(NUMBER)
    await desk.take(call.answers("alice"), call.passes("bob"))
    assert (await desk.deal())["owner"] is None
    await desk.take(call.ends())
    assert (await desk.deal())["owner"] == "bob"


async def test_who_claims_it_during_the_call_keeps_it(desk):
    office, call = desk.office, Caller(NUMBER)
    await desk.take(call.answers("olga"))
    deal = await desk.deal()
    await deals.claim(office.db, office.charlie, deal["id"])
    await desk.take(call.passes("alice"), call.ends())
    assert (await desk.deal())["owner"] == "charlie"


async def test_the_same_number_twice_at_once_is_two_calls_and_one_deal(desk):
    one, two = Caller(NUMBER), Caller(NUMBER, "1795000000.2")
    await desk.take(one.rings("alice", "bob"), two.rings("alice", "bob"))
    await desk.intake.apply([one.answers("alice"), two.answers("bob")])
    await desk.pages.agree()
    await desk.take(one.ends(), two.ends())
    deal = await desk.deal()
    assert deal["owner"] == "alice"
    assert {(await desk.call(call))["deal_id"] for call in (one, two)} == {deal["id"]}
    assert len(await desk.office.rows("calls")) == 2
    assert [t["user"] for t in await desk.tasks()] == ["alice"]


async def test_missed_twice_in_one_batch_is_one_deal_one_task(desk):
    one, two = Caller(NUMBER), Caller(NUMBER, "1795000000.2")
    await desk.intake.apply([one.rings("alice"), two.rings("bob"), one.ends(), two.ends("busy")])
    await desk.pages.agree()
    assert len(await desk.deals()) == 1
    assert [(t["times"], t["outcome"]) for t in await desk.tasks()] == [(2, "busy")]


async def test_a_missed_call_and_the_call_back_in_one_batch(desk):
    one, back = Caller(NUMBER), Caller(NUMBER, "1795000100.1", START + 100, "outbound", caller="bob")
    await desk.intake.apply([one.rings("alice"), one.ends(), back.rings(), back.answers("bob"), back.ends()])
    await desk.pages.agree()
    deal = await desk.deal()
    assert (deal["owner"], deal["version"], await desk.tasks()) == ("bob", 2, [])
    assert [t["done_by"] for t in await desk.tasks(done=True)] == ["bob"]
    # The history keeps that it began as nobody's.
    assert [row["owner_id"] for row in await desk.office.rows("stage_history")] == [None]


async def test_a_restarted_pbx_may_give_the_same_id_again(desk):
    first, second = Caller(NUMBER), Caller(NUMBER, boot="b2")
    await desk.take(first.rings("alice"), first.ends("lost"), second.rings("bob"), second.answers("bob"), second.ends())
    assert len({row["id"] for row in await desk.office.rows("calls")}) == 2


# ---- matching


@pytest.mark.parametrize("written", ["+48601234567", "601234567", "0601234567", "0048601234567"])
async def test_a_contact_is_found_however_its_number_was_written(desk, written):
    office = desk.office

    def run(work):
        key = work.conn.execute(
            insert(schema.contacts).values(name="Ann", created_at=START).returning(schema.contacts.c.id)
        )
        from pbxcrm.store.contacts import add_numbers, number_row

        add_numbers(work.conn, [number_row(key.scalar_one(), written)])
        work.journal("contact.created", {}, None)

    await office.db.writing(run)
    call = Caller(NUMBER)
    await desk.take(call.rings("alice"))
    assert (await calls.live(office.db, office.alice))[0]["card"]["contact"]["name"] == "Ann"
    await desk.take(call.answers("alice"))
    assert len(await office.rows("contacts")) == 1


async def test_of_two_contacts_with_one_number_the_one_with_the_deal_is_meant_and_nothing_is_merged(desk):
    office = desk.office
    await contacts.create(office.db, office.alice, {"name": "Ann", "numbers": [NUMBER]})
    await contacts.create(office.db, office.bob, {"name": "Ben", "numbers": [NUMBER]})
    await desk.known(office.bob)
    call = Caller(NUMBER)
    await desk.take(call.rings("charlie"))
    (live,) = await calls.live(office.db, office.charlie)
    assert live["card"]["contact"]["name"] == "Ben"
    assert [c["name"] for c in await office.rows("contacts")] == ["Ann", "Ben"]


async def test_a_number_of_another_country_with_the_same_ending_is_somebody_else(desk):
    await desk.known(desk.office.alice)
    call = Caller("+49601234567")
    await desk.take(call.answers("bob"))
    assert len(await desk.deals()) == 2


# ---- click-to-call


async def dial(office: Office, **row: object) -> None:
    def run(work):
        usual = {
            "id": "d1",
            "user_id": office.alice.user_id,
            "key": "k",
            "number": NUMBER,
            "state": "sent",
            "created_at": START,
        }
        work.conn.execute(insert(schema.dials).values(**usual, **row))
        work.journal("dial.sent", {}, None)

    await office.db.writing(run)


async def test_a_dialled_call_lands_on_its_deal_and_moves_the_dial_on(desk):
    office = desk.office
    other = await desk.known(office.alice)
    meant = await desk.known(office.alice, contact_id=other["contact_id"])
    office.clock.now += 60
    await deals.change(office.db, office.alice, other["id"], 1, {"note": "newer activity"})
    await dial(office, deal_id=int(meant["id"]))
    call = Caller(NUMBER, direction="outbound", action_id="d1", caller="alice")
    states = []
    for fact in (call.rings(), call.answers("alice"), call.ends()):
        await desk.take(fact)
        (row,) = await office.rows("dials")
        states.append((row["state"], row["call_id"]))
    assert states == [(state, call.call.id) for state in ("ringing", "answered", "ended")]
    assert (await office.rows("dials"))[0]["reason"] == "answered"
    view = await desk.call(call)
    assert (view["deal_id"], view["dial_id"], view["contact_id"]) == (meant["id"], "d1", other["contact_id"])


async def test_a_dialled_contact_and_a_dialled_number(desk):
    office = desk.office
    contact = await contacts.create(office.db, office.alice, {"name": "Ann", "numbers": ["+48111111111"]})
    await dial(office, contact_id=int(contact["id"]))
    call = Caller(NUMBER, direction="outbound", action_id="d1", caller="alice")
    await desk.take(call.rings(), call.ends("failed"))
    assert (await desk.call(call))["contact_id"] == contact["id"]
    unknown = Caller(NUMBER, "1795000100.1", direction="outbound", action_id="never asked", caller="alice")
    await desk.take(unknown.rings(), unknown.ends("failed"))
    assert (await desk.call(unknown))["contact_id"] is None


# ---- once, in one transaction, whatever comes


def story() -> list[Fact]:
    """Some calls of every kind, their facts in the order of time."""
    facts: list[Fact] = []
    for i in range(8):
        call = Caller(f"+4860000000{i % 5}", f"1795000000.{i}", START + 30 * i)
        facts += [call.rings("alice", "bob")]
        if i % 3:
            facts += [call.answers("bob" if i % 2 else "olga"), call.rings(), call.passes("charlie"), call.ends()]
        else:
            facts += [call.ends("missed" if i % 2 else "busy")]
    out = Caller("+48600000000", "1795000000.99", START + 500, "outbound", caller="alice")
    device = Caller("+48600000009", "1795000000.98", START + 600)
    facts += [out.rings(), out.answers("alice"), out.ends(), device.answers(None, "PJSIP/109"), device.ends()]
    anonymous, internal = Caller(None, "1.97", START + 700), Caller("101", "1.96", START + 700, "internal")
    return [*facts, anonymous.rings("bob"), anonymous.ends(), internal.answers("alice"), internal.ends()]


async def dump(office: Office, *without: str) -> dict[str, list]:
    return {name: await office.rows(name) for name in schema.metadata.tables if name not in without}


async def test_the_same_stream_twice_changes_nothing(office):
    once = Intake(office.db)
    for fact in story():
        await once.apply([fact])
    before = await dump(office)
    office.clock.now += 1000
    await once.apply(story())
    await Intake(office.db).apply(story()[::-1])
    for fact in story():
        await Intake(office.db).apply([fact])
    assert await dump(office) == before


async def test_however_the_stream_is_cut_the_tables_are_the_same(new_url):
    seen = []
    for seed in range(3):
        db = Database(new_url(), clock := Clock())
        office = await settle(db, clock)
        taking, rest, pick = Intake(db), story(), random.Random(seed)
        while rest:
            size = pick.randint(1, 9) if seed else 1
            await taking.apply(rest[:size])
            # A crash may bring back what was taken already.
            await taking.apply(rest[max(0, size - pick.randint(0, 3)) : size])
            rest = rest[size:]
        seen.append(await without_ids(office))
        await db.close()
    assert seen[0] == seen[1] == seen[2]


async def without_ids(office: Office) -> dict[str, list]:
    """All tables; PostgreSQL leaves gaps between ids, so each is replaced by its place in the order."""
    tables = await dump(office, "journal")
    places = {
        name: {r["id"]: i for i, r in enumerate(rows)} for name, rows in tables.items() if rows and "id" in rows[0]
    }
    columns = {"deal_id": "deals", "contact_id": "contacts"}
    for name, rows in tables.items():
        for row in rows:
            row.pop("data", None)  # holds ids too: the calls' views are compared elsewhere
            for column, other in columns.items():
                if row.get(column) is not None:
                    row[column] = places[other][row[column]]
            if name in ("deals", "contacts", "tasks", "contact_numbers", "stage_history"):
                row.pop("id")
    tables["call_deals"].sort(key=str)
    return tables


async def test_the_owner_is_written_once_a_call(office):
    """Counted where it cannot be hidden: in the statements that reach the database."""
    written: list[str] = []

    def note(_conn, _cursor, statement, *_):
        if "deals" in statement and "owner_id" in statement and statement.startswith(("INSERT", "UPDATE deals")):
            written.append(statement)

    call = Caller(NUMBER)
    facts = [call.rings("alice", "bob", "charlie"), call.rings("alice", "bob"), call.answers("bob"), call.rings(),
             call.passes("alice"), call.rings("charlie"), call.passes("charlie"), call.ends()]  # fmt: skip
    taking = Intake(office.db)
    owners = []
    event.listen(office.db.engine.sync_engine, "before_cursor_execute", note)
    for fact in facts:
        await taking.apply([fact])
        owners.append([row["owner_id"] for row in await office.rows("deals")])
    bob = office.bob.user_id
    assert owners == [[], [], *[[bob]] * 6]
    rows = [row for row in await office.rows("journal") if row["kind"].startswith("deal.")]
    assert [row["kind"] for row in rows] == ["deal.created"]
    if not office.db.sqlite:
        assert len(written) == 1
    assert [row["version"] for row in await office.rows("deals")] == [1]


async def test_facts_out_of_order_or_missing_never_go_back(desk):
    call = Caller(NUMBER)
    one, two, three = call.rings("alice"), call.answers("alice"), call.ends()
    await desk.take(three, two, one)
    view = await desk.call(call)
    assert (view["outcome"], view["talking"]) == ("answered", [])
    assert (await desk.deal())["owner"] == "alice"


async def test_what_lives_is_there_for_the_tracker_after_a_restart(desk):
    live, over, other = (
        Caller(NUMBER, customer="1.1", root="1.2"),
        Caller(NUMBER, "2.2"),
        Caller(NUMBER, "3.3", pbx="two"),
    )
    await desk.take(
        live.rings("alice", "bob"), live.answers("alice"), live.passes("bob"), over.ends(), other.rings("bob")
    )
    ((call, n),) = await intake.alive(desk.office.db, "pbx")
    assert (call, n) == (live.call, 3)
    assert (call.customer, call.root, call.talking) == ("1.1", "1.2", ("bob",))


async def test_nothing_is_half_written_and_it_may_be_tried_again(office, monkeypatch):
    call = Caller(NUMBER)
    facts = [call.rings("alice"), call.answers("alice")]
    taking = Intake(office.db)
    before = await dump(office)

    def away(*_args):
        raise DatabaseUnusable("The disk is full; nothing was stored. Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr("pbxcrm.store.calls.link", away)
        with pytest.raises(Unavailable, match="disk is full"):
            await taking.apply(facts)
    assert await dump(office) == before
    await taking.apply(facts)
    assert len(await office.rows("deals")) == 1


async def test_a_fact_that_cannot_be_stored_stops_no_other(office, monkeypatch, caplog):
    bad, good = Caller(NUMBER, "1.1"), Caller("+48609999999", "1.2")
    taking = Intake(office.db)
    real = intake.Batch.run

    def run(self):
        if any(line.id == bad.call.id for line in self._lines.values()):
            raise ZeroDivisionError
        real(self)

    monkeypatch.setattr(intake.Batch, "run", run)
    await taking.apply([bad.answers("alice"), good.answers("bob")])
    assert [row["number"] for row in await office.rows("deals")] == ["+48609999999"]
    (record,) = [record for record in caplog.records if record.name == "pbxcrm.intake"]
    assert bad.call.id in record.getMessage()
    assert "the calls after it are" in record.getMessage()


async def test_a_person_added_meanwhile_is_known_at_once(office):
    taking = Intake(office.db)
    first = Caller(NUMBER)
    await taking.apply([first.answers("alice")])
    await people.add_user(office.db, "dora", "agent")
    call = Caller("+48609999999", "1.2")
    await taking.apply([call.answers("dora")])
    assert [d["owner"] for d in (await deals.list_deals(office.db, office.mia))["items"]].count("dora") == 1


async def test_what_another_process_changes_is_known_within_two_seconds(office):
    taking = Intake(office.db)
    first = Caller(NUMBER)
    await taking.apply([first.answers("alice")])
    other = Database(office.db.url.render_as_string(hide_password=False), office.clock)

    def change(work):
        work.conn.execute(update(schema.users).where(schema.users.c.name == "alice").values(operator=True))
        work.conn.execute(delete(schema.dids))
        work.journal("user.changed", {}, None)

    await other.writing(change)
    await other.close()
    office.clock.now += 2.5
    call = Caller("+48609999999", "1.2")
    await taking.apply([call.answers("alice")])
    newest = (await deals.list_deals(office.db, office.mia))["items"]
    assert {d["number"]: (d["owner"], d["source"]) for d in newest}["+48609999999"] == (None, "+48221000100")


async def test_hostile_text_is_stored_as_it_is(desk):
    name = "<img src=x onerror=alert(1)>'; DROP TABLE deals; --"
    call = Caller(NUMBER, caller_name=name)
    await desk.take(call.rings("alice"), call.answers("alice"), call.ends())
    assert (await desk.deal())["title"] == name
    assert (await desk.call(call))["caller_name"] == name


async def test_no_fact_is_no_transaction(office):
    before = await office.rows("journal")
    await Intake(office.db).apply([])
    assert await office.rows("journal") == before


async def test_many_at_once_take_few_statements(office):
    """What a batch costs does not grow with its facts: the ceiling depends on it."""

    async def statements(count: int, start: int) -> int:
        made: list[str] = []
        told = office.db._threads._engine if office.db.sqlite else office.db.engine.sync_engine
        listener = lambda *_: made.append("x")  # noqa: E731
        event.listen(told, "before_cursor_execute", listener)
        batch = [
            fact
            for i in range(count)
            for call in [Caller(f"+4860{start + i:07d}", f"{start}.{i}")]
            for fact in (call.rings("alice"), call.answers("alice"), call.ends())
        ]
        await Intake(office.db).apply(batch)
        event.remove(told, "before_cursor_execute", listener)
        return len(made)

    few = await statements(1, 0)
    many = await statements(50, 1000)
    assert many <= few + 1
    assert len(await office.db.reading(lambda conn: conn.execute(select(schema.deals.c.id)).all())) == 51
