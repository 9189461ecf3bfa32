"""REST for what the pages can: two made one, offers, documents; the same rules, headers and journal."""

import io
from typing import Any

import pytest
from aiohttp import FormData

from pbxcrm.crm.documents import MOST_BYTES
from pbxcrm.service import companies, contacts, deals
from tests.http.bed import House

pytestmark = pytest.mark.asyncio
LINES = [{"text": "Phone", "count": "2", "price": "89.90"}]


async def asked(house: House, method: str, path: str, body: Any = None, status: int = 200, who: str = "alice") -> Any:
    answer = await house.ask(method, f"/api/v1{path}", who, json=body)
    assert answer.status == status, await answer.text()
    return await answer.json() if status != 204 else None


@pytest.mark.parametrize("things", ["contacts", "companies"])
async def test_two_are_looked_at_and_made_one(house: House, things: str) -> None:
    make, known = {
        "contacts": (contacts.create, {"numbers": ["+48601000111"]}),
        "companies": (companies.create, {"number": "+48601000111"}),
    }[things]
    alice = house.people["alice"].scope
    one = await make(house.db, alice, {**known, "name": "Nordlicht", "email": "a@n.example", "city": "Bremen"})
    other = await make(house.db, alice, {**known, "name": "Nordlicht", "email": "b@nord.example", "note": "Pays late"})
    (pair,) = (await asked(house, "GET", f"/{things}/duplicates"))["items"]
    assert (pair["why"], {brief["id"] for brief in pair["items"]}) == ("number", {one["id"], other["id"]})
    plan = await asked(house, "GET", f"/{things}/{one['id']}/merge?with={other['id']}")
    assert plan["stays"] == other["id"]
    assert [(f["name"], f["values"], f["chosen"]) for f in plan["fields"]] == [
        ("email", ["a@n.example", "b@nord.example"], 1)
    ]
    versions = dict(zip(("version", "with_version"), (brief["version"] for brief in plan["items"]), strict=True))
    body = {"with": other["id"], **versions, "take": {"email": one["id"]}}
    await asked(house, "POST", f"/{things}/{one['id']}/merge", {**body, "version": 9}, 409)
    wrong = await asked(house, "POST", f"/{things}/{one['id']}/merge", {**body, "take": {"emial": one["id"]}}, 422)
    assert set(wrong["error"]["fields"]) == {"emial"}
    kept = await asked(house, "POST", f"/{things}/{one['id']}/merge", body)
    assert (kept["id"], kept["email"], kept["city"], kept["note"]) == (
        *(other["id"], "a@n.example", "Bremen", "Pays late"),
    )
    gone = await asked(house, "GET", f"/{things}/{one['id']}", status=404)
    assert gone["error"]["code"] == "merged"


async def test_what_cannot_be_merged_is_told_and_stays(house: House) -> None:
    alice, mona = house.people["alice"].scope, house.people["mona"].scope
    mine = await contacts.create(house.db, alice, {"name": "Ela"})
    hers = await contacts.create(house.db, mona, {"name": "Ela"})
    path = f"/contacts/{mine['id']}/merge"
    await asked(house, "GET", path, status=404)
    await asked(house, "GET", f"{path}?with={hers['id']}", status=404)
    await asked(house, "GET", f"{path}?with={mine['id']}&x=1", status=400)
    body = {"with": hers["id"], "version": 1, "with_version": 1}
    await asked(house, "POST", path, body, 404)
    for wrong in ({"take": {"name": "999"}}, {"take": "x"}, {"with": mine["id"]}, {"other": 1}):
        await asked(house, "POST", path, body | wrong, 422, "mona")
    deal = await deals.create(house.db, mona, {"title": "Hers", "contact_id": mine["id"]})
    twin = await contacts.create(house.db, alice, {"name": "Ela"})
    refused = await asked(house, "POST", path, body | {"with": twin["id"]}, 422)
    assert (refused["error"]["code"], deal["contact_id"]) == ("refused", mine["id"])
    assert (await asked(house, "GET", f"/contacts/{twin['id']}"))["version"] == 1


