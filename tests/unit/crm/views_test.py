"""The one JSON shape: names, times, money and ids as the contract has them."""

import json

from pbxcrm.calls.model import Evidence
from pbxcrm.crm import views
from pbxcrm.crm.views import ContactRow, DealRow, TaskRow
from tests.store.office import START, Caller

WHY = '[{"field": "city", "asked": "Gdynia", "how": "full", "points": 30}]'
DEAL: DealRow = {
    "id": 7, "title": "Roof", "pipeline_id": 1, "stage_id": 2, "stage_name": "New", "stage_kind": "open", "open": True,
    "owner_id": 3, "owner_name": "alice", "owner_full_name": "Alice", "team_id": None, "contact_id": 4,
    "contact_name": "Ann", "company": "Acme", "number": "+48601234567", "value": 150050, "currency": "EUR",
    "source": "fair", "priority": 0, "note": "", "created_at": START, "stage_since": START + 0.25, "active_at": START,
    "next_contact_at": None, "closed_at": None, "close_reason": "", "version": 1,
    "last_talk_at": START, "score": 30, "idle_days": 10,
    "company_id": 5, "expected_close": "2026-12-31",
}  # fmt: skip
CONTACT: ContactRow = {
    "id": 4, "name": "Ann", "company": "Acme", "email": "a@b", "note": "n", "owner_id": 3, "owner_name": "alice",
    "created_at": START, "last_talk_at": START, "last_talk_by": "bob", "source": "fair", "version": 2,
    "company_id": 5, "job_title": "buyer", "city": "Gdynia", "score": 30, "score_why": WHY, "first_contact_at": START,
    "first_contact_by": "call", "changed_at": None, "details": "{}",
}  # fmt: skip
TASK: TaskRow = {
    "id": 9, "kind": "callback", "title": "Ann", "deal_id": 7, "contact_id": 4, "contact_name": "Ann",
    "company": "Acme", "call_id": "c", "outcome": "missed", "number": "+48601234567", "user_id": None,
    "user_name": None, "team_id": 1, "team_name": "north", "times": 2, "created_at": START, "due_at": START + 300,
    "done_at": None, "done_by_name": None, "called_at": None, "ends_at": None, "place": "Gdynia", "note": "n",
    "result": "", "remind_at": START, "version": 2,
}  # fmt: skip
SECOND = "2026-11-18T11:06:"
AT = "2026-11-18T11:06:40.000Z"


def test_times():
    assert views.iso(START + 0.5) == "2026-11-18T11:06:40.500Z"
    assert views.iso(None) is None
    assert views.epoch("2026-11-18T11:06:40.500Z") == START + 0.5


def test_a_deal():
    view = views.deal(DEAL)
    contract = "id title stage pipeline owner value currency contact_id number source priority created_at stage_since"
    assert {name: view[name] for name in [*contract.split(), "next_contact_at", "version"]} == {
        "id": "7", "title": "Roof", "stage": "2", "pipeline": "1", "owner": "alice", "value": "1500.50",
        "currency": "EUR", "contact_id": "4", "number": "+48601234567", "source": "fair", "priority": 0,
        "created_at": AT, "stage_since": "2026-11-18T11:06:40.250Z", "next_contact_at": None, "version": 1,
    }  # fmt: skip
    assert (view["contact_name"], view["company"], view["owner_full_name"], view["stage_name"], view["stage_kind"]) == (
        "Ann", "Acme", "Alice", "New", "open",
    )  # fmt: skip


