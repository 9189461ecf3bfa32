"""A person is given all that is kept of them, and is gone when they ask: from tables, journal, audit log and files."""

import asyncio
import hashlib
import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import _CALLS, Call, Evidence, Talk, Transfer
from pbxcrm.crm.access import COMMAND_LINE, Scope
from pbxcrm.crm.erasing import spellings
from pbxcrm.crm.rules import Rules
from pbxcrm.crm.witness import Source
from pbxcrm.http.keys import TRAIL
from pbxcrm.http.live import KINDS
from pbxcrm.service import (
    companies,
    contacts,
    deals,
    details,
    history,
    leads,
    merge,
    moves,
    privacy,
    recordings,
    relations,
    tasks,
)
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.service.intake import Intake
from pbxcrm.spool import Spool
from pbxcrm.store import schema_sales
from pbxcrm.store.db import Database, Work
from pbxcrm.store.schema import metadata
from tests.http.bed import House, both
from tests.http.things import CANARY, Things, call_of, things_of

pytestmark = pytest.mark.asyncio
NAME = "Żaneta Quetzalcóatl"
NUMBER = "+48601987654"
WRITTEN = ("+48601987654", "48601987654", "601987654", "0048601987654", "456789106", "45678910684")
DAY = 86_400.0
HERS = str(uuid.uuid5(_CALLS, "pbx\x001\0hers"))


async def life(house: House) -> Things:
    """A customer of Alice's, with one of everything, each naming her in all ways there are."""
    things = await things_of(house, house.people["alice"])
    db, scope = house.db, house.people["alice"].scope
    named = {"name": NAME, "numbers": [NUMBER], "email": "zaneta@example.org", "note": f"{NAME}, 601987654"}
    view = await contacts.change(db, scope, things.contact, things.contact_version, named)
    assert view["numbers"] == [NUMBER]
    deal = await deals.get(db, scope, things.deal)
    told = {"title": NAME, "number": NUMBER, "note": f"call {NUMBER}"}
    deal = await deals.change(db, scope, things.deal, deal["version"], told)
    await deals.add_note(db, scope, things.deal, f"{NAME} says: 0048601987654")
    lost = next(s for s in (await deals.board(db, scope, None))["stages"] if s["kind"] == "lost")
    await moves.move(db, scope, things.deal, lost["id"], deal["version"], f"{NAME} has no money")
    due = {"title": f"Ring {NAME}", "due_at": "2026-11-18T09:30:00Z", "deal_id": things.deal}
    await tasks.create(db, scope, due)
    await more_of_life(db, scope, things)
    assert await call_of(db, house.people["alice"], "hers", NUMBER) == HERS
    await house.deps.dialler.dial(scope, key="hers", contact_id=int(things.contact))
    await house.json("GET", f"/api/v1/contacts/{things.contact}", "alice")
    await house.ask("GET", f"/search?q={NUMBER[1:]}", "mona")
    # Somebody else's: the number in a note of theirs goes, and the note stays.
    await deals.create(db, house.people["bob"].scope, {"title": "Other", "note": f"friend of {NUMBER}"})
    await house.server.app[TRAIL].flush()
    return things


async def more_of_life(db: Database, scope: Scope, things: Things) -> None:
    """What hangs on her: a merged twin, addresses, notes, relations, a role in another deal, leads, an offer."""
    own = {"emails": ["zaneta@example.org"], "addresses": [f"{NAME}, Long Street 1"], "tags": ["vip"]}
    twin = await contacts.create(db, scope, {"name": f"{NAME} twin", "numbers": [NUMBER], **own})
    mine = await contacts.get(db, scope, things.contact)
    kept = await merge.merge(
        db, scope, "contact", twin["id"], things.contact, (1, mine["version"]), {"name": mine["id"]}
    )
    things.contact, things.contact_version = kept, 0
    await companies.add_note(db, scope, "contact", kept, f"{NAME} is away in May")
    friend = await contacts.create(db, scope, {"name": "Friend"})
    await relations.add(db, scope, "contact", friend["id"], "family", ("contact", kept), f"sister of {NAME}")
    other = await deals.create(db, scope, {"title": "Another deal"})
    await details.has_say(db, scope, other["id"], kept, "influencer", f"{NAME} decides")
    deal = await deals.get(db, scope, things.deal)
    await deals.change(db, scope, things.deal, deal["version"], {"needs": f"{NAME} needs a boat"})
    lead = await leads.create(db, scope, {"name": NAME, "number": NUMBER, "email": "zaneta@example.org", "note": NAME})
    await leads.add_note(db, scope, lead["id"], f"{NAME} was at the fair")
    became = await leads.create(db, scope, {"name": NAME, "interest": f"a boat for {NAME}"})
    await db.writing(lambda work: _sold(work, int(became["id"]), int(kept), int(things.deal)))


