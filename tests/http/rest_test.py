"""REST as contract: shapes, pages, strict bodies, and errors that say what to do."""

import json
from typing import Any

import pytest

from tests.http.bed import Clock, House

pytestmark = pytest.mark.asyncio
DEAL = {
    "id", "title", "stage", "pipeline", "owner", "value", "currency", "contact_id", "number", "source", "priority",
    "created_at", "stage_since", "next_contact_at", "version",
}  # fmt: skip


async def stages(house: House) -> dict[str, str]:
    board = await house.json("GET", "/api/v1/board", "mona")
    return {stage["name"]: stage["id"] for stage in board["stages"]}


async def test_a_deal_from_new_to_lost(house: House) -> None:
    made = await house.json(
        "POST", "/api/v1/deals", "alice", 201, json={"title": "Boat", "value": "1250.50", "number": "601 234 567"}
    )
    assert set(made) >= DEAL
    assert (made["title"], made["value"], made["number"], made["owner"]) == ("Boat", "1250.50", "+48601234567", "alice")
    one = f"/api/v1/deals/{made['id']}"
    assert await house.json("GET", one, "alice") == made
    changed = await house.json("PATCH", one, "alice", json={"version": made["version"], "title": "Big boat"})
    assert (changed["title"], changed["version"]) == ("Big boat", made["version"] + 1)
    stale = await house.json("PATCH", one, "mona", 409, json={"version": made["version"], "title": "Small boat"})
    assert stale["error"]["current"] == changed
    assert stale["error"]["by"] == "alice"
    lost = (await stages(house))["Lost"]
    move = {"stage": lost, "version": changed["version"]}
    refused = await house.json("POST", one + "/move", "alice", 422, json=move)
    assert list(refused["error"]["fields"]) == ["reason"]
    moved = await house.json("POST", one + "/move", "alice", json={**move, "reason": "too dear"})
    assert (moved["stage"], moved["version"]) == (lost, changed["version"] + 1)
    items = (await house.json("GET", one + "/timeline", "alice"))["items"]
    assert "stage" in {item["kind"] for item in items}


async def test_what_happened_names_what_was_changed(house: House, clock: Clock) -> None:
    made = await house.json("POST", "/api/v1/deals", "alice", 201, json={"title": "Boat", "value": "500"})
    one = f"/api/v1/deals/{made['id']}"
    clock.on(60)
    given = {"version": made["version"], "value": "700", "priority": 2, "competitors": "Rivals", "tags": ["big"]}
    changed = await house.json("PATCH", one, "alice", json=given)
    clock.on(60)
    await house.json("PATCH", one, "mona", json={"version": changed["version"], "title": "Big boat", "owner": "mona"})
    items = (await house.json("GET", one + "/timeline", "mona"))["items"]
    told = [(item["by"], item["changes"]) for item in items if item["kind"] == "change"]
    assert told[0] == ("mona", {"title": ["Boat", "Big boat"], "owner_name": ["alice", "mona"]})
    assert told[1][0] == "alice"
    assert told[1][1] | {"competitors": ["", "Rivals"]} == {
        "value": ["500.00 EUR", "700.00 EUR"], "priority": [0, 2], "competitors": ["", "Rivals"], "tags": ["", "big"]
    }  # fmt: skip
    assert len(told) == 2
    page = await (await house.ask("GET", f"/deals/{made['id']}", "mona")).text()
    assert all(f'<ins dir="auto">{new}</ins>' in page for new in ("Big boat", "urgent"))
    assert '<del dir="auto">€500</del>' in page


async def test_the_board_counts_and_names_its_moment(house: House) -> None:
    for n in range(3):
        await house.json("POST", "/api/v1/deals", "alice", 201, json={"title": f"Boat {n}", "value": "10"})
    board = await house.json("GET", "/api/v1/board", "alice")
    assert int(board["as_of"]) > 0
    assert isinstance(board["as_of"], str)
    assert next(stage["kind"] for stage in board["stages"]) == "unsorted"
    assert {"id", "name", "kind", "count", "value"} <= set(board["stages"][0])
    assert sum(stage["count"] for stage in board["stages"]) == 3
    assert sum(float(stage["value"]) for stage in board["stages"]) == 30.0
    theirs = await house.json("GET", "/api/v1/board", "bob")
    assert sum(stage["count"] for stage in theirs["stages"]) == 0


