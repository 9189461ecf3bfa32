"""Contacts, tasks and the list of calls: whose they are, pages, filters, conflicts."""

import pytest

from pbxcrm.service import calls, contacts, deals, tasks
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.service.intake import Intake
from tests.store.mirror import Pages
from tests.store.office import START, Caller

pytestmark = pytest.mark.asyncio

NUMBER = "+48601234567"
ANN = {"name": "Ann Żółć", "company": "Acme", "email": "ann@acme.example", "numbers": ["601 234 567", "+48601234567"]}


# ---- contacts


async def test_a_contact_is_its_sellers_and_the_managers(office):
    made = await contacts.create(office.db, office.alice, ANN)
    assert (made["numbers"], made["owner"], made["version"]) == ([NUMBER], "alice", 1)
    for who in (office.alice, office.mia):
        assert await contacts.get(office.db, who, made["id"]) == made
        listed = (await contacts.list_contacts(office.db, who))["items"]
        assert [{**made, **one} for one in listed] == [made]
    for who in (office.bob, office.charlie):
        with pytest.raises(NotFound):
            await contacts.get(office.db, who, made["id"])
        with pytest.raises(NotFound):
            await contacts.change(office.db, who, made["id"], 1, {"name": "x"})
        assert (await contacts.list_contacts(office.db, who))["items"] == []
        assert (await contacts.list_contacts(office.db, who, q="ann"))["items"] == []


async def test_who_has_a_deal_with_them_or_took_their_call_sees_them(office):
    made = await contacts.create(office.db, office.alice, ANN)
    await deals.create(office.db, office.mia, {"title": "x", "owner": "bob", "contact_id": made["id"]})
    assert (await contacts.get(office.db, office.bob, made["id"]))["name"] == ANN["name"]
    call = Caller(NUMBER)
    await Intake(office.db).apply([call.rings("charlie")])
    assert (await contacts.get(office.db, office.charlie, made["id"]))["name"] == ANN["name"]


PARTS = ["601234567", "234-567", "567", "۲۳۴۵۶۷", "6012", "0048 601"]


@pytest.mark.parametrize("q", ["ann", "an", "ŻÓŁĆ", "zolc", "acme ann", "ann@acme", *PARTS, ""])
async def test_found_by_words_or_any_part_of_a_number(office, q):
    made = await contacts.create(office.db, office.alice, ANN)
    await contacts.create(office.db, office.alice, {"name": "Ben", "numbers": ["+48999999999"]})
    found = (await contacts.list_contacts(office.db, office.alice, q=q))["items"]
    assert made["id"] in [one["id"] for one in found]
    assert len(found) == (1 if q else 2)


async def test_letters_that_look_alike_are_found_alike(office):
    for name in ("علي كريمى", "Łukasz Żak", "Ёлкина Наталья"):
        await contacts.create(office.db, office.alice, {"name": name})
    for q in ("علی کریمی", "lukasz", "zak łuk", "елкина", "НАТАЛЬЯ"):
        assert len((await contacts.list_contacts(office.db, office.alice, q=q))["items"]) == 1, q


async def test_a_changed_or_erased_text_is_found_as_it_is_now(office):
    made = await contacts.create(office.db, office.alice, ANN)
    await contacts.change(office.db, office.alice, made["id"], 1, {"name": "Beatrix", "numbers": ["+48711222333"]})
    for q, n in (("zolc", 0), ("6012", 0), ("beatr", 1), ("7112", 1)):
        assert len((await contacts.list_contacts(office.db, office.alice, q=q))["items"]) == n, q


async def test_deals_are_found_by_title_note_and_what_was_noted(office):
    made = await deals.create(office.db, office.alice, {"title": "Forty phones", "note": "pays in March"})
    await deals.add_note(office.db, office.alice, made["id"], "prefers Łódź")
    other = await deals.create(office.db, office.bob, {"title": "Forty desks"})
    changed = await deals.change(office.db, office.bob, other["id"], 1, {"title": "Chairs"})
    for q, n in (("phon", 1), ("march", 1), ("lodz", 1), ("forty", 1), ("chair", 0), ("zzz", 0)):
        assert len((await deals.list_deals(office.db, office.alice, filters={"q": q}))["items"]) == n, q
    assert (await deals.list_deals(office.db, office.mia, filters={"q": "CHAIRS"}))["items"] == [changed]


@pytest.mark.parametrize("q", ["zoe", "%", "_", "\\", "601234568", "' OR 1=1 --", "ann zoe"])
async def test_not_found(office, q):
    await contacts.create(office.db, office.alice, ANN)
    assert (await contacts.list_contacts(office.db, office.alice, q=q))["items"] == []