def _sold(work: Work, lead: int, contact: int, deal: int) -> None:
    work.conn.execute(update(schema_sales.leads).where(schema_sales.leads.c.id == lead).values(contact_id=contact))
    offer = {"deal_id": deal, "created_at": 0.0, "currency": "EUR", "note": f"For {NAME}", "total": 100}
    work.conn.execute(
        insert(schema_sales.offers).values(
            offer | {"items": json.dumps([{"text": f"Boat of {NAME}", "count": "1", "price": 100}])}
        )
    )
    paper = {"kind": "offer", "name": f"{NAME}.pdf", "file": "x.pdf", "mime": "application/pdf", "size": 1}
    work.conn.execute(insert(schema_sales.documents).values(paper | {"deal_id": deal, "created_at": 0.0}))
    work.journal("contact.changed", {}, None)


async def everything(db: Database) -> str:
    """Every value of every row of every table there is, as one text; JSON is read, for it may be written escaped."""
    async with db.read() as conn:
        parts = [str((await conn.execute(table.select())).all()) for table in metadata.sorted_tables]
        said = (await conn.execute(text("SELECT data FROM journal"))).scalars().all()
        changed = (await conn.execute(text("SELECT changes FROM audit"))).scalars().all()
    return "\n".join([*parts, *(str(json.loads(one)) for one in (*said, *changed))])


def hits(found: str | bytes) -> list[str]:
    words = (NAME, NAME.casefold(), "Quetzalc", "quetzalc", "zaneta@example.org", *WRITTEN)
    if isinstance(found, bytes):
        return [word for word in words if word.encode() in found]
    return [word for word in words if word in found]


