"""One of each thing that is somebody's, all bearing a canary, so that foreign eyes can be caught seeing it."""

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbxcrm.calls.model import Call, Talk
from pbxcrm.crm import views
from pbxcrm.crm.rules import Rules
from pbxcrm.service import (
    companies,
    contacts,
    deals,
    documents,
    history,
    imports,
    leads,
    offers,
    recordings,
    relations,
    tasks,
    webhooks,
)
from pbxcrm.store import calls as call_store
from pbxcrm.store import tasks as task_store
from pbxcrm.store.db import Database, Work, audience
from tests.http.bed import House, Person

CANARY = "Zzkanarienvogel"
_numbers = itertools.count(1)


@dataclass
class Things:
    """Ids and versions of what belongs to one person; `free` is a deal of nobody, `lost` and `won` are stages."""

    deal: str
    version: int
    contact: str
    contact_version: int
    task: str
    callback: str
    call: str
    dial: str
    free: str
    stage: str
    number: str
    hook: str
    differing: str
    lead: str
    lead_version: int
    brought: str
    company: str
    company_version: int
    twin: str
    twin_name: str
    relation: str
    twin_company: str
    offer: str
    sent: str
    document: str
    paper: str


async def things_of(house: House, owner: Person) -> Things:
    """New things of this person, each bearing the canary."""
    n = next(_numbers)
    db, scope = house.db, owner.scope
    number = f"+4860{n:07d}"
    company = await companies.create(db, scope, {"name": f"{CANARY} {n}"})
    contact = await contacts.create(db, scope, {"name": f"{CANARY} {n}", "numbers": [number]})
    deal = await deals.create(db, scope, {"title": f"{CANARY} {n}", "contact_id": contact["id"], "note": CANARY})
    await deals.add_note(db, scope, deal["id"], CANARY)
    task = await tasks.create(
        db, scope, {"title": f"{CANARY} {n}", "due_at": "2026-11-18T09:30:00Z", "deal_id": deal["id"]}
    )
    twin = await contacts.create(db, scope, {"name": f"{CANARY} twin {n}"})
    (relation,) = await relations.add(db, scope, "contact", contact["id"], "colleague", ("company", company["id"]))
    twin_company = await companies.create(db, scope, {"name": f"{CANARY} twin {n}"})
    free = await deals.create(db, house.people["mona"].scope, {"title": f"Free {n}", "owner": None})
    lead = await leads.create(db, scope, {"name": f"{CANARY} {n}", "number": number, "note": CANARY})
    await leads.add_note(db, scope, lead["id"], CANARY)
    call = await call_of(db, owner, f"uid{n}", number)
    await recordings.keep(db, call, "call.wav")
    dial, _ = await house.deps.dialler.dial(scope, key=f"things-{n}", number=number)
    house.pbx.sent.clear()
    board = await house.json("GET", "/api/v1/board", "mona")
    stage = next(s["id"] for s in board["stages"] if s["kind"] == "open" and s["id"] != deal["stage"])
    return Things(
        deal=deal["id"],
        version=deal["version"],
        contact=contact["id"],
        contact_version=contact["version"],
        task=task["id"],
        callback=await callback_of(db, owner, number),
        call=call,
        dial=dial["id"],
        free=free["id"],
        stage=stage,
        number=number,
        hook=await hook_of(house),
        company=company["id"],
        company_version=company["version"],
        twin=twin["id"],
        twin_name=twin["name"],
        relation=relation["id"],
        twin_company=twin_company["id"],
        differing=await differing(db, owner, f"differing{n}", number),
        lead=lead["id"],
        lead_version=lead["version"],
        brought=await brought(db, owner),
        offer=(await offers.create(db, scope, deal["id"], LINES))["id"],
        sent=await sent(db, owner, deal["id"]),
        document=await paper(house, owner, deal["id"]),
        paper=await paper(house, house.people["mona"], ""),
    )