async def test_an_offer_goes_its_way(house: House) -> None:
    deal = await deals.create(house.db, house.people["alice"].scope, {"title": "Phones"})
    path = f"/deals/{deal['id']}/offers"
    wrong = await asked(house, "POST", path, {"items": [{"text": "x", "price": "lots"}], "colour": "red"}, 422)
    assert set(wrong["error"]["fields"]) == {"items", "colour"}
    made = await asked(house, "POST", path, {"items": LINES, "send_on": "2026-12-01"}, 201)
    one = f"/offers/{made['id']}"
    assert (made["total"], made["state"], made["items"][0]["worth"]) == ("179.80", "draft", "179.80")
    made = await asked(house, "PATCH", one, {"version": made["version"], "note": "By Friday"})
    await asked(house, "PATCH", one, {"version": made["version"] + 1, "note": "x"}, 409)
    sent = await asked(house, "POST", one + "/send", {"version": made["version"]})
    frozen = await asked(house, "PATCH", one, {"version": sent["version"], "note": "x"}, 409)
    assert (frozen["error"]["code"], frozen["error"]["current"]["note"]) == ("offer_frozen", "By Friday")
    again = await asked(house, "POST", one + "/revise")
    assert (again["number"], again["revision"], again["state"]) == (made["number"], 2, "draft")
    for query in ("", "?version=x", "?version=1&more=1"):
        await asked(house, "DELETE", f"/offers/{again['id']}{query}", status=400)
    await asked(house, "DELETE", f"/offers/{again['id']}?version={again['version']}", status=204)
    await asked(house, "POST", one + "/accept", {"version": sent["version"], "value": "yes"}, 422)
    done = await asked(house, "POST", one + "/accept", {"version": sent["version"], "value": True})
    assert (done["state"], (await asked(house, "GET", f"/deals/{deal['id']}"))["value"]) == ("accepted", "179.80")
    await asked(house, "POST", one + "/decline", {"version": done["version"]}, 409)
    assert [found["state"] for found in (await asked(house, "GET", path))["items"]] == ["accepted"]
    assert (await asked(house, "GET", one))["by"] == "alice"
    seen = await house.json("GET", "/api/v1/audit?thing=offer&action=saw", "mona")
    assert [entry["thing_id"] for entry in seen["items"]] == [made["id"]]


async def test_documents_come_and_go(house: House) -> None:
    deal = await deals.create(house.db, house.people["alice"].scope, {"title": "Phones"})
    path = f"/api/v1/deals/{deal['id']}/documents"
    form = FormData({"kind": "contract"})
    form.add_field("file", b"%PDF-1.7", filename="Vertrag.pdf", content_type="application/pdf")
    answer = await house.ask("POST", path, "alice", data=form)
    made = await answer.json()
    assert (answer.status, made["name"], made["kind"], made["deal_id"]) == (201, "Vertrag.pdf", "contract", deal["id"])
    text = {"Content-Type": "text/plain"}
    plain = await house.ask("POST", f"{path}?kind=other&name=a.txt", "alice", data=b"hello", headers=text)
    assert plain.status == 201
    listed = (await asked(house, "GET", f"/deals/{deal['id']}/documents"))["items"]
    assert [one["name"] for one in listed] == ["a.txt", "Vertrag.pdf"]
    one = f"/api/v1/documents/{made['id']}"
    page = await house.ask("GET", f"/documents/{made['id']}/file", "alice")
    got = await house.ask("GET", f"{one}/file", "alice", headers={"Range": "bytes=1-3"})
    assert (got.status, await got.read()) == (206, b"PDF")
    names = ("Content-Disposition", "Content-Type", "X-Content-Type-Options", "Content-Security-Policy")
    assert {name: got.headers.get(name) for name in names} == {name: page.headers.get(name) for name in names}
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert (await house.ask("GET", f"{one}/file", "bob")).status == 404
    assert (await asked(house, "GET", "/documents", who="bob"))["items"] == []
    await asked(house, "POST", f"/documents/{made['id']}/share", {"shared": "1"}, 422, "mona")
    await asked(house, "POST", f"/documents/{made['id']}/share", {"shared": True}, who="mona")
    (shared,) = (await asked(house, "GET", "/documents", who="bob"))["items"]
    assert (shared["id"], shared["shared"]) == (made["id"], True)
    await asked(house, "DELETE", f"/documents/{made['id']}", status=404, who="bob")
    await asked(house, "DELETE", f"/documents/{made['id']}", status=204)
    assert (await house.ask("GET", f"{one}/file", "alice")).status == 404


@pytest.mark.parametrize(
    ("query", "body", "kind", "status"),
    [
        ("?kind=other&name=a.html", b"<p>", "text/plain", 422),  # no such ending
        ("?kind=other&name=a.pdf", b"no PDF", "application/pdf", 422),  # not what its name says
        ("?kind=other&name=a.txt", b"", "text/plain", 422),
        ("?kind=bill&name=a.txt", b"x", "text/plain", 422),
        ("?kind=other&name=a.txt", b"x" * (MOST_BYTES + 1), "text/plain", 422),
        ("?kind=other&name=a.txt", b"x", "text/html", 415),
        ("?kind=other", b"x", "multipart/form-data", 400),
    ],
)
async def test_files_that_are_not_taken_leave_nothing(
    house: House, query: str, body: bytes, kind: str, status: int
) -> None:
    deal = await deals.create(house.db, house.people["alice"].scope, {"title": "Phones"})
    path = f"/api/v1/deals/{deal['id']}/documents"
    answer = await house.ask("POST", path + query, "alice", data=io.BytesIO(body), headers={"Content-Type": kind})
    assert answer.status == status, await answer.text()
    assert (await asked(house, "GET", f"/deals/{deal['id']}/documents"))["items"] == []
    assert house.deps.documents is not None
    assert not house.deps.documents.exists() or list(house.deps.documents.iterdir()) == []
