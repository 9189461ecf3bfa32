"""Calls of the past into the CRM: each once, whatever was known of it before, in whatever order it comes."""

import dataclasses
import json
import random
import time
from pathlib import Path

import pytest

from pbxcrm.calls.model import Call, Talk
from pbxcrm.crm.rules import Rules
from pbxcrm.service import history
from pbxcrm.service.history import Counts
from pbxcrm.service.intake import Intake
from pbxcrm.store.db import Database
from tests.store.office import START, Caller, Office

pytestmark = pytest.mark.asyncio
DAY = 86_400.0
KNOWN = ("calls", "contacts", "contact_numbers", "call_people", "tasks", "deals", "disagreements", "witness_totals")


def past(
    number: str | None = "+48601000001",
    user: str | None = "alice",
    *,
    ago: float = 30 * DAY,
    uid: str = "",
    **more: object,
) -> Call:
    """A call as CDR tells of it, so long before now: 10 s of ringing, 60 s of talk, or missed (user None)."""
    at, last = START - ago, (number or "0")[-4:]
    talks = (Talk(user, "PJSIP/101", at + 10, at + 70),) if user else ()
    call = Call(
        pbx="pbx", boot=f"cdr-{int(at // 3600)}", uid=uid or f"{at:.0f}.{last}", linkedids=(), direction="inbound",
        number=number, caller_name=None, did="+48221000100", outcome="answered" if user else "missed", started_at=at,
        answered_at=at + 10 if user else None, ended_at=at + 70, talk_seconds=60.0 if user else 0.0,
        first_answered_by=user, last_answered_by=user, rang=("alice", "bob"), talks=talks, transfers=(), evidence=(),
    )  # fmt: skip
    return dataclasses.replace(call, **more)  # type: ignore[arg-type]


async def put(office: Office, *calls: Call, source: str = "cdr", rules: Rules | None = None) -> Counts:
    return await history.apply(office.db, calls, source=source, rules=rules or Rules())  # type: ignore[arg-type]


async def everything(office: Office) -> dict[str, list[dict[str, object]]]:
    return {table: await office.rows(table) for table in (*KNOWN, "journal")}


async def test_old_calls_fill_contacts_calls_and_people(office: Office) -> None:
    first, second = past(ago=40 * DAY, caller_name="Ann"), past(ago=39 * DAY, user="bob")
    assert await put(office, second, first) == Counts(new=2)
    (contact,) = await office.rows("contacts")
    assert (contact["name"], contact["source"], contact["last_talk_by"]) == ("Ann", "website", "bob")
    assert contact["created_at"] == first.started_at
    stored = {row["id"]: row for row in await office.rows("calls")}
    assert set(stored) == {first.id, second.id}
    row = stored[first.id]
    assert (row["outcome"], row["contact_id"], row["deal_id"], row["origin"]) == (
        "answered",
        contact["id"],
        None,
        "cdr",
    )
    assert json.loads(row["data"])["contact_id"] == str(contact["id"])
    assert {row["user_id"] for row in await office.rows("call_people")} == {office.alice.user_id, office.bob.user_id}
    assert await office.rows("deals") == []
    assert await office.rows("tasks") == []


async def test_one_journal_row_a_batch_and_none_when_nothing_is_new(office: Office) -> None:
    calls = [past(f"+4860100{n:04}", "alice" if n % 3 else None, ago=DAY * (2 + n / 100)) for n in range(100)]
    before = len(await office.rows("journal"))
    assert (await put(office, *calls)).new == 100
    rows = (await office.rows("journal"))[before:]
    assert [row["kind"] for row in rows] == ["history.imported"]
    assert json.loads(rows[0]["data"])["new"] == 100
    was = await everything(office)
    assert await put(office, *calls) == Counts(same=100)
    assert await everything(office) == was


