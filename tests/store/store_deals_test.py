"""Deals: who sees and moves which, totals and history that always agree with the rows, conflicts that name who."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from pbxcrm.crm.access import Scope
from pbxcrm.service import contacts, deals, moves, tasks
from pbxcrm.service.errors import Conflict, Invalid, NotFound, ServiceError
from pbxcrm.service.intake import Intake
from pbxcrm.store import journal, schema
from pbxcrm.store.db import Database
from tests.store.mirror import Pages
from tests.store.office import START, Caller, Clock, Office, settle

pytestmark = pytest.mark.asyncio


async def make(office: Office, who: Scope, **fields: object) -> dict:
    return await deals.create(office.db, who, {"title": "Roof", "value": "100", **fields})


async def heard(office: Office, who: Scope) -> list[tuple[str, dict]]:
    rows = await office.db.reading(lambda conn: journal.after(conn, who, 0, 10_000))
    return [(row["kind"], row["data"]) for row in rows]


def carried(deal: dict) -> dict:
    """As boards and the journal carry it: the house's own fields are read with the deal alone."""
    return {name: value for name, value in deal.items() if name != "custom"}


# ---- who sees what


async def test_a_sellers_deal_is_theirs_alone_and_the_managers(office):
    deal = await make(office, office.alice)
    db, key = office.db, deal["id"]
    for who in (office.alice, office.mia):
        assert await deals.get(db, who, key) == deal
        assert (await deals.list_deals(db, who))["items"] == [deal]
        (column,) = [c for c in (await deals.board(db, who))["stages"] if c["name"] == "New"]
        assert (column["deals"], column["count"], column["value"]) == ([carried(deal)], 1, "100.00")
    for who in (office.bob, office.charlie):
        attempts = [
            lambda who=who: deals.get(db, who, key),
            lambda who=who: deals.change(db, who, key, 1, {"title": "mine"}),
            lambda who=who: deals.change(db, who, key, 99, {"title": "mine"}),
            lambda who=who: moves.move(db, who, key, office.stage["Won"], 1),
            lambda who=who: deals.claim(db, who, key),
            lambda who=who: deals.timeline(db, who, key),
            lambda who=who: deals.add_note(db, who, key, "hello"),
        ]
        for attempt in attempts:
            with pytest.raises(NotFound):
                await attempt()
        assert (await deals.list_deals(db, who))["items"] == []
        assert (await deals.list_deals(db, who, filters={"owner": "alice"}))["items"] == []
        (column,) = [c for c in (await deals.board(db, who))["stages"] if c["name"] == "New"]
        assert (column["deals"], column["count"], column["value"]) == ([], 0, "0.00")
        assert [row for row in await heard(office, who) if row[0].startswith("deal.")] == []
    assert await deals.get(db, office.alice, key) == deal


@pytest.mark.parametrize("key", ["0", "x", "", "9" * 40, None, True, "1\x00", "-1", "99999"])
async def test_what_is_no_deal_is_not_found(office, key):
    with pytest.raises(NotFound):
        await deals.get(office.db, office.mia, key)


async def test_a_deal_of_nobody_is_claimed_by_its_team_and_once(office):
    call = Caller("+48601234567", did="+48221000200")
    await Intake(office.db).apply([call.rings("alice"), call.ends()])
    (deal,) = (await deals.unclaimed(office.db, office.alice))["items"]
    assert (deal["owner"], deal["source"]) == (None, "fair")
    for who in (office.alice, office.bob):
        with pytest.raises(NotFound):
            await deals.get(office.db, who, deal["id"])
    assert (await deals.unclaimed(office.db, office.charlie))["items"] == []
    with pytest.raises(NotFound):
        await deals.claim(office.db, office.charlie, deal["id"])
    claimed = await deals.claim(office.db, office.alice, deal["id"])
    assert (claimed["owner"], claimed["version"]) == ("alice", 2)
    assert await deals.claim(office.db, office.alice, deal["id"]) == claimed
    with pytest.raises(NotFound):
        await deals.claim(office.db, office.bob, deal["id"])
    with pytest.raises(Conflict, match="alice owns this deal already") as caught:
        await deals.claim(office.db, office.mia, deal["id"])
    assert (caught.value.by, caught.value.current) == ("alice", claimed)
    assert (await deals.unclaimed(office.db, office.bob))["items"] == []
    (task,) = (await tasks.list_tasks(office.db, office.alice))["items"]
    assert (task["kind"], task["user"], task["deal_id"]) == ("callback", "alice", deal["id"])
    assert (await tasks.list_tasks(office.db, office.bob))["items"] == []
    # Bob, who had it on his list, hears that it is no longer there for him.
    assert [data["user"] for kind, data in await heard(office, office.bob) if kind == "task.due"] == [None, "alice"]