def test_a_call():
    phone = Caller(
        "+48601234567", caller_name="Ann", evidence=(Evidence(START, "BridgeEnter", "joined"),), action_id="d1"
    )
    phone.rings("alice", "bob", at=START + 1)
    phone.answers("bob", "PJSIP/102", at=START + 2)
    phone.passes("alice", "PJSIP/101", at=START + 3)
    call = phone.ends(at=START + 4.5).call
    view = views.call(call)
    assert view == {
        "id": call.id, "pbx": "pbx", "linkedids": ["1795000000.1"], "direction": "inbound", "number": "+48601234567",
        "number_verified": False, "caller_name": "Ann", "did": "+48221000100", "outcome": "answered", "started_at": AT,
        "answered_at": "2026-11-18T11:06:42.000Z", "ended_at": "2026-11-18T11:06:44.500Z", "talk_seconds": 2.5,
        "first_answered_by": "bob", "last_answered_by": "alice", "rang": ["alice", "bob"], "caller": None,
        "ringing": [], "talking": [],
        "talks": [
            {"user": "bob", "device": "PJSIP/102", "from": f"{SECOND}42.000Z", "until": f"{SECOND}43.000Z"},
            {"user": "alice", "device": "PJSIP/101", "from": f"{SECOND}43.000Z", "until": f"{SECOND}44.500Z"},
        ],
        "transfers": [{"kind": "attended", "at": "2026-11-18T11:06:43.000Z", "by": "bob", "to": "alice"}],
        "evidence": [{"at": AT, "event": "BridgeEnter", "text": "joined"}],
        "contact_id": None, "deal_id": None, "dial_id": "d1", "recording": None,
    }  # fmt: skip
    json.dumps(view)


def test_what_the_store_adds_and_what_it_keeps_to_itself():
    stored = {"id": "c", "contact_id": None, "deal_id": None, "recording": None, "customer": "1.1", "root": "1.2"}
    assert views.with_links(stored, 4, None, "a.wav") == {
        "id": "c",
        "contact_id": "4",
        "deal_id": None,
        "recording": "/api/v1/calls/c/recording",
    }


def test_a_contact():
    assert views.contact(CONTACT, ["+48601234567"], {"colour": "Red"}) == {
        "id": "4", "name": "Ann", "company": "Acme", "email": "a@b", "note": "n", "numbers": ["+48601234567"],
        "owner": "alice", "created_at": AT, "last_talk_at": AT, "last_talk_by": "bob", "source": "fair", "version": 2,
        "company_id": "5", "job_title": "buyer", "city": "Gdynia", "score": 30, "first_contact_at": AT,
        "first_contact_by": "call", "changed_at": None, "custom": {"colour": "Red"},
    }  # fmt: skip


def test_a_task():
    assert views.task(TASK) == {
        "id": "9", "kind": "callback", "title": "Ann", "deal_id": "7", "contact_id": "4", "contact_name": "Ann",
        "company": "Acme", "call_id": "c", "outcome": "missed", "number": "+48601234567", "user": None,
        "team": "north", "times": 2, "created_at": AT, "due_at": "2026-11-18T11:11:40.000Z", "done_at": None,
        "done_by": None, "ends_at": None, "place": "Gdynia", "note": "n", "result": "", "remind_at": AT, "version": 2,
    }  # fmt: skip


def test_the_caller_card():
    assert views.card(None, []) == {"contact": None, "lead": None, "deals": [], "last_talk": None}
    never: ContactRow = {**CONTACT, "last_talk_at": None}
    assert views.card(never, [])["last_talk"] is None
    assert views.card(CONTACT, [DEAL], {7: {"needs": "Slates", "budget": "yes", "budget_amount": "2000.00"}}) == {
        "contact": {
            "id": "4", "name": "Ann", "company": "Acme", "score": 30, "reasons": json.loads(WHY), "contact_by": "",
        },
        "lead": None,
        "deals": [
            {
                "id": "7", "title": "Roof", "stage": "2", "stage_name": "New", "owner": "alice",
                "next_contact_at": None, "value": "1500.50", "currency": "EUR", "note": "",
                "needs": "Slates", "budget": "2000.00",
            }
        ],
        "last_talk": {"at": AT, "by": "bob"},
    }  # fmt: skip


def test_nobody_and_nothing():
    assert views.ident(None) is None
    assert views.ident(5) == "5"