@pytest.mark.parametrize("ago", [30 * DAY, 3600.0])
async def test_the_recording_that_a_call_names_is_found_once_it_is_there(
    office: Office, tmp_path: Path, ago: float
) -> None:
    async def files() -> list[object]:
        return [row["recording"] for row in await office.rows("calls")]

    async def tell(monitor: Path | None, *calls: Call) -> Counts:
        return await history.apply(office.db, calls, source="cdr", rules=Rules(), monitor=monitor)

    day = time.strftime("%Y/%m/%d", time.gmtime(START - ago))
    call = past(ago=ago, recording="in-7.wav")
    monitor = tmp_path / "monitor"
    (monitor / day).mkdir(parents=True)
    assert await tell(monitor, call) == Counts(new=1)
    assert await files() == [None]
    (monitor / day / "in-7.wav").touch()
    assert await tell(None, call) == Counts(same=1)
    assert await files() == [None]
    other = past("+48601000009", ago=ago, recording=f"/var/spool/asterisk/monitor/{day}/in-7.wav")
    assert await tell(monitor, call, other) == Counts(new=1, same=1)
    assert await files() == [f"{day}/in-7.wav"] * 2
    *_, said = [json.loads(row["data"]) for row in await office.rows("journal") if row["kind"] == "history.imported"]
    assert said["recorded"] == 2
    was = await everything(office)
    assert await tell(monitor, call, other) == Counts(same=2)
    assert await everything(office) == was


async def test_any_order_of_batches_gives_the_same(office: Office, new_url, clock) -> None:
    from tests.store.office import settle

    rng = random.Random(7)
    calls = [
        past(f"+4860100{rng.randrange(20):04}", rng.choice(["alice", "bob", None, None]),
             ago=rng.random() * 60 * DAY + 2 * DAY, uid=f"{n}.1")
        for n in range(200)
    ]  # fmt: skip
    await put(office, *sorted(calls, key=lambda call: call.started_at))
    other = Database(new_url(), clock, "PL")
    mixed = await settle(other, clock)
    rng.shuffle(calls)
    for i in range(0, 200, 30):
        await put(mixed, *calls[i : i + 30])
        await put(mixed, *calls[max(0, i - 10) : i + 5])

    async def state(o: Office) -> object:
        numbers = {row["contact_id"]: row["number"] for row in await o.rows("contact_numbers")}
        contacts = {numbers[r["id"]]: (r["last_talk_at"], r["last_talk_by"]) for r in await o.rows("contacts")}
        calls = {r["uid"]: (r["outcome"], r["started_at"], numbers[r["contact_id"]]) for r in await o.rows("calls")}
        waiting = sorted(r["number"] for r in await o.rows("tasks") if r["done_at"] is None)
        return contacts, calls, waiting, len(await o.rows("call_people"))

    assert await state(mixed) == await state(office)
    await other.close()


async def test_missed_lately_and_never_called_back_is_to_be_called_back(office: Office) -> None:
    await put(
        office,
        past("+48601000001", None, ago=3 * DAY),
        past("+48601000001", None, ago=2 * DAY),
        past("+48601000002", None, ago=3 * DAY),
        past("+48601000002", "bob", ago=2 * DAY, direction="outbound", rang=(), did=None),  # called back
        past("+48601000003", None, ago=20 * DAY),  # too long ago
        past("+48601000004", "alice", ago=3 * DAY),
        past(None, None, ago=3 * DAY, uid="5.5"),
    )
    waiting = [row for row in await office.rows("tasks") if row["done_at"] is None]
    assert [(row["kind"], row["number"], row["times"]) for row in waiting] == [("callback", "+48601000001", 2)]


async def test_a_talk_found_later_closes_the_call_back(office: Office) -> None:
    await put(office, past("+48601000001", None, ago=3 * DAY))
    await put(office, past("+48601000001", "bob", ago=4 * DAY))  # before it was missed
    assert [row["done_at"] for row in await office.rows("tasks")] == [None]
    await put(office, past("+48601000001", "bob", ago=2 * DAY))
    assert [row["done_by"] for row in await office.rows("tasks")] == [office.bob.user_id]


async def test_a_call_that_was_followed_is_not_stored_twice(office: Office) -> None:
    caller = Caller("+48601000001", uid="1795000000.1")
    await Intake(office.db).apply([caller.rings("alice"), caller.answers("alice"), caller.ends(at=START + 60)])
    told = past(ago=0, uid="1795000000.1", talk_seconds=58.0)
    office.clock.now = START + 200
    assert await put(office, told) == Counts(same=1)
    (row,) = await office.rows("calls")
    assert (row["origin"], row["witness"], row["boot"]) == ("ami", "cdr", "b1")
    assert {row["key"]: row["count"] for row in await office.rows("witness_totals")} == {"agreed": 1}
    was = await everything(office)
    assert await put(office, told) == Counts(same=1)
    assert await everything(office) == was