async def test_a_deal_without_a_team_is_anybodys_to_claim(office):
    deal = await make(office, office.mia, owner=None)
    assert [d["id"] for d in (await deals.unclaimed(office.db, office.charlie))["items"]] == [deal["id"]]
    assert (await deals.claim(office.db, office.charlie, deal["id"]))["owner"] == "charlie"


# ---- creating


async def test_a_new_deal_starts_in_the_first_stage_that_is_not_for_calls(office):
    deal = await make(office, office.alice, number="601 234 567", source="fair", priority=1, note="soon")
    assert (deal["stage"], deal["owner"], deal["currency"], deal["number"], deal["source"], deal["version"]) == (
        office.stage["New"], "alice", "EUR", "+48601234567", "fair", 1,
    )  # fmt: skip
    assert (deal["created_at"], deal["stage_since"]) == ("2026-11-18T11:06:40.000Z",) * 2
    (contact,) = await office.rows("contacts")
    assert (deal["contact_id"], contact["owner_id"]) == (str(contact["id"]), office.alice.user_id)
    again = await make(office, office.alice, number="+48601234567")
    assert again["contact_id"] == deal["contact_id"]
    # Bob may not see Alice's contact: his deal gets one of its own, and he learns nothing of hers.
    other = await make(office, office.bob, number="+48601234567")
    assert other["contact_id"] != deal["contact_id"]


async def test_it_may_start_anywhere_but_lost(office):
    won = await make(office, office.alice, stage=office.stage["Won"])
    assert (won["stage_name"], won["closed_at"]) == ("Won", won["created_at"])
    with pytest.raises(Invalid, match="stage"):
        await make(office, office.alice, stage=office.stage["Lost"])
    with pytest.raises(Invalid, match="no such stage"):
        await make(office, office.alice, stage="999")


async def test_owners_are_given_by_managers(office):
    assert (await make(office, office.mia, owner="alice"))["owner"] == "alice"
    assert (await make(office, office.mia))["owner"] == "mia"
    assert (await make(office, office.alice, owner="alice"))["owner"] == "alice"
    for who, owner in ((office.alice, "bob"), (office.alice, None), (office.mia, "zoe")):
        with pytest.raises(Invalid) as caught:
            await make(office, who, owner=owner)
        assert list(caught.value.fields) == ["owner"]


async def test_a_contact_gives_its_number(office):
    contact = await contacts.create(office.db, office.alice, {"name": "Ann", "numbers": ["601234567"]})
    deal = await make(office, office.alice, contact_id=contact["id"])
    assert (deal["number"], deal["contact_name"]) == ("+48601234567", "Ann")
    with pytest.raises(Invalid, match="no such contact"):
        await make(office, office.bob, contact_id=contact["id"])


async def test_a_title_is_needed_unless_there_is_a_number(office):
    assert (await deals.create(office.db, office.alice, {"number": "601234567"}))["title"] == "+48601234567"
    with pytest.raises(Invalid, match="title: This is needed"):
        await deals.create(office.db, office.alice, {})
    assert len(await office.rows("deals")) == 1


# ---- changing


async def test_a_change_counts_the_version_and_tells_what_was(office):
    deal = await make(office, office.alice)
    office.clock.now += 60
    changed = await deals.change(office.db, office.alice, deal["id"], 1, {"value": "150.50", "title": "Roof, red"})
    assert (changed["value"], changed["title"], changed["version"]) == ("150.50", "Roof, red", 2)
    kind, data = (await heard(office, office.alice))[-1]
    before = {"stage": deal["stage"], "owner": "alice", "value": "100.00", "currency": "EUR"}
    assert (kind, data) == ("deal.changed", {**carried(changed), "before": before, "by": "alice"})
    assert await deals.get(office.db, office.alice, deal["id"]) == changed


async def test_a_change_that_changes_nothing_writes_nothing(office):
    deal = await make(office, office.alice)
    rows = await office.rows("journal")
    assert await deals.change(office.db, office.alice, deal["id"], 1, {"value": "100.00"}) == deal
    assert await deals.change(office.db, office.alice, deal["id"], 1, {}) == deal
    assert await moves.move(office.db, office.alice, deal["id"], deal["stage"], 1) == deal
    assert await office.rows("journal") == rows