async def test_contacts_come_in_pages(office):
    made = [(await contacts.create(office.db, office.alice, {"name": f"c{i}"}))["name"] for i in range(5)]
    found, cursor = [], None
    while True:
        page = await contacts.list_contacts(office.db, office.alice, 2, cursor)
        found += [contact["name"] for contact in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == made[::-1]


async def test_a_contact_is_changed_once_a_version(office):
    pages = await Pages.open(office)
    made = await contacts.create(office.db, office.alice, ANN)
    await deals.create(office.db, office.alice, {"title": "x", "contact_id": made["id"]})
    todo = {"title": "Write", "due_at": "2027-01-01T00:00:00Z"}
    await tasks.create(office.db, office.alice, todo)
    changed = await contacts.change(
        office.db, office.alice, made["id"], 1, {"name": "Anna", "numbers": ["+48111111111"]}
    )
    await pages.agree()
    assert (changed["name"], changed["numbers"], changed["version"]) == ("Anna", ["+48111111111"], 2)
    assert await contacts.get(office.db, office.alice, made["id"]) == changed
    assert await contacts.change(office.db, office.alice, made["id"], 2, {"name": "Anna"}) == changed
    with pytest.raises(Conflict, match="Somebody changed this contact meanwhile") as caught:
        await contacts.change(office.db, office.alice, made["id"], 1, {"name": "x"})
    assert caught.value.current == changed
    assert (await contacts.list_contacts(office.db, office.alice, q="anna"))["items"][0]["id"] == changed["id"]
    assert (await contacts.list_contacts(office.db, office.alice, q="żółć"))["items"] == []
    none = await contacts.change(office.db, office.alice, made["id"], 2, {"numbers": []})
    assert none["numbers"] == []


async def test_contacts_are_given_by_managers(office):
    made = await contacts.create(office.db, office.mia, {**ANN, "owner": "bob"})
    assert made["owner"] == "bob"
    assert (await contacts.create(office.db, office.mia, {"name": "x", "owner": None}))["owner"] is None
    given = await contacts.change(office.db, office.mia, made["id"], 1, {"owner": "alice"})
    assert given["owner"] == "alice"
    for who, owner in ((office.alice, "bob"), (office.mia, "zoe")):
        with pytest.raises(Invalid) as caught:
            await contacts.change(office.db, who, made["id"], 2, {"owner": owner})
        assert list(caught.value.fields) == ["owner"]


async def test_a_contact_is_somebody(office):
    with pytest.raises(Invalid, match="name, a company or a number"):
        await contacts.create(office.db, office.alice, {"email": "a@b"})
    with pytest.raises(Invalid) as caught:
        await contacts.create(office.db, office.alice, {"name": "x", "id": 5, "numbers": "601"})
    assert set(caught.value.fields) == {"id", "numbers"}


# ---- tasks


async def test_a_task_is_a_persons_own(office):
    pages = await Pages.open(office)
    deal = await deals.create(office.db, office.alice, {"title": "Roof", "number": NUMBER})
    given = {"title": "Write", "due_at": "2026-12-01T10:00:00+01:00", "deal_id": deal["id"]}
    made = await tasks.create(office.db, office.alice, given)
    assert (made["kind"], made["user"], made["due_at"], made["number"], made["contact_id"]) == (
        "todo", "alice", "2026-12-01T09:00:00.000Z", NUMBER, deal["contact_id"],
    )  # fmt: skip
    for who in (office.alice, office.mia):
        assert (await tasks.list_tasks(office.db, who))["items"] == [made]
        assert (await tasks.list_tasks(office.db, who, filters={"deal_id": deal["id"], "kind": "todo"}))["items"] == [
            made
        ]
    for who in (office.bob, office.charlie):
        assert (await tasks.list_tasks(office.db, who))["items"] == []
        with pytest.raises(NotFound):
            await tasks.done(office.db, who, made["id"])
    await pages.agree()
    office.clock.now += 60
    done = await tasks.done(office.db, office.alice, made["id"])
    assert (done["done_at"], done["done_by"]) == ("2026-11-18T11:07:40.000Z", "alice")
    assert await tasks.done(office.db, office.alice, made["id"]) == done
    await pages.agree()
    assert (await tasks.list_tasks(office.db, office.alice))["items"] == []
    assert (await tasks.list_tasks(office.db, office.alice, filters={"done": "true"}))["items"] == [done]
    kinds = [item["kind"] for item in await deals.timeline(office.db, office.alice, deal["id"])]
    assert kinds == ["task", "stage"] or kinds == ["stage", "task"]


async def test_tasks_are_given_by_managers(office):
    due = "2026-12-01T10:00:00Z"
    assert (await tasks.create(office.db, office.mia, {"title": "x", "due_at": due, "user": "bob"}))["user"] == "bob"
    foreign = await deals.create(office.db, office.bob, {"title": "Roof"})
    wrong = {
        "user": (office.alice, {"title": "x", "due_at": due, "user": "bob"}),
        "deal_id": (office.alice, {"title": "x", "due_at": due, "deal_id": foreign["id"]}),
        "title": (office.alice, {"due_at": due}),
        "due_at": (office.alice, {"title": "x", "due_at": "soon"}),
    }
    for field, (who, fields) in wrong.items():
        with pytest.raises(Invalid) as caught:
            await tasks.create(office.db, who, fields)
        assert list(caught.value.fields) == [field]
    with pytest.raises(Invalid, match="no such person"):
        await tasks.create(office.db, office.mia, {"title": "x", "due_at": due, "user": "zoe"})


async def test_tasks_come_the_most_urgent_first_in_pages(office):
    for hour in (3, 1, 2, 1):
        await tasks.create(office.db, office.alice, {"title": f"at {hour}", "due_at": f"2026-12-01T0{hour}:00:00Z"})
    found, cursor = [], None
    while True:
        page = await tasks.list_tasks(office.db, office.alice, 1, cursor)
        found += [task["title"] for task in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == ["at 1", "at 1", "at 2", "at 3"]


@pytest.mark.parametrize("filters", [{"kind": "x"}, {"done": "maybe"}, {"deal_id": "x"}, {"user": "alice"}])
async def test_task_filters_are_closed(office, filters):
    with pytest.raises(Invalid):
        await tasks.list_tasks(office.db, office.alice, filters=filters)


# ---- the list of calls


async def test_calls_come_in_pages_the_newest_on_top(office):
    made = []
    for i in range(5):
        call = Caller(f"+4860000000{i}", f"1.{i}", START + i // 2)
        made.append(call.call.id)
        await Intake(office.db).apply([call.rings("alice"), call.ends()])
    found, cursor = [], None
    while True:
        page = await calls.list_calls(office.db, office.alice, 2, cursor)
        found += [call["id"] for call in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(found) == sorted(made)
    times = [(await calls.get(office.db, office.alice, key))["started_at"] for key in found]
    assert times == sorted(times, reverse=True)
    assert (await calls.list_calls(office.db, office.charlie))["items"] == []


async def test_each_call_filter_narrows(office):
    one, two = Caller(NUMBER, "1.1"), Caller("+48609999999", "1.2", START + 100, "outbound", caller="bob")
    await Intake(office.db).apply([one.rings("alice"), one.ends(), two.answers("bob"), two.ends()])
    (deal,) = (await deals.list_deals(office.db, office.mia))["items"]
    expected = {
        ("direction", "inbound"): one,
        ("outcome", "answered"): two,
        ("number", "601 234 567"): one,
        ("did", "+48221000100"): one,
        ("user", "bob"): two,
        ("contact_id", deal["contact_id"]): one,
        ("deal_id", deal["id"]): one,
        ("since", "2026-11-18T11:07:00Z"): two,
        ("until", "2026-11-18T11:07:00Z"): one,
    }
    for (name, value), call in expected.items():
        found = (await calls.list_calls(office.db, office.mia, filters={name: value}))["items"]
        assert [view["id"] for view in found] == [call.call.id], name
    for wrong in ({"direction": "up"}, {"outcome": "x"}, {"number": "x"}, {"since": "x"}, {"x": "y"}):
        with pytest.raises(Invalid):
            await calls.list_calls(office.db, office.mia, filters=wrong)
    with pytest.raises(Invalid, match="cursor"):
        await calls.list_calls(office.db, office.mia, cursor="WzEsIDFd")


@pytest.mark.parametrize("key", ["", "x", "\x00", "x" * 200])
async def test_what_is_no_call_is_not_found(office, key):
    for attempt in (calls.get, calls.card, calls.make_deal):
        with pytest.raises(NotFound):
            await attempt(office.db, office.mia, key)


async def test_whoever_gets_the_deal_sees_its_calls(office):
    call = Caller(NUMBER)
    await Intake(office.db).apply([call.answers("alice"), call.ends()])
    (deal,) = (await deals.list_deals(office.db, office.mia))["items"]
    with pytest.raises(NotFound):
        await calls.get(office.db, office.charlie, call.call.id)
    await deals.change(office.db, office.mia, deal["id"], 1, {"owner": "charlie"})
    assert (await calls.get(office.db, office.charlie, call.call.id))["deal_id"] == deal["id"]
    # Alice talked with them: the call stays hers to see, the deal does not.
    assert (await calls.get(office.db, office.alice, call.call.id))["id"] == call.call.id
    with pytest.raises(NotFound):
        await deals.get(office.db, office.alice, deal["id"])