async def brought(db: Database, owner: Person) -> str:
    """A table that this person brought, not run yet; gives its id."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(f"name\n{CANARY}\n".encode())
        file.flush()
        return str((await imports.start(db, owner.scope, "contacts", CANARY, Path(file.name)))["id"])


LINES: dict[str, object] = {"title": CANARY, "items": [{"text": CANARY, "count": "2", "price": "10"}]}


async def sent(db: Database, owner: Person, deal_id: str) -> str:
    """An offer that was sent; gives its id."""
    made = await offers.create(db, owner.scope, deal_id, LINES)
    return str((await offers.send(db, owner.scope, made["id"], made["version"]))["id"])


async def paper(house: House, owner: Person, deal_id: str) -> str:
    """A document on a deal, or in the library; gives its id."""
    with documents.coming(house.deps.documents) as path:
        path.write_text(CANARY if deal_id else "for all")
        name, fields = f"{CANARY if deal_id else 'all'}.txt", {"kind": "offer", "deal_id": deal_id}
        return str((await documents.add(house.db, owner.scope, path, name, fields))["id"])


async def hook_of(house: House) -> str:
    """A webhook of Mona's, all others gone; gives its id."""
    db, scope = house.db, house.people["mona"].scope
    for old in (await webhooks.list_webhooks(db, scope))["items"]:
        await webhooks.remove(db, scope, old["id"])
    made = await webhooks.register(db, scope, {"url": "https://example.com/hook", "kinds": ["call.ended"]})
    return str(made["id"])


async def call_of(db: Database, owner: Person, uid: str, number: str, *, over: bool = True) -> str:
    """A call that this person answered; gives its id."""
    now = db.clock()
    call = Call(
        pbx="pbx",
        boot="1",
        uid=uid,
        linkedids=(uid,),
        direction="inbound",
        number=number,
        caller_name=CANARY,
        did=None,
        outcome="answered" if over else "ongoing",
        started_at=now - 60,
        answered_at=now - 50,
        ended_at=now if over else None,
        talk_seconds=50.0,
        first_answered_by=owner.scope.name,
        last_answered_by=owner.scope.name,
        rang=(owner.scope.name,),
        talks=(Talk(owner.scope.name, owner_device(owner), now - 50, now if over else None),),
        transfers=(),
        evidence=(),
        talking=() if over else (owner.scope.name,),
    )
    view = views.call(call)

    def write(work: Work) -> None:
        call_store.add(work.conn, [_row(call, view)])
        call_store.join(work.conn, [{"call_id": call.id, "user_id": owner.scope.user_id}])
        card = views.card(None, [])
        work.journal("call.ended" if over else "call.answered", {**view, "card": card}, audience(owner.scope.user_id))

    await db.writing(write)
    return call.id


async def differing(db: Database, owner: Person, uid: str, number: str) -> str:
    """A call of theirs that CDR tells otherwise; gives its id."""
    call_id = await call_of(db, owner, uid, number)
    at = db.clock()
    told = Call(
        pbx="pbx", boot="cdr", uid=uid, linkedids=(), direction="inbound", number=number, caller_name=None, did=None,
        outcome="missed", started_at=at - 60, answered_at=None, ended_at=at, talk_seconds=0.0, first_answered_by=None,
        last_answered_by=None, rang=(), talks=(), transfers=(), evidence=(),
    )  # fmt: skip
    assert (await history.apply(db, [told], source="cdr", rules=Rules())).disagreeing == 1
    return call_id


async def callback_of(db: Database, owner: Person, number: str) -> str:
    """Somebody whom this person is to call back; gives the task's id."""
    row = {
        "kind": "callback",
        "title": CANARY,
        "number": number,
        "user_id": owner.scope.user_id,
        "created_at": db.clock(),
        "due_at": db.clock() + 300,
    }

    def write(work: Work) -> int:
        work.journal("task.due", {}, audience(owner.scope.user_id))
        return task_store.add(work.conn, [row])[0]

    return str(await db.writing(write))


def owner_device(owner: Person) -> str:
    return {"alice": "PJSIP/101", "bob": "PJSIP/102"}.get(owner.scope.name, "PJSIP/103")


def _row(call: Call, view: dict[str, Any]) -> dict[str, Any]:
    import json

    names = (
        "id", "pbx", "boot", "uid", "direction", "number", "did", "outcome", "started_at", "answered_at", "ended_at",
        "talk_seconds", "first_answered_by", "last_answered_by",
    )  # fmt: skip
    return {name: getattr(call, name) for name in names} | {"n": 1, "data": json.dumps(view)}
