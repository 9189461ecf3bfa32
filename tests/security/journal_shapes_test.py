"""What the journal tells, field by field: it goes to open pages and webhooks, so one field more is a decision.

Everything that is done in the house is done here once; each kind that is heard has its row in SHAPES.
"""

import json

import pytest
from sqlalchemy import text

from pbxcrm.crm.access import COMMAND_LINE
from pbxcrm.http.keys import TRAIL
from pbxcrm.service import contacts, deals, link, moves, people, privacy, reminders, retention, tasks, wrapup
from pbxcrm.service import house as house_settings
from pbxcrm.service.auth import Auth
from pbxcrm.service.intake import Intake
from tests.http.bed import PASSWORD, Clock, House, both
from tests.store.office import Caller

pytestmark = pytest.mark.asyncio

CALL = (
    "answered_at caller caller_name card contact_id deal_id dial_id did direction ended_at evidence "
    "first_answered_by id last_answered_by linkedids number number_verified outcome pbx rang recording "
    "ringing started_at talk_seconds talking talks transfers wrapped_by"
)
CONTACT = (
    "changed_at city company company_id created_at custom email first_contact_at first_contact_by id job_title "
    "last_talk_at last_talk_by name note numbers owner score source version"
)
DEAL = (
    "before by close_reason closed_at company company_id contact_id contact_name created_at currency expected_close id "
    "idle_at next_contact_at note number owner owner_full_name pipeline priority score source stage stage_kind "
    "stage_name stage_since title value version"
)
DIAL = "contact_id deal_id id number state user"
LINK = "pbx reason since up"
TASK = (
    "call_id company contact_id contact_name created_at deal_id done_at done_by due_at ends_at id kind note number "
    "outcome place remind_at result team times title user version"
)
SHAPES: dict[str, str] = {
    "audit.noted": "rows",
    **dict.fromkeys(("call.answered", "call.ended", "call.ringing", "call.transferred"), CALL),
    "call.wrapped": "deal_id id outcome spell",  # what was said is on the call and the deal, not here
    "contact.changed": CONTACT,
    "contact.created": CONTACT,
    "contact.erased": "id",
    "deal.changed": " ".join(sorted([*DEAL.split(), "gone"])),  # gone: to whom it is no longer visible
    "deal.created": DEAL,
    "deal.moved": DEAL,
    "device.added": "device user",
    "dial.asked": DIAL,
    "dial.sent": DIAL,
    "link.down": LINK,
    "link.up": LINK,
    "note.added": "at by coaching deal_id id kind text",
    "preferences.changed": "locale user",
    "retention.pruned": "kind rows",
    "session.ended": "count session user",
    "session.seen": "session user",
    "session.started": "session user",
    "session.tried": "",
    "settings.changed": "changed",
    "task.done": TASK,
    "task.due": TASK,
    "task.reminded": TASK,  # to its person alone
    "token.created": "token user",
    "token.revoked": "count user",
    "user.added": "operator role team user",
    "user.changed": "changed user",
}


async def everything_once(house: House, clock: Clock) -> None:
    """A day of the house."""
    db, alice, mona = house.db, house.people["alice"].scope, house.people["mona"].scope
    intake = Intake(db)
    call, missed = Caller("+48601234567", caller_name="Anna"), Caller("+48601234568", uid="1795000000.2")
    alone = Caller("+48601234569", uid="1795000000.3")
    for fact in (
        call.rings("alice", "bob"), call.answers("alice"), call.passes("bob"), call.ends(), missed.rings("alice"),
        missed.ends("missed"), alone.answers(None, "PJSIP/777"), alone.ends(),
    ):  # fmt: skip
        await intake.apply([fact])
    await wrapup.finish(db, alice, call.call.id, {"outcome": "info", "note": "Bob does it"})
    contact = await contacts.create(db, alice, {"name": "Anna", "numbers": ["+48601111111"]})
    await contacts.change(db, alice, contact["id"], 1, {"company": "Boats"})
    deal = await deals.create(db, alice, {"title": "Boat", "contact_id": contact["id"]})
    deal = await deals.change(db, mona, deal["id"], deal["version"], {"owner": "bob"})
    await deals.add_note(db, mona, deal["id"], "a note")
    stages = (await deals.board(db, mona, None))["stages"]
    await moves.move(db, mona, deal["id"], next(s["id"] for s in stages if s["kind"] == "won"), deal["version"])
    task = await tasks.create(db, mona, {"title": "x", "due_at": "2026-11-18T09:30:00Z", "user": "bob"})
    await tasks.done(db, mona, task["id"])
    await tasks.create(db, alice, {"title": "x", "due_at": "2026-11-18T09:30:00Z", "remind_at": "2026-11-18T09:00:00Z"})
    assert await reminders.pop(db) == 1
    await house.deps.dialler.dial(alice, key="k", number="+48601234567")
    await people.set_password(db, "alice", PASSWORD)
    await people.change_user(db, "alice", operator=True)
    await people.set_preferences(db, alice, locale="pl")
    await people.revoke_tokens(db, "alice")
    auth = Auth(db)
    raw = await auth.login("alice", PASSWORD, "127.0.0.1")
    clock.on(7200)
    await auth.by_session(raw)
    await auth.logout(raw)
    await house_settings.set_currency(db, "PLN")
    await link.changed(db, "pbx", True, clock(), "")
    await link.changed(db, "pbx", False, clock(), "gone")
    house.server.app[TRAIL].saw(alice, "deal", "1")
    await house.server.app[TRAIL].flush()
    await privacy.erase(db, COMMAND_LINE, await privacy.subject(db, COMMAND_LINE, "+48601111111"), "+48601111111")
    clock.on(40 * retention.DAY)


async def heard(house: House) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    async with house.db.read() as conn:
        for kind, data in (await conn.execute(text("SELECT kind, data FROM journal"))).all():
            found.setdefault(kind, set()).update(json.loads(data))
    return found


@both
async def test_each_kind_has_these_fields_and_no_others(house: House, clock: Clock) -> None:
    await everything_once(house, clock)
    found = await heard(house)
    await retention.run(house.db, {"journal": 30, "calls": 0, "dials": 0, "audit": 0, "imports": 0})
    found |= {kind: fields for kind, fields in (await heard(house)).items() if kind not in found}
    assert {kind: " ".join(sorted(fields)) for kind, fields in found.items()} == SHAPES
