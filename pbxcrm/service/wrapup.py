"""After a call: what came of it, noted on its deal, with the next contact; or the card put away. Each in one go."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import wrapup
from pbxcrm.crm.access import Scope
from pbxcrm.crm.leads import LeadRow
from pbxcrm.crm.views import DealRow, View, epoch
from pbxcrm.crm.wrapup import Said
from pbxcrm.service import audit, moves
from pbxcrm.service import calls as call_service
from pbxcrm.service import deals as deal_service
from pbxcrm.service import leads as lead_service
from pbxcrm.service import tasks as task_service
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import checked, unchanged, write, wrong
from pbxcrm.store import calls, deals, details, leads, stages, wrapups
from pbxcrm.store.db import Database, Work, only

NOT_A_LEAD = "Not a lead"  # a reason as the pages have it: translated where it is shown


async def finish(db: Database, scope: Scope, call_id: str, given: Mapping[str, object]) -> View:
    """Say what came of a call that this person talked in: {id, spell, outcome, note, tags, deal_id}.

    `given`: outcome, note, tags, next_contact_at, deal_id (else the call's deal of theirs that was active last),
    not_a_lead. The note lands on the deal and on the call, the date on the deal; without a deal it is a call to make.
    Said again, it is added to. Raises NotFound, Invalid.
    """
    said = checked(lambda: wrapup.said(given))
    return await write(db, lambda work: _finish(work, scope, call_id, said))


def _finish(work: Work, scope: Scope, call_id: str, said: Said) -> View:
    view = _talked(work.conn, scope, call_id)
    spell = "t" + wrapup.began(scope.name, view)
    old = wrapups.one(work.conn, scope, call_id)
    row = _row(work, scope, call_id, spell, said, old)
    deal = _deal(work.conn, scope, call_id, said)
    lead = _lead(work.conn, scope, view) if deal is None else None
    if _is_same(row, old) and said.get("next_contact_at") is None and not said.get("not_a_lead"):
        raise unchanged(_view(row, spell, deal))
    if (note := said.get("note", "")) and deal is not None:
        deal_service.noted(work, scope, deal, note)
    if lead is not None:
        _lead_goes_on(work, scope, lead, said)
    else:
        _go_on(work, scope, view, deal, said)
    return _store(work, scope, row, spell, deal)


def _talked(conn: Connection, scope: Scope, call_id: str) -> dict[str, Any]:
    view = call_service.seen(conn, scope, call_id)
    if not wrapup.began(scope.name, view):
        raise NotFound
    return view


def _row(
    work: Work, scope: Scope, call_id: str, spell: str, said: Said, old: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The row to be: what is said now added to what was said before, nothing twice."""
    before = old or {"outcome": "", "note": "", "tags": ""}
    note = said.get("note", "")
    notes = [before["note"], note if note != before["note"] else ""]
    tags = [*before["tags"].split(","), *said.get("tags", [])]
    return {
        "call_id": call_id,
        "user_id": scope.user_id,
        "at": epoch(spell[1:]),
        "done_at": work.at,
        "outcome": said.get("outcome") or before["outcome"],
        "note": "\n".join(text for text in notes if text),
        "tags": ",".join(dict.fromkeys(tag for tag in tags if tag)),
    }


def _is_same(row: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    """Whether all of it was said before: the same form came twice."""
    if old is None or old["done_at"] is None:
        return False
    return all(row[name] == old[name] for name in ("at", "outcome", "note", "tags"))


def _deal(conn: Connection, scope: Scope, call_id: str, said: Said) -> DealRow | None:
    """The deal it is about: of the call's those that this person may see, the named one or the open one active last."""
    on = deals.of_ids(conn, scope, calls.deals_of(conn, scope, call_id))
    mine = [row for row in on if deals.one(conn, scope, row["id"]) is not None]
    wanted = said.get("deal_id")
    if wanted is None:
        return next((row for row in mine if row["open"]), mine[0] if mine else None)
    found = next((row for row in mine if row["id"] == wanted), None)
    if found is None:
        raise wrong({"deal_id": "There is no such deal."})
    return found


def _lead(conn: Connection, scope: Scope, view: Mapping[str, Any]) -> LeadRow | None:
    """The lead it is about, if it is this person's."""
    row = call_service.lead_of(conn, view)
    return leads.one(conn, scope, row["id"]) if row is not None else None


def _lead_goes_on(work: Work, scope: Scope, row: LeadRow, said: Said) -> None:
    """Note, tags and next contact land on the lead; who is no lead at all is junk."""
    if note := said.get("note", ""):
        lead_service.noted(work, scope, row, note)
    if tags := said.get("tags"):
        lead_service.tag(work, row["id"], tags)
    values: dict[str, Any] = {"status": "junk"} if said.get("not_a_lead") else {}
    if said.get("next_contact_at") is not None:
        values["next_contact_at"] = said["next_contact_at"]
    if values:
        lead_service.store_change(work, scope, row, values)


def _tagged(work: Work, scope: Scope, deal: DealRow, said: Said) -> DealRow:
    """The deal with what was said of the call as tags of its own."""
    had = details.tags_of(work.conn, scope, "deal", deal["id"])
    new = sorted({*had, *said.get("tags", [])})
    return deal if new == had else deal_service.store_change(work, scope, deal, {"tags": new})


def _go_on(work: Work, scope: Scope, view: Mapping[str, Any], deal: DealRow | None, said: Said) -> None:
    """The next contact, or none at all."""
    at = said.get("next_contact_at")
    if deal is None:
        if said.get("not_a_lead"):
            return
        if at is not None:
            task_service.to_call(work, scope, view, at)
        return
    deal = _tagged(work, scope, deal, said)
    if said.get("not_a_lead"):
        if deal["open"]:
            of_pipeline = stages.stages(work.conn, scope, deal["pipeline_id"])
            lost = next((stage for stage in of_pipeline if stage.kind == "lost"), None)
            if lost is None:
                raise wrong({"not_a_lead": "There is no stage for lost deals in this pipeline."})
            moves.moved(work, scope, deal, str(lost.id), NOT_A_LEAD)
    elif at is not None and at != deal["next_contact_at"]:
        deal_service.store_change(work, scope, deal, {"next_contact_at": at})


def _store(work: Work, scope: Scope, row: Mapping[str, Any], spell: str, deal: DealRow | None) -> View:
    wrapups.finish(work.conn, row)
    view = _view(row, spell, deal)
    audit.note(work, scope, "call.wrapped", "call", row["call_id"], {"outcome": (None, row["outcome"])})
    _tell(work, scope, view)
    return view


def _view(row: Mapping[str, Any], spell: str, deal: DealRow | None) -> View:
    return {
        "id": row["call_id"],
        "spell": spell,
        "outcome": row["outcome"],
        "note": row["note"],
        "tags": wrapup.split(row["tags"]),
        "deal_id": str(deal["id"]) if deal else None,
    }


def _tell(work: Work, scope: Scope, view: View) -> None:
    """All of this person's tabs and devices put the card away. What was said is on the deal, not in the journal."""
    told = {name: view[name] for name in ("id", "spell", "outcome", "deal_id")}
    work.journal("call.wrapped", told, only(scope.user_id))


async def hide(db: Database, scope: Scope, call_id: str, spell: str) -> View:
    """Put the card of this spell away, everywhere: {id, spell, …}. A talk is then over and done with, unsaid.

    A card that rings is only out of sight, until the person talks. Raises NotFound.
    """
    return await write(db, lambda work: _hide(work, scope, call_id, spell))


def _hide(work: Work, scope: Scope, call_id: str, spell: str) -> View:
    view = call_service.seen(work.conn, scope, call_id)
    now = wrapup.spell(scope.name, view)
    took_part = scope.name in (*view["rang"], *view["ringing"]) or wrapup.began(scope.name, view)
    if not took_part:
        raise NotFound
    told: View = {"id": call_id, "spell": spell, "outcome": "", "deal_id": None}
    if spell != now or now == "t":
        raise unchanged(told)  # it has gone on meanwhile: its card is another one
    old = wrapups.one(work.conn, scope, call_id)
    if spell.startswith("r"):
        _tell(work, scope, told)
        return told
    row = _row(work, scope, call_id, spell, {}, old)
    if _is_same(row, old):
        raise unchanged(told)
    wrapups.finish(work.conn, row)
    _tell(work, scope, told)
    return told