async def test_a_conflict_says_who_and_what(office):
    deal = await make(office, office.alice)
    moved = await moves.move(office.db, office.mia, deal["id"], office.stage["Offer"], 1)
    with pytest.raises(Conflict, match="mia moved this deal to Offer meanwhile") as caught:
        await moves.move(office.db, office.alice, deal["id"], office.stage["Won"], 1)
    assert (caught.value.by, caught.value.current) == ("mia", moved)
    changed = await deals.change(office.db, office.mia, deal["id"], 2, {"value": "1"})
    with pytest.raises(Conflict, match="mia changed this deal meanwhile") as caught:
        await deals.change(office.db, office.alice, deal["id"], 2, {"title": "x"})
    assert (caught.value.by, caught.value.current) == ("mia", changed)
    assert await deals.get(office.db, office.alice, deal["id"]) == changed


async def test_a_conflict_with_a_call_says_so(office):
    deal = await make(office, office.mia, owner=None, number="+48601234567")
    call = Caller("+48601234567")
    await Intake(office.db).apply([call.rings("bob"), call.answers("bob")])
    with pytest.raises(Conflict, match="A call changed this deal meanwhile") as caught:
        await deals.change(office.db, office.mia, deal["id"], 1, {"title": "x"})
    assert (caught.value.by, caught.value.current["owner"]) == (None, "bob")


async def test_what_may_not_be_changed(office):
    deal = await make(office, office.alice)
    wrong = {
        "stage": {"stage": office.stage["Won"]},
        "owner": {"owner": "bob"},
        "currency": {"currency": "USD"},
        "version": {"version": 7},
        "contact_id": {"contact_id": "999"},
    }
    for field, fields in wrong.items():
        with pytest.raises(Invalid) as caught:
            await deals.change(office.db, office.alice, deal["id"], 1, fields)
        assert list(caught.value.fields) == [field]
    usd = await deals.change(office.db, office.alice, deal["id"], 1, {"currency": "USD", "value": "5"})
    assert (usd["currency"], usd["value"]) == ("USD", "5.00")
    assert (await deals.board(office.db, office.alice))["stages"][1]["other"] == {"USD": "5.00"}
    assert (await deals.board(office.db, office.alice))["stages"][1]["value"] == "0.00"


async def test_a_new_owner_sees_it_and_the_old_one_hears_that_it_is_gone(office):
    deal = await make(office, office.alice)
    todo = {"title": "Write", "due_at": "2027-01-01T00:00:00Z", "deal_id": deal["id"]}
    await tasks.create(office.db, office.alice, todo)
    given_ = await deals.change(office.db, office.mia, deal["id"], 1, {"owner": "bob"})
    before = {"stage": deal["stage"], "owner": "alice", "value": "100.00", "currency": "EUR"}
    deal_rows = [row for row in await heard(office, office.alice) if row[0].startswith("deal.")]
    assert deal_rows[-1] == ("deal.changed", {"id": deal["id"], "gone": True, "before": before})
    assert [row for row in await heard(office, office.bob) if row[0] == "deal.changed"] == [
        ("deal.changed", {**carried(given_), "before": before, "by": "mia"})
    ]
    assert not any(data.get("gone") for _, data in await heard(office, office.mia))
    assert [t["title"] for t in (await tasks.list_tasks(office.db, office.bob))["items"]] == ["Write"]
    assert (await tasks.list_tasks(office.db, office.alice))["items"] == []


# ---- moving


async def test_lost_asks_why(office):
    deal = await make(office, office.alice)
    with pytest.raises(Invalid) as caught:
        await moves.move(office.db, office.alice, deal["id"], office.stage["Lost"], 1)
    assert list(caught.value.fields) == ["reason"]
    with pytest.raises(Invalid):
        await moves.move(office.db, office.alice, deal["id"], office.stage["Lost"], 1, "  ")
    office.clock.now += 60
    lost = await moves.move(office.db, office.alice, deal["id"], office.stage["Lost"], 1, "too dear")
    assert (lost["stage_name"], lost["close_reason"]) == ("Lost", "too dear")
    assert lost["closed_at"] == lost["stage_since"] == "2026-11-18T11:07:40.000Z"
    back = await moves.move(office.db, office.alice, deal["id"], office.stage["Offer"], 2)
    assert (back["closed_at"], back["close_reason"]) == (None, "")
    won = await moves.move(office.db, office.alice, deal["id"], office.stage["Won"], 3)
    assert (won["stage_kind"], won["closed_at"]) == ("won", won["stage_since"])


