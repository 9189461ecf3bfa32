"""A call that the PBX's record tells better than we saw it: the deal it made ends with the right owner."""

import json

import pytest

from pbxcrm.calls.model import Call, Evidence, Talk
from pbxcrm.crm.rules import Rules
from pbxcrm.service import deals, history, moves, tasks
from pbxcrm.service.history import Counts
from pbxcrm.service.intake import Intake
from tests.store.office import START, Caller, Office

pytestmark = pytest.mark.asyncio
NUMBER = "+48601000001"
DAY = 86_400.0
SEEN = Evidence(START, "snapshot", "seen when the link was back")


def told(*users: str, uid: str = "1.1", at: float = START, number: str = NUMBER) -> Call:
    """CEL's account: each of these talked for a minute, one after the other; missed where there is none."""
    talks = tuple(Talk(user, "PJSIP/1", at + 10 + 60 * n, at + 70 + 60 * n) for n, user in enumerate(users))
    return Call(
        pbx="pbx", boot="cel", uid=uid, linkedids=(), direction="inbound", number=number, caller_name=None,
        did="+48221000100", outcome="answered" if users else "missed", started_at=at,
        answered_at=at + 10 if users else None, ended_at=at + 10 + 60 * len(users), talk_seconds=60.0 * len(users),
        first_answered_by=users[0] if users else None, last_answered_by=users[-1] if users else None,
        rang=("alice", "bob"), talks=talks, transfers=(), evidence=(),
    )  # fmt: skip


async def followed(office: Office, *facts: object) -> None:
    await Intake(office.db).apply(facts)  # type: ignore[arg-type]


async def lost(office: Office, at: float = START) -> None:
    """A call that rang when the link went down, and was not there when it came back."""
    caller = Caller(NUMBER, uid="1.1", at=at)
    await followed(office, caller.rings("alice"), caller.ends("lost", at=at + 30))
    office.clock.now = START + 300


async def in_part(office: Office, user: str = "alice") -> None:
    """A call that we saw only after somebody had been talking for a while."""
    caller = Caller(NUMBER, uid="1.1", evidence=(SEEN,))
    await followed(office, caller.answers(user, at=START + 20), caller.ends(at=START + 60))
    office.clock.now = START + 300


async def mend(office: Office, *calls: Call) -> Counts:
    return await history.apply(office.db, calls, source="cel", rules=Rules())


async def owner(office: Office) -> str | None:
    (deal,) = (await deals.list_deals(office.db, office.mia))["items"]
    return str(deal["owner"]) if deal["owner"] else None


async def deal_id(office: Office) -> str:
    (deal,) = (await deals.list_deals(office.db, office.mia))["items"]
    return str(deal["id"])


async def journal(office: Office, after: int) -> list[tuple[str, str | None, dict[str, object]]]:
    rows = [row for row in await office.rows("journal") if row["id"] > after]
    return [(row["kind"], row["audience"], json.loads(row["data"])) for row in rows]


async def last(office: Office) -> int:
    return int((await office.rows("journal"))[-1]["id"])


@pytest.mark.parametrize("ago", [0.0, 3 * DAY])
async def test_the_deal_of_a_lost_call_goes_to_who_answered(office: Office, ago: float) -> None:
    await lost(office, START - ago)
    assert await owner(office) is None
    assert await mend(office, told("bob", at=START - ago)) == Counts(mended=1)
    assert await owner(office) == "bob"
    assert [row["done_by"] for row in await office.rows("tasks")] == [office.bob.user_id]
    assert await office.rows("disagreements") == []


async def test_a_lost_calls_deal_that_somebody_claimed_stays_theirs_and_the_manager_sees_it(office: Office) -> None:
    await lost(office)
    await deals.claim(office.db, office.charlie, await deal_id(office))
    await mend(office, told("bob"))
    assert await owner(office) == "charlie"
    (row,) = await office.rows("disagreements")
    assert row["fields"].split(",")[-1] == "owner"


async def test_what_a_manager_left_without_owner_stays_so(office: Office) -> None:
    await lost(office)
    key = await deal_id(office)
    await deals.claim(office.db, office.charlie, key)
    await deals.change(office.db, office.mia, key, 2, {"owner": None})
    await mend(office, told("bob"))
    assert await owner(office) is None
    assert len(await office.rows("disagreements")) == 1


async def test_a_title_that_somebody_wrote_does_not_keep_the_owner_away(office: Office) -> None:
    await lost(office)
    await deals.change(office.db, office.mia, await deal_id(office), 1, {"title": "Acme"})
    await mend(office, told("bob"))
    assert await owner(office) == "bob"