async def test_pages_hold_every_row_once(house: House) -> None:
    made = [
        (await house.json("POST", "/api/v1/deals", "alice", 201, json={"title": f"Boat {n}"}))["id"] for n in range(7)
    ]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await house.json("GET", f"/api/v1/deals?limit=3{cursor}", "alice")
        assert len(page["items"]) <= 3
        seen += [deal["id"] for deal in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted(made)
    assert len(seen) == 7


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limit=-1", "limit=1e2", "limit=%D9%A3", "limit=1&limit=2", "cursor=garbage",
     "cursor=" + "A" * 5000, "cursor=%00", "cursor=WzEsMl0x", "cursor=e30", "stagee=1", "stage=x", "open=perhaps"],
)  # fmt: skip
async def test_what_a_list_does_not_take_is_400(house: House, query: str) -> None:
    body = await house.json("GET", f"/api/v1/deals?{query}", "alice", 400)
    assert set(body["error"]) == {"code", "message"}
    assert len(body["error"]["message"]) < 400


@pytest.mark.parametrize("path", ["/api/v1/calls", "/api/v1/contacts", "/api/v1/tasks", "/api/v1/unclaimed"])
async def test_every_list_is_paged_and_strict(house: House, path: str) -> None:
    assert await house.json("GET", path, "alice") == {"items": [], "next": None}
    for query in ("limit=x", "limit=0", "cursor=garbage", "nofilter=1"):
        if path.endswith("unclaimed") and query == "cursor=garbage":
            continue
        await house.json("GET", f"{path}?{query}", "alice", 400)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/v1/deals", {"title": "x", "stag": "1"}, "stag"),
        ("/api/v1/deals", {"title": 5}, "title"),
        ("/api/v1/deals", {"title": None}, "title"),
        ("/api/v1/deals", {}, "title"),
        ("/api/v1/deals", {"title": "x", "value": 12.5}, "value"),
        ("/api/v1/deals", {"title": "x", "value": "1e99999"}, "value"),
        ("/api/v1/deals", {"title": "x", "value": "NaN"}, "value"),
        ("/api/v1/deals", {"title": "x", "currency": "EURO"}, "currency"),
        ("/api/v1/deals", {"title": "x", "contact_id": "999"}, "contact_id"),
        ("/api/v1/deals", {"title": "x", "stage": "99999999999999999999999"}, "stage"),
        ("/api/v1/deals", {"title": "x", "priority": True}, "priority"),
        ("/api/v1/deals", {"title": "x", "next_contact_at": "tomorrow"}, "next_contact_at"),
        ("/api/v1/deals", {"title": "x", "next_contact_at": "2026-01-01T10:00:00"}, "next_contact_at"),
        ("/api/v1/deals", {"title": "x", "owner": "bob"}, "owner"),
        ("/api/v1/deals", {"title": "x" * 300}, "title"),
        ("/api/v1/deals", {"title": "x", "number": "no number"}, "number"),
        ("/api/v1/deals", {"title": "x", "id": "7"}, "id"),
        ("/api/v1/deals", {"title": "x", "\ud800": 1}, "?"),
        ("/api/v1/contacts", {"name": "x", "numbers": "+48601234567"}, "numbers"),
        ("/api/v1/contacts", {"name": "x", "numbers": [5]}, "numbers"),
        ("/api/v1/contacts", {"nam": "x"}, "nam"),
        ("/api/v1/contacts", {}, "name"),
        ("/api/v1/tasks", {"title": "x"}, "due_at"),
        ("/api/v1/dial", {"numbr": "+48601234567"}, "numbr"),
        ("/api/v1/dial", {"number": 5}, "number"),
        ("/api/v1/dial", {"deal_id": 5}, "deal_id"),
        ("/api/v1/dial", {}, "number"),
    ],
)
async def test_a_wrong_field_is_named(house: House, path: str, body: Any, field: str) -> None:
    answer = await house.json("POST", path, "alice", 422, json=body, headers={"Idempotency-Key": "k"})
    assert list(answer["error"]["fields"]) == [field]
    assert set(answer["error"]) == {"code", "message", "fields"}


@pytest.mark.parametrize("version", [None, "1", 0, -1, 1.5, True, 2**31, 10**30])
async def test_versions(house: House, version: Any) -> None:
    made = await house.json("POST", "/api/v1/deals", "alice", 201, json={"title": "Boat"})
    body = {"title": "x"} if version is None else {"title": "x", "version": version}
    answer = await house.json("PATCH", f"/api/v1/deals/{made['id']}", "alice", 422, json=body)
    assert list(answer["error"]["fields"]) == ["version"]


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"x"', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"title": NaN}', "application/json", 400),
        (b'{"title": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "application/json", 400),
        (b'{"value": ' + b"9" * 20_000 + b"}", "application/json", 400),
        (b'{"title": "x"}', "text/plain", 415),
        (b"title=x", "application/x-www-form-urlencoded", 415),
        (b'{"title": "' + b"x" * 70_000 + b'"}', "application/json", 413),
    ],
)
async def test_bodies_that_cannot_be_read(house: House, raw: bytes, kind: str, status: int) -> None:
    answer = await house.json("POST", "/api/v1/deals", "alice", status, data=raw, headers={"Content-Type": kind})
    assert set(answer["error"]) == {"code", "message"}