@pytest.mark.parametrize("stage", ["999", "x", None, ""])
async def test_a_stage_that_is_none(office, stage):
    deal = await make(office, office.alice)
    with pytest.raises(Invalid, match="stage"):
        await moves.move(office.db, office.alice, deal["id"], stage, 1)


async def test_the_history_has_a_row_for_every_stage_entered_the_first_included(office):
    deal = await make(office, office.alice)
    office.clock.now += 10
    await deals.change(office.db, office.alice, deal["id"], 1, {"value": "200"})
    await moves.move(office.db, office.mia, deal["id"], office.stage["Offer"], 2)
    office.clock.now += 10
    await moves.move(office.db, office.alice, deal["id"], office.stage["Lost"], 3, "too dear")
    rows = [
        (row["from_stage_id"], row["stage_id"], row["at"], row["user_id"], row["owner_id"], row["value"], row["reason"])
        for row in await office.rows("stage_history")
    ]
    new, offer, lost = (int(office.stage[name]) for name in ("New", "Offer", "Lost"))
    alice, mia = office.alice.user_id, office.mia.user_id
    assert rows == [
        (None, new, START, alice, alice, 10000, ""),
        (new, offer, START + 10, mia, alice, 20000, ""),
        (offer, lost, START + 20, alice, alice, 20000, "too dear"),
    ]
    stages = [item for item in await deals.timeline(office.db, office.alice, deal["id"]) if item["kind"] == "stage"]
    assert [(i["from_name"], i["to_name"], i["by"], i["reason"], i["value"]) for i in stages] == [
        ("Offer", "Lost", "alice", "too dear", "200.00"),
        ("New", "Offer", "mia", "", "200.00"),
        (None, "New", "alice", "", "100.00"),
    ]


async def test_notes_are_on_the_timeline(office):
    deal = await make(office, office.alice)
    office.clock.now += 5
    note = await deals.add_note(office.db, office.alice, deal["id"], "Likes red")
    assert (await deals.timeline(office.db, office.alice, deal["id"]))[0] == note
    assert (await heard(office, office.alice))[-1] == ("note.added", {**note, "deal_id": deal["id"]})
    with pytest.raises(Invalid, match="text"):
        await deals.add_note(office.db, office.alice, deal["id"], " ")


# ---- pages