async def test_a_deal_that_the_call_gave_to_the_wrong_one_goes_to_the_first_who_talked(office: Office) -> None:
    await in_part(office)
    assert await owner(office) == "alice"
    before = await last(office)
    assert await mend(office, told("bob", "alice")) == Counts(mended=1)
    assert await owner(office) == "bob"
    assert await deals.list_deals(office.db, office.alice) == {"items": [], "next": None}
    said = await journal(office, before)
    gone = [audience for kind, audience, data in said if kind == "deal.changed" and data.get("gone")]
    assert gone == [f"=|{office.alice.user_id}|"]
    changed = [data for kind, _, data in said if kind == "deal.changed" and not data.get("gone")]
    assert [(data["owner"], data["before"]["owner"]) for data in changed] == [("bob", "alice")]  # type: ignore[index]
    notices = [(row["kind"], row["user_id"]) for row in await office.rows("tasks") if row["done_at"] is None]
    assert sorted(notices) == sorted([("look", office.alice.user_id), ("look", office.bob.user_id)])
    (item,) = [i for i in await deals.timeline(office.db, office.bob, await deal_id(office)) if i["kind"] == "call"]
    assert [e["text"] for e in item["call"]["evidence"] if e["event"] == "owner"] == [
        "the PBX's own record says who answered: the deal went from alice to bob"
    ]
    (contact,) = await office.rows("contacts")
    assert contact["owner_id"] == office.bob.user_id
    assert await office.rows("disagreements") == []
    totals = {row["owner_id"]: row["count"] for row in await office.rows("stage_totals") if row["count"]}
    assert totals == {office.bob.user_id: 1}
    was = await last(office)
    assert await mend(office, told("bob", "alice")) == Counts(same=1)
    assert await last(office) == was


async def note(office: Office, key: str) -> None:
    await deals.add_note(office.db, office.alice, key, "She wants a quote.")


async def title(office: Office, key: str) -> None:
    await deals.change(office.db, office.alice, key, 1, {"title": "Acme"})


async def move(office: Office, key: str) -> None:
    await moves.move(office.db, office.alice, key, office.stage["New"], 1)


@pytest.mark.parametrize("touch", [note, title, move])
async def test_a_deal_that_somebody_worked_on_keeps_its_owner_and_the_manager_sees_it(office: Office, touch) -> None:
    await in_part(office)
    await touch(office, await deal_id(office))
    tasks_before = await office.rows("tasks")
    await mend(office, told("bob", "alice"))
    assert await owner(office) == "alice"
    assert await office.rows("tasks") == tasks_before
    (row,) = await office.rows("disagreements")
    assert row["fields"].split(",")[-1] == "owner"
    assert json.loads(row["ours"])["first_answered_by"] == "alice"
    assert json.loads(row["theirs"])["first_answered_by"] == "bob"
    assert json.loads((await office.rows("calls"))[0]["data"])["first_answered_by"] == "bob"


async def test_another_calls_deal_keeps_its_owner(office: Office) -> None:
    first = Caller(NUMBER, uid="0.1", at=START - 500)
    await followed(office, first.answers("alice", at=START - 490), first.ends(at=START - 400))
    await in_part(office)
    await mend(office, told("bob", "alice"))
    assert await owner(office) == "alice"
    assert await office.rows("disagreements") == []


async def test_the_operator_passes_it_on_as_live(office: Office) -> None:
    await in_part(office)
    await mend(office, told("olga", "bob"))
    assert await owner(office) == "bob"


@pytest.mark.parametrize("seen", ["lost", "part"])
async def test_a_missed_call_asks_for_one_call_back_however_often_it_is_told(office: Office, seen: str) -> None:
    if seen == "lost":
        await lost(office)
    else:
        caller = Caller(NUMBER, uid="1.1", evidence=(SEEN,))
        await followed(office, caller.rings("alice"), caller.ends(at=START + 30))
        office.clock.now = START + 300
    assert await mend(office, told()) == Counts(mended=1)
    assert [(row["kind"], row["times"], row["done_at"]) for row in await office.rows("tasks")] == [
        ("callback", 1, None)
    ]
    assert len(await office.rows("deals")) == 1


async def test_a_call_back_that_was_done_is_not_asked_for_again(office: Office) -> None:
    await lost(office)
    (task,) = await office.rows("tasks")
    await tasks.done(office.db, office.alice, str(task["id"]))
    await mend(office, told())
    assert [row["done_at"] is None for row in await office.rows("tasks")] == [False]


async def test_a_missed_call_that_nobody_saw_asks_for_a_call_back_as_if_seen_live(office: Office) -> None:
    office.clock.now = START + 300
    assert await mend(office, told()) == Counts(new=1)
    (task,) = await office.rows("tasks")
    caller = Caller(NUMBER, uid="2.1", at=START)
    (row,) = await office.rows("tasks")
    assert (row["kind"], row["number"], row["times"]) == ("callback", NUMBER, 1)
    assert task["due_at"] == task["created_at"] + Rules().callback_within
    await followed(office, caller.answers("bob", at=START + 400))
    assert [row["done_by"] for row in await office.rows("tasks")] == [office.bob.user_id]


@pytest.mark.parametrize(("later", "waits"), [("missed", True), ("answered", False)])
async def test_a_call_missed_after_the_one_that_is_mended_still_waits_for_a_call_back(
    office: Office, later: str, waits: bool
) -> None:
    """Bob answered the lost call; the next was missed: that he talked before is no call back."""
    await lost(office)
    again = Caller(NUMBER, uid="2.2", at=START + 100)
    ends = again.ends("missed", at=START + 130) if later == "missed" else again.ends(at=START + 130)
    await followed(office, *([again.answers("alice")] if later == "answered" else []), ends)
    assert await mend(office, told("bob")) == Counts(mended=1)
    (task,) = [row for row in await office.rows("tasks") if row["kind"] == "callback"]
    assert (task["done_at"] is None) == waits