@pytest.mark.parametrize("garbage", ["0", "-1", "x", "1.5", "9" * 19, "9" * 400, "%00", "%ff", "١", "..%2f1", "1%20"])
@pytest.mark.parametrize("thing", ["deals", "contacts", "calls", "dial"])
async def test_ids_that_are_none_are_not_there(house: House, thing: str, garbage: str) -> None:
    answer = await house.ask("GET", f"/api/v1/{thing}/{garbage}", "mona")
    assert answer.status == 404
    assert (await answer.json())["error"]["code"] == "not_found"


async def test_text_comes_back_as_it_went_in_and_clean(house: House) -> None:
    made = await house.json(
        "POST", "/api/v1/contacts", "alice", 201, json={"name": "  علی\u202e\0 <b>رضایی</b>\u0007 "}
    )
    assert made["name"] == "علی <b>رضایی</b>"
    raw = await (await house.ask("GET", f"/api/v1/contacts/{made['id']}", "alice")).read()
    assert json.loads(raw)["name"] == made["name"]


async def test_dial_answers_202_then_200(house: House) -> None:
    body, key = {"number": "601 234 567"}, {"Idempotency-Key": "click-1"}
    first = await house.json("POST", "/api/v1/dial", "alice", 202, json=body, headers=key)
    again = await house.json("POST", "/api/v1/dial", "alice", 200, json=body, headers=key)
    assert first["id"] == again["id"]
    assert {"id", "state"} <= set(first)
    assert len(house.pbx.sent) == 1
    assert (await house.json("GET", f"/api/v1/dial/{first['id']}", "alice"))["state"] == "sent"
    no_key = await house.json("POST", "/api/v1/dial", "alice", 422, json=body)
    assert list(no_key["error"]["fields"]) == ["Idempotency-Key"]
    house.pbx.link.up = False
    down = await house.json("POST", "/api/v1/dial", "alice", 503, json=body, headers={"Idempotency-Key": "click-2"})
    assert down["error"]["code"] == "unavailable"
    assert len(house.pbx.sent) == 1
    house.pbx.link.up = True
    for n in range(9):
        await house.json("POST", "/api/v1/dial", "alice", 202, json=body, headers={"Idempotency-Key": f"m{n}"})
    many = await house.ask("POST", "/api/v1/dial", "alice", json=body, headers={"Idempotency-Key": "m10"})
    assert many.status == 429
    assert many.headers["Retry-After"] == "60"
    assert len(house.pbx.sent) == 10


async def test_claim_notes_and_tasks(house: House) -> None:
    made = await house.json("POST", "/api/v1/deals", "mona", 201, json={"title": "Boat", "owner": None})
    assert made["owner"] is None
    assert (await house.json("GET", "/api/v1/deals", "alice"))["items"] == []
    (free,) = (await house.json("GET", "/api/v1/unclaimed", "alice"))["items"]
    assert free["id"] == made["id"]
    mine = await house.json("POST", f"/api/v1/deals/{made['id']}/claim", "alice")
    assert mine["owner"] == "alice"
    note = await house.json("POST", f"/api/v1/deals/{made['id']}/notes", "alice", 201, json={"text": "Called back."})
    assert (note["text"], note["by"]) == ("Called back.", "alice")
    task = {"title": "Send the offer", "due_at": "2026-11-18T09:30:00Z", "deal_id": made["id"]}
    todo = await house.json("POST", "/api/v1/tasks", "alice", 201, json=task)
    (only,) = (await house.json("GET", "/api/v1/tasks", "alice"))["items"]
    assert only["id"] == todo["id"]
    assert (await house.json("POST", f"/api/v1/tasks/{todo['id']}/done", "alice"))["done_at"]
    assert (await house.json("GET", "/api/v1/tasks", "alice"))["items"] == []


async def test_methods_and_addresses_that_are_not_there(house: House) -> None:
    answer = await house.ask("DELETE", "/api/v1/deals", "alice")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET,HEAD,POST"
    assert (await answer.json())["error"]["code"] == "method_not_allowed"
    answer = await house.ask("GET", "/api/v1/nothing", "alice")
    assert answer.status == 404
    assert (await answer.json())["error"]["code"] == "not_found"