async def test_where_the_witnesses_differ_both_accounts_are_kept_and_ours_is_shown(office: Office) -> None:
    caller = Caller("+48601000001", uid="1795000000.1")
    await Intake(office.db).apply([caller.answers("alice"), caller.ends(at=START + 60)])
    told = past(ago=0, user="bob", uid="1795000000.1", talk_seconds=58.0)
    assert await put(office, told) == Counts(disagreeing=1)
    (row,) = await office.rows("disagreements")
    assert (row["fields"], row["source"], row["seen_at"]) == ("first_answered_by,last_answered_by", "cdr", None)
    assert json.loads(row["ours"])["last_answered_by"] == "alice"
    assert json.loads(row["theirs"])["last_answered_by"] == "bob"
    assert (await office.rows("calls"))[0]["last_answered_by"] == "alice"
    sums = {row["key"]: row["count"] for row in await office.rows("witness_totals")}
    assert sums == {"disagreed": 1, "first_answered_by": 1, "last_answered_by": 1}
    was = await everything(office)
    assert await put(office, told) == Counts(same=1)
    assert await everything(office) == was


@pytest.mark.parametrize("ago", [0.0, 30 * DAY])
async def test_a_lost_call_is_mended(office: Office, ago: float) -> None:
    at = START - ago
    caller = Caller("+48601000001", uid="1.1", at=at)
    await Intake(office.db).apply([caller.rings("alice"), caller.ends("lost", at=at + 30)])
    assert [row["done_at"] for row in await office.rows("tasks")] == [None]
    office.clock.now = START + 300
    assert await put(office, past(ago=ago, user="bob", uid="1.1"), source="cel") == Counts(mended=1)
    (row,) = await office.rows("calls")
    assert (row["outcome"], row["last_answered_by"], row["origin"], row["boot"]) == ("answered", "bob", "cel", "b1")
    assert json.loads(row["data"])["outcome"] == "answered"
    assert [row for row in await office.rows("tasks") if row["done_at"] is None] == []
    assert {row["user_id"] for row in await office.rows("call_people")} == {office.alice.user_id, office.bob.user_id}
    assert await put(office, past(ago=ago, user="bob", uid="1.1"), source="cel") == Counts(same=1)
    (deal,) = await office.rows("deals")
    assert deal["owner_id"] == office.bob.user_id


async def test_who_answered_first_while_nobody_looked_is_told_by_the_pbx(office: Office) -> None:
    caller = Caller("+48601000001", uid="1.1", first_answered_by=None)
    answered = caller.answers("bob")
    unseen = dataclasses.replace(answered.call, first_answered_by=None)
    caller.call = unseen
    await Intake(office.db).apply([dataclasses.replace(answered, call=unseen), caller.ends()])
    office.clock.now = START + 300
    assert await put(office, past(ago=0, user="bob", uid="1.1"), source="cel") == Counts(mended=1)
    (row,) = await office.rows("calls")
    assert (row["outcome"], row["first_answered_by"], row["origin"]) == ("answered", "bob", "cel")


async def test_a_call_that_goes_on_is_left_alone_until_its_end_was_missed(office: Office) -> None:
    caller = Caller("+48601000001", uid="1.1")
    await Intake(office.db).apply([caller.answers("alice")])
    told = past(ago=0, uid="1.1")
    office.clock.now = told.ended_at + 5
    assert await put(office, told, source="cel") == Counts(same=1)
    office.clock.now = told.ended_at + 500
    assert await put(office, told, source="cel") == Counts(mended=1)
    assert [row["ended_at"] for row in await office.rows("calls")] == [told.ended_at]


async def test_cdr_ends_no_call_that_goes_on(office: Office) -> None:
    """Its first leg was written, at a transfer, long ago: the customer may talk with the next one yet."""
    caller = Caller("+48601000001", uid="1.1")
    await Intake(office.db).apply([caller.answers("alice")])
    told = past(ago=0, uid="1.1")
    office.clock.now = told.ended_at + 500
    assert await put(office, told) == Counts(same=1)
    await Intake(office.db).apply([caller.ends(at=told.ended_at + 600)])
    assert [row["ended_at"] for row in await office.rows("calls")] == [told.ended_at + 600]