async def test_a_column_is_read_in_pages_newest_on_top_without_gap_or_double(office):
    made = []
    for i in range(7):
        office.clock.now += i % 2  # pairs of the same age
        made.append((await make(office, office.alice, title=f"d{i}"))["id"])
    board = await deals.board(office.db, office.alice, per_column=3)
    column = next(c for c in board["stages"] if c["name"] == "New")
    found = [d["id"] for d in column["deals"]]
    assert (column["count"], column["value"], len(found)) == (7, "700.00", 3)
    after = column["next"]
    await make(office, office.alice, title="newer")
    while after:
        page = await deals.column(office.db, office.alice, column["id"], after, 2)
        found += [d["id"] for d in page["items"]]
        after = page["next"]
    assert found == made[::-1]
    listed, after = [], None
    while True:
        page = await deals.list_deals(office.db, office.alice, 2, after)
        listed += [d["title"] for d in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert listed == ["newer", *[f"d{i}" for i in range(6, -1, -1)]]


@pytest.mark.parametrize(
    "cursor", ["x", "////", "bnVsbA", "WzFd", "WzEsICJ4Il0", "W251bGwsIDFd", "WzEsIDFlOTk5XQ", "é"]
)
async def test_a_cursor_that_is_none_of_ours(office, cursor):
    with pytest.raises(Invalid, match="cursor"):
        await deals.list_deals(office.db, office.alice, 2, cursor)


async def test_limits_and_filters_are_closed(office):
    for limit in (0, -1, 201):
        with pytest.raises(Invalid, match="limit"):
            await deals.list_deals(office.db, office.alice, limit)
    for filters in ({"x": "1"}, {"open": "maybe"}, {"stage": "x"}):
        with pytest.raises(Invalid):
            await deals.list_deals(office.db, office.alice, filters=filters)
    with pytest.raises(NotFound):
        await deals.column(office.db, office.alice, "999")
    with pytest.raises(NotFound):
        await deals.board(office.db, office.alice, "999")


async def test_each_filter_narrows(office):
    one = await make(office, office.alice, number="601234567", source="fair")
    two = await make(office, office.mia, owner="bob", stage=office.stage["Won"])
    expected = {
        ("stage", office.stage["Won"]): [two],
        ("owner", "alice"): [one],
        ("open", "true"): [one],
        ("open", False): [two],
        ("contact_id", one["contact_id"]): [one],
        ("number", "+48601234567"): [one],
        ("source", "fair"): [one],
        ("source", "'; DROP TABLE deals; --"): [],
    }
    for (name, value), found in expected.items():
        assert (await deals.list_deals(office.db, office.mia, filters={name: value}))["items"] == found


async def test_the_board_names_the_journal_id_it_is_true_at(office):
    await make(office, office.alice)
    rows = await office.rows("journal")
    board = await deals.board(office.db, office.alice)
    assert board["as_of"] == rows[-1]["id"]
    assert (board["pipeline"]["name"], board["currency"]) == ("Sales", "EUR")
    assert board["stages"][0]["kind"] == "unsorted"
    assert board == await deals.board(office.db, office.alice, board["pipeline"]["id"])


# ---- totals


def counted(conn) -> dict:
    d = schema.deals.c
    keys = (d.stage_id, d.owner_id, d.currency)
    rows = conn.execute(select(*keys, func.count(), func.sum(d.value)).group_by(*keys))
    return {(row[0], row[1] or 0, row[2]): (int(row[3]), int(row[4])) for row in rows}


def kept(conn) -> dict:
    rows = conn.execute(select(schema.stage_totals)).mappings()
    sums = {(r["stage_id"], r["owner_id"], r["currency"]): (r["count"], r["value"]) for r in rows}
    return {key: value for key, value in sums.items() if value != (0, 0)}


STAGES = ["Unsorted", "New", "Qualified", "Offer", "Negotiation", "Won", "Lost"]
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.sampled_from(STAGES), st.integers(0, 10**6), st.sampled_from(["EUR", "JPY"])),
        st.tuples(st.just("move"), st.integers(0, 5), st.sampled_from(STAGES)),
        st.tuples(st.just("value"), st.integers(0, 5), st.integers(0, 10**6), st.sampled_from(["EUR", "USD"])),
        st.tuples(st.just("owner"), st.integers(0, 5), st.sampled_from(["alice", "bob", None])),
        st.tuples(st.just("claim"), st.integers(0, 5)),
        st.tuples(st.just("call"), st.integers(0, 3), st.sampled_from(["alice", "bob", None]), st.booleans()),
    ),
    max_size=12,
)


# Shrinking would take minutes: each example has a database of its own.
@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations=OPERATIONS)
async def test_totals_are_what_counting_would_give_and_pages_agree(new_url, operations):
    clock = Clock()
    db = Database(new_url(), clock)
    office = await settle(db, clock)
    pages = await Pages.open(office)
    for number, operation in enumerate(operations):
        await operate(office, number, operation)
        assert await db.reading(kept) == await db.reading(counted)
        await pages.agree()
    await db.close()


async def operate(office: Office, i: int, operation: tuple) -> None:
    """One random thing; what the rules refuse is refused, and must leave no trace in the totals either."""
    kind, *values = operation
    known = (await deals.list_deals(office.db, office.mia, 6))["items"]
    deal = known[values[0] % len(known)] if known and kind not in ("create", "call") else None
    try:
        if kind == "create":
            stage, value, currency = values
            fields = {
                "title": "x",
                "stage": office.stage[stage],
                "value": value,
                "currency": currency,
                "owner": "alice",
            }
            await deals.create(office.db, office.mia, fields)
        elif kind == "call":
            number, user, answered = values
            call = Caller(f"+4860000000{number}", f"1.{i}", office.clock.now)
            facts = [call.rings("alice"), *([call.answers(user), call.passes("bob")] if answered else []), call.ends()]
            await Intake(office.db).apply(facts)
        elif deal is None:
            return
        elif kind == "move":
            await moves.move(office.db, office.mia, deal["id"], office.stage[values[1]], deal["version"], "why")
        elif kind == "value":
            fields = {"value": values[1], "currency": values[2]}
            await deals.change(office.db, office.mia, deal["id"], deal["version"], fields)
        elif kind == "owner":
            await deals.change(office.db, office.mia, deal["id"], deal["version"], {"owner": values[1]})
        else:
            await deals.claim(office.db, office.bob, deal["id"])
    except ServiceError:
        pass