def in_files(folder: Path) -> dict[str, list[str]]:
    """What of her is in the bytes of any file there: the database, its log, whatever lies beside."""
    found = {path.name: hits(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    return {name: words for name, words in found.items() if words}


@both
async def test_an_export_has_all_of_it(house: House) -> None:
    things = await life(house)
    who = await privacy.subject(house.db, COMMAND_LINE, "601 987 654")
    found = await privacy.export(house.db, COMMAND_LINE, who)
    assert json.loads(privacy.as_text(found)) == found
    assert found["contact"]["name"] == NAME
    assert found["numbers"] == [NUMBER]
    (deal,) = found["deals"]
    assert (deal["id"], deal["title"]) == (things.deal, NAME)
    assert NAME in deal["notes"][-1]["text"]
    assert NAME in str([stage["reason"] for stage in deal["stages"]])
    assert NUMBER in [call["number"] for call in found["calls"]]
    assert f"Ring {NAME}" in [task["title"] for task in found["tasks"]]
    assert NUMBER in [dial["number"] for dial in found["dials"]]
    assert {"deal.changed", "note.added", "call.ended", "contact.changed"} <= {row["kind"] for row in found["journal"]}
    assert {"saw", "contact.changed", "deal.moved"} <= {row["action"] for row in found["audit"]}
    assert (found["contact"]["addresses"], found["contact"]["tags"]) == ([f"{NAME}, Long Street 1"], ["vip"])
    assert NAME in str([note["text"] for note in found["notes"]])
    assert ("family", "Friend") in [(one["kind"], one["name"]) for one in found["relations"]]
    assert [(one["role"], one["title"]) for one in found["roles"]] == [("influencer", "Another deal")]
    assert deal["details"] == {"needs": f"{NAME} needs a boat"}
    assert [lead["name"] for lead in found["leads"]] == [NAME, NAME]
    assert f"{NAME} was at the fair" in str(found["notes"])
    assert f"For {NAME}" in str(deal["offers"])
    assert f"{NAME}.pdf" in [one["name"] for one in deal["documents"]]
    assert found["merged"] != []
    assert "Other" not in [deal["title"] for deal in found["deals"]]
    entries = await house.json("GET", "/api/v1/audit?action=person.exported", "mona")
    assert [(e["user"], e["peer"], e["thing_id"]) for e in entries["items"]] == [
        ("pbxcrm", "command line", things.contact)
    ]


@both
async def test_erased_is_found_nowhere(house: House, db_url: str, tmp_path: Path) -> None:
    things = await life(house)
    assert set(WRITTEN) <= set(spellings([NUMBER]))
    assert len(hits(await everything(house.db))) > 5
    who = await privacy.subject(house.db, COMMAND_LINE, NUMBER)
    totals = await house.json("GET", "/api/v1/board", "mona")
    found = await privacy.export(house.db, COMMAND_LINE, who)
    plan = await privacy.erase(house.db, COMMAND_LINE, who, NUMBER)
    assert plan["goes"]["contacts"] == 1
    assert plan["goes"]["notes"] == len(found["notes"]) + sum(len(deal["notes"]) for deal in found["deals"])
    assert (plan["stays"]["deals"], plan["stays"]["leads"]) == (1, len(found["leads"]))
    assert len(found["leads"]) == 2
    assert hits(await everything(house.db)) == []
    assert in_files(tmp_path) == {}
    assert (tmp_path / "pbxcrm.db").exists() == db_url.startswith("sqlite")
    # What the house needs for its figures is as it was.
    after = await house.json("GET", "/api/v1/board", "mona")
    assert [(s["count"], s["value"]) for s in after["stages"]] == [(s["count"], s["value"]) for s in totals["stages"]]
    deal = await house.json("GET", f"/api/v1/deals/{things.deal}", "alice")
    assert (deal["title"], deal["number"], deal["contact_id"], deal["owner"]) == ("", None, None, "alice")
    assert (await house.ask("GET", f"/deals/{things.deal}", "alice")).status == 200
    call = await house.json("GET", f"/api/v1/calls/{HERS}", "alice")
    assert (call["number"], call["caller_name"], call["outcome"]) == (None, "", "answered")
    assert (await house.ask("GET", f"/calls/{HERS}", "alice")).status == 200
    await house.json("GET", f"/api/v1/contacts/{things.contact}", "mona", 404)
    with pytest.raises(NotFound):
        await privacy.subject(house.db, COMMAND_LINE, NUMBER)
    entries = await house.json("GET", "/api/v1/audit?action=person.erased", "mona")
    assert [e["thing_id"] for e in entries["items"]] == [things.contact]


@both
async def test_a_later_call_is_somebody_new(house: House) -> None:
    things = await life(house)
    who = await privacy.subject(house.db, COMMAND_LINE, f"id:{things.contact}")
    await privacy.erase(house.db, COMMAND_LINE, who, NUMBER)
    made = await contacts.create(house.db, house.people["bob"].scope, {"numbers": [NUMBER]})
    assert made["name"] == ""
    again = await privacy.export(house.db, COMMAND_LINE, await privacy.subject(house.db, COMMAND_LINE, NUMBER))
    assert (again["contact"]["id"], again["deals"], again["calls"]) == (made["id"], [], [])


def told(uid: str, at: float, **more: Any) -> Call:
    """A call of hers as the PBX wrote it down, naming her wherever it can."""
    talks = (Talk("alice", "PJSIP/101", at + 10, at + 70), Talk(None, "Local/601987654@out", at + 70, at + 90))
    plain = Call(
        pbx="pbx", boot="", uid=uid, linkedids=(uid,), direction="inbound", number=NUMBER, caller_name=NAME, did=None,
        outcome="answered", started_at=at, answered_at=at + 10, ended_at=at + 90, talk_seconds=80.0,
        first_answered_by="alice", last_answered_by="alice", rang=("alice",), talks=talks,
        transfers=(Transfer("blind", at + 70, "alice", "601987654"),),
        evidence=(Evidence(at, "CEL CHAN_START", f"{NAME} from 0048601987654"),), customer="SIP/48601987654-1",
        root="SIP/48601987654-1",
    )  # fmt: skip
    return replace(plain, **more)


async def erased(house: House) -> Things:
    things = await life(house)
    who = await privacy.subject(house.db, COMMAND_LINE, NUMBER)
    await privacy.erase(house.db, COMMAND_LINE, who, NUMBER)
    return things


@both
@pytest.mark.parametrize("source", ["cel", "cdr"])
async def test_what_the_pbx_tells_later_of_before_does_not_bring_them_back(
    house: House, tmp_path: Path, source: Source
) -> None:
    await erased(house)
    now = house.db.clock()
    missed = {"talks": (), "outcome": "missed", "answered_at": None, "first_answered_by": None,
              "last_answered_by": None, "talk_seconds": 0.0}  # fmt: skip
    calls = [told(f"{n}.1", now - ago) for n, ago in enumerate((300, 40 * DAY, 90 * DAY))]
    calls += [told(f"{n}.2", now - ago, **missed) for n, ago in enumerate((400, 2 * DAY))]
    calls += [told("5.3", now - 500, number="0601987654", direction="outbound")]
    calls += [told("hers", now - 60, first_answered_by="bob")]  # it is stored, and told otherwise
    name = f"in-10-{NUMBER}.wav"
    (tmp_path / "monitor").mkdir()
    (tmp_path / "monitor" / name).touch()
    calls = [replace(call, recording=name) for call in calls]
    counts = await history.apply(house.db, calls, source=source, rules=Rules(), monitor=tmp_path / "monitor")
    assert (counts.new, counts.disagreeing) == (6, 1)
    assert hits(await everything(house.db)) == []
    assert in_files(tmp_path) == {}
    listed = (await house.json("GET", "/api/v1/calls", "mona"))["items"]
    assert sum(call["outcome"] == "missed" for call in listed) == 2
    await house.json("GET", "/api/v1/disagreements", "mona")
    assert (await history.apply(house.db, calls, source=source, rules=Rules())).new == 0


@both
async def test_what_waited_on_disk_does_not_bring_them_back(house: House, tmp_path: Path) -> None:
    await erased(house)
    call = told("9.9", house.db.clock() - 300)
    spool = Spool(tmp_path / "pbxcrm.spool", 100_000)
    facts = [Fact("answered", 1, call.started_at + 10, call), Fact("ended", 2, call.started_at + 90, call)]
    spool.add(enumerate(facts, 1))
    assert hits(spool.path.read_bytes())
    waiting = spool.head(10)
    await Intake(house.db).apply([fact for _, fact in waiting])
    spool.done(waiting[-1][0])
    spool.close()
    assert "9.9" in await everything(house.db)
    assert hits(await everything(house.db)) == []
    assert in_files(tmp_path) == {}


@both
async def test_calls_from_after_the_erasure_are_a_new_contact(house: House) -> None:
    await erased(house)
    later = told("7.7", house.db.clock() + 1, caller_name="")
    await history.apply(house.db, [later], source="cel", rules=Rules())
    who = await privacy.subject(house.db, COMMAND_LINE, NUMBER)
    assert who.contact_id is not None


async def test_the_hash_tells_nobody_the_number_without_its_key(house: House) -> None:
    await erased(house)
    async with house.db.read() as conn:
        kept = dict((await conn.execute(text("SELECT key, value FROM settings"))).all())
    (mark,) = [key.removeprefix("erased ") for key in kept if key.startswith("erased ") and key != "erased key"]
    assert len(bytes.fromhex(kept["erased key"])) == 32
    assert mark not in {hashlib.sha256(one.encode()).hexdigest() for one in WRITTEN}


@both
async def test_others_keep_what_is_theirs(house: House) -> None:
    """A number that ends alike, a name that is the same, a shared phone: nothing of the other person's changes."""
    things = await life(house)
    scope = house.people["bob"].scope
    twin = await contacts.create(house.db, scope, {"name": NAME, "numbers": [NUMBER], "note": "the other one"})
    deal = await deals.create(house.db, scope, {"title": NAME, "contact_id": twin["id"], "number": NUMBER})
    abroad = await contacts.create(house.db, scope, {"name": "Abroad", "numbers": ["+49601987654"]})
    with pytest.raises(Conflict) as several:
        await privacy.subject(house.db, COMMAND_LINE, NUMBER)
    assert f"id:{twin['id']}" in several.value.message
    who = await privacy.subject(house.db, COMMAND_LINE, f"id:{things.contact}")
    plan = await privacy.erase(house.db, COMMAND_LINE, who, NUMBER)
    assert plan["shared"] == [NUMBER]
    assert await contacts.get(house.db, scope, twin["id"]) == twin
    assert await deals.get(house.db, scope, deal["id"]) == deal
    assert await contacts.get(house.db, scope, abroad["id"]) == abroad


@pytest.mark.parametrize("mounted", [True, False])
async def test_recordings_are_deleted_or_named(house: House, tmp_path: Path, mounted: bool) -> None:
    folder = tmp_path / "monitor"
    folder.mkdir()
    call = await call_of(house.db, house.people["alice"], "told", NUMBER)
    other = await call_of(house.db, house.people["alice"], "other", "+48601999888")
    for key, name in ((call, "theirs.wav"), (other, "others.wav")):
        (folder / name).write_bytes(b"RIFF")
        await recordings.keep(house.db, key, name)
    who = await privacy.subject(house.db, COMMAND_LINE, NUMBER)
    assert (await privacy.preview(house.db, COMMAND_LINE, who))["recordings"] == ["theirs.wav"]
    plan = await privacy.erase(house.db, COMMAND_LINE, who, NUMBER, folder if mounted else None)
    assert plan["recordings"] == ([] if mounted else ["theirs.wav"])
    assert sorted(one.name for one in folder.iterdir()) == ["others.wav"] + ([] if mounted else ["theirs.wav"])


async def test_a_number_without_a_contact(house: House) -> None:
    call = await call_of(house.db, house.people["alice"], "nobody", NUMBER)
    who = await privacy.subject(house.db, COMMAND_LINE, NUMBER)
    assert who.contact_id is None
    assert [c["id"] for c in (await privacy.export(house.db, COMMAND_LINE, who))["calls"]] == [call]
    await privacy.erase(house.db, COMMAND_LINE, who, NUMBER)
    assert CANARY not in await everything(house.db)  # the name that the caller showed
    assert hits(await everything(house.db)) == []


async def test_what_is_not_done(house: House) -> None:
    things = await life(house)
    who = await privacy.subject(house.db, COMMAND_LINE, things.contact)
    before = hits(await everything(house.db))
    for wrong in ("", "yes", NAME):
        with pytest.raises(Invalid):
            await privacy.erase(house.db, COMMAND_LINE, who, wrong)
    await call_of(house.db, house.people["alice"], "now", NUMBER, over=False)
    with pytest.raises(Conflict):
        await privacy.erase(house.db, COMMAND_LINE, who, NUMBER)
    scope = house.people["alice"].scope
    for refused in (privacy.subject(house.db, scope, NUMBER), privacy.export(house.db, scope, who)):
        with pytest.raises(NotFound):
            await refused
    with pytest.raises(NotFound):
        await privacy.erase(house.db, scope, who, NUMBER)
    for nobody in ("999", "id:x", "+15550100", "anonymous"):
        with pytest.raises(NotFound):
            await privacy.subject(house.db, COMMAND_LINE, nobody)
    assert hits(await everything(house.db)) == before


async def test_an_open_board_hears_of_it(house: House) -> None:
    things = await life(house)
    heard: list[dict[str, Any]] = []
    listening = house.hub.subscribe(house.people["alice"].scope, await house.hub.newest())

    async def hear() -> None:
        async for row in listening:
            heard.append(row)
            if row["kind"] in KINDS and row["data"].get("id") == things.deal:
                return

    task = asyncio.create_task(hear())
    who = await privacy.subject(house.db, COMMAND_LINE, things.contact)
    await privacy.erase(house.db, COMMAND_LINE, who, NUMBER)
    await asyncio.wait_for(task, 60)
    assert hits(str(heard)) == []
    assert heard[-1]["data"]["title"] == ""