async def test_what_cdr_told_is_told_better_by_cel_and_never_worse_again(office: Office) -> None:
    assert await put(office, past(user="alice", uid="1.1")) == Counts(new=1)
    cel = past(user="bob", uid="1.1", boot="cel")
    assert await put(office, cel, source="cel") == Counts(mended=1)
    assert await put(office, past(user="alice", uid="1.1")) == Counts(same=1)
    (row,) = await office.rows("calls")
    assert (row["last_answered_by"], row["origin"]) == ("bob", "cel")


async def test_the_same_uniqueid_at_another_time_is_another_call(office: Office) -> None:
    calls = [past(uid="1.1", boot="cel", ago=ago * DAY) for ago in (10, 20, 30)]
    for call in calls:
        assert await put(office, call, source="cel") == Counts(new=1)
    assert await put(office, *calls, source="cel") == Counts(same=3)
    assert len(await office.rows("calls")) == 3


async def test_a_recent_call_that_nobody_followed_does_what_a_live_one_does(office: Office) -> None:
    before = len(await office.rows("journal"))
    answered, missed = past(ago=600), past("+48601000002", None, ago=500)
    assert await put(office, answered, missed, source="cel") == Counts(new=2)
    deals = {row["number"]: row["owner_id"] for row in await office.rows("deals")}
    assert deals == {"+48601000001": office.alice.user_id, "+48601000002": None}
    assert [(row["kind"], row["number"]) for row in await office.rows("tasks")] == [("callback", "+48601000002")]
    kinds = {row["kind"] for row in (await office.rows("journal"))[before:]}
    assert {"deal.created", "task.due", "call.ended", "history.imported"} <= kinds
    assert "call.answered" not in kinds  # no card pops up for a talk that is over
    assert await put(office, answered, missed, source="cel") == Counts(same=2)
    assert {row["origin"] for row in await office.rows("calls")} == {"cel"}


async def test_numbers_of_our_own_and_services_are_nobodys_contact(office: Office) -> None:
    await put(office, past("+48221000200", ago=20 * DAY), past("112", ago=21 * DAY, direction="outbound"),
              past("101", ago=22 * DAY, direction="internal"), past(None, ago=23 * DAY))  # fmt: skip
    assert await office.rows("contacts") == []
    assert len(await office.rows("calls")) == 4


async def test_a_known_contact_is_found_whatever_prefix_is_written(office: Office) -> None:
    await put(office, past("+48601000001", ago=20 * DAY))
    await put(office, past("0601000001", ago=10 * DAY))
    assert len(await office.rows("contacts")) == 1


async def test_facts_that_come_after_the_pbx_s_own_account_make_no_second_call(office: Office) -> None:
    """A link that stood still, or a database that was away: what the PBX wrote was read before."""
    told = past(ago=600.0, uid="7.1", boot="")
    assert await put(office, told, source="cel") == Counts(new=1)
    was = await everything(office)
    caller = Caller("+48601000001", uid="7.1", at=told.started_at + 0.2)
    for fact in (caller.rings("alice"), caller.answers("alice", at=told.answered_at), caller.ends(at=told.ended_at)):
        await Intake(office.db).apply([fact])
    assert await everything(office) == was
    assert await put(office, told, source="cel") == Counts(same=1)
    later = Caller("+48601000001", uid="7.1", at=told.started_at + 3 * 3600)  # a PBX that counts anew
    await Intake(office.db).apply([later.rings("alice"), later.answers("alice"), later.ends()])
    assert len(await office.rows("calls")) == 2


async def test_live_calls_that_come_in_between_are_told_once(office: Office) -> None:
    intake = Intake(office.db)
    for n in range(20):
        office.clock.now = START + n * 100
        caller = Caller(f"+4860100{n:04}", uid=f"{n}.1", at=START + n * 100)
        told = past(f"+4860100{n:04}", ago=-n * 100.0, uid=f"{n}.1")
        await intake.apply([caller.rings("alice"), caller.answers("alice", at=told.answered_at)])
        assert await put(office, told, source="cel") == Counts(same=1)  # it goes on
        await intake.apply([caller.ends(at=told.ended_at)])
        office.clock.now = told.ended_at + 100
        assert await put(office, told, source="cel") == Counts(same=1)
    assert len(await office.rows("calls")) == 20
    assert {row["key"]: row["count"] for row in await office.rows("witness_totals")} == {"agreed": 20}
    assert len(await office.rows("deals")) == 20
