"""Who saw and changed what: all of it is noted, cheaply, for managers, and nothing takes it back."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from pbxcrm.http import labels
from pbxcrm.http.keys import TRAIL
from pbxcrm.http.seen import SHOWS
from pbxcrm.service import audit, contacts, people
from pbxcrm.service.errors import NotFound
from pbxcrm.store.db import Database
from tests.http.bed import PASSWORD, ROOT, Clock, House, both
from tests.http.things import CANARY, things_of
from tests.security.foreign_eyes_test import routes

asyncio = pytest.mark.asyncio

# GET addresses that show nothing of a customer, or nothing by themselves.
SHOWS_NOBODY = {
    "/imports/new", "/leads/new", "/contacts/new", "/companies/new", "/settings/leads",
    "/healthz", "/readyz", "/metrics", "/static/{version}/{name}", "/api/v1/openapi.json", "/api/v1/board", "/",
    "/login", "/me", "/pbx", "/board/filter", "/help/keys", "/settings/pipelines",
    "/settings/pipelines/{id}", "/calls/missed/count",
    "/live", "/api/v1/live",  # noted at the beginning, by the stream itself
    "/reports", "/reports/lost", "/reports/sources", "/reports/stages",  # sums
    "/reports/{name}.csv",  # noted by itself, as exported
    "/settings/scores", "/settings/scores/reach", "/settings/fields", "/api/v1/fields",
    "/calls/{id}/waveform.svg",  # how loud; the page that shows it is noted, and who listens
    "/feed/{secret}.ics",  # noted by itself, for its secret says who it is
}  # fmt: skip


def test_every_address_says_what_it_shows() -> None:
    asked = {path for method, path in routes() if method == "GET"}
    assert asked - set(SHOWS) - SHOWS_NOBODY == set()
    assert set(SHOWS) - asked == set()
    assert not set(SHOWS) & SHOWS_NOBODY


def test_nothing_changes_or_removes_what_was_noted() -> None:
    """Only retention and the erasure of a person do, each in its own file of the store."""
    for path in (ROOT / "pbxcrm").rglob("*.py"):
        found = re.findall(r"\b(?:update|delete|sql_update)\((?:schema\.)?audit\b", path.read_text())
        assert not found or path.name in ("erasure.py", "retention.py"), path
    methods = {method for method, path in routes() if "audit" in path}
    assert methods == {"GET"}


async def entries(house: House, **filters: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    found: list[dict[str, Any]] = (await house.json("GET", f"/api/v1/audit?limit=200&{query}", "mona"))["items"]
    return found


def test_every_action_and_thing_has_its_words() -> None:
    assert set(labels.ACTIONS) == set(audit.ACTIONS)
    assert set(SHOWS.values()) <= set(labels.THINGS)


@asyncio
@both
async def test_who_saw_what_once_in_a_while(house: House, clock: Clock) -> None:
    things = await things_of(house, house.people["alice"])
    for _ in range(3):
        await house.json("GET", f"/api/v1/deals/{things.deal}", "alice")
    await house.json("GET", f"/api/v1/deals/{things.deal}", "charlie", 404)  # shown nothing
    await house.ask("GET", f"/calls/{things.call}", "alice")
    seen = await entries(house, action="saw", user="alice")
    assert [(e["thing"], e["thing_id"], e["peer"], e["times"]) for e in reversed(seen)] == [
        ("deal", things.deal, "127.0.0.1", 1),
        ("call", things.call, "127.0.0.1", 1),
    ]
    assert await entries(house, user="charlie", action="saw") == []
    clock.on(audit.WINDOW)
    await house.json("GET", f"/api/v1/deals/{things.deal}", "alice")
    assert len(await entries(house, thing="deal", thing_id=things.deal, action="saw")) == 2
    assert [e["thing"] for e in await entries(house, user="mona", action="saw")][-1] == "audit"  # this too


@asyncio
async def test_reading_writes_nothing_by_itself(house: House) -> None:
    things = await things_of(house, house.people["alice"])

    async def newest() -> int:
        async with house.db.read() as conn:
            return int((await conn.execute(text("SELECT max(id) FROM journal"))).scalar() or 0)

    before = await newest()
    for _ in range(50):
        await house.json("GET", f"/api/v1/contacts/{things.contact}", "alice")
    assert await newest() == before
    await house.server.app[TRAIL].flush()
    assert await newest() == before + 1


@asyncio
@both
async def test_what_was_changed_from_what_to_what(house: House) -> None:
    things = await things_of(house, house.people["alice"])
    body = {"version": things.version, "title": "A boat", "value": "12.00"}
    changed = await house.json("PATCH", f"/api/v1/deals/{things.deal}", "alice", json=body)
    body = {"version": changed["version"], "stage": things.stage}
    await house.json("POST", f"/api/v1/deals/{things.deal}/move", "alice", json=body)
    moved, edited = (await entries(house, thing="deal", thing_id=things.deal))[:2]
    assert (edited["action"], edited["user"], edited["peer"]) == ("deal.changed", "alice", "127.0.0.1")
    assert edited["changes"]["title"][1] == "A boat"
    assert edited["changes"]["title"][0].startswith(CANARY)
    assert edited["changes"]["value"] == [None, "12.00 EUR"]
    assert set(edited["changes"]) == {"title", "value"}
    assert (moved["action"], set(moved["changes"])) == ("deal.moved", {"stage_name"})
    body = {"version": things.contact_version, "numbers": ["+48601234567"]}
    await house.json("PATCH", f"/api/v1/contacts/{things.contact}", "alice", json=body)
    (contact, *_) = await entries(house, thing="contact", thing_id=things.contact)
    assert contact["changes"] == {"numbers": [[things.number], ["+48601234567"]]}
    await house.json("POST", f"/api/v1/tasks/{things.task}/done", "alice")
    await house.json("POST", f"/api/v1/deals/{things.deal}/notes", "alice", 201, json={"text": "secret words"})
    newest = await entries(house)
    assert [e["action"] for e in newest if e["action"] != "saw"][:2] == ["note.added", "task.done"]
    assert "secret words" not in str(newest)


@asyncio
async def test_a_change_that_is_undone_leaves_no_entry(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry is of the same transaction."""
    await people.add_user(db, "alice", "agent")

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("pbxcrm.service.people.end_sessions", broken)
    with pytest.raises(RuntimeError):
        await people.set_password(db, "alice", PASSWORD)
    async with db.read() as conn:
        actions = (await conn.execute(text("SELECT action FROM audit"))).scalars().all()
    assert actions == ["user.added"]


@asyncio
@both
async def test_logins_and_those_that_failed(house: House) -> None:
    await people.set_password(house.db, "alice", PASSWORD)
    for name, password in (
        ("alice", "wrong"),
        ("alice", "wrong"),
        ("my-secret-password", "alice"),
        ("alice", PASSWORD),
    ):
        await house.ask("POST", "/login", data={"name": name, "password": password})
    found = {(e["action"], e["user"], e["times"]) for e in await entries(house) if e["action"].startswith("login")}
    assert found == {("login", "alice", 1), ("login.failed", "alice", 2), ("login.failed", "", 1)}
    assert "my-secret-password" not in str(await entries(house))  # typed into the wrong field
    assert {e["peer"] for e in await entries(house, action="login.failed")} == {"127.0.0.1"}


@asyncio
async def test_many_failed_logins_are_few_rows_and_little_memory(db: Database) -> None:
    trail = audit.Trail(db)
    for n in range(audit._WAITING + 500):
        trail.failed("", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", refused=True)
    assert len(trail._waiting) == audit._WAITING
    assert trail.lost == 500
    await trail.flush()
    assert not trail._waiting


@asyncio
async def test_looks_wait_while_the_database_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pbxcrm.service.errors import Unavailable
    from pbxcrm.store.errors import DatabaseUnusable

    trail = house.server.app[TRAIL]
    trail.saw(house.people["alice"].scope, "deal", "7")

    async def gone(*_: Any, **__: Any) -> Any:
        raise DatabaseUnusable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", gone)
        with pytest.raises(Unavailable):
            await trail.flush()
        for _ in range(3):
            await trail._try()
    for _ in range(2):
        await trail._try()
    assert caplog.text.count("Who looked at what waits") == 1
    assert caplog.text.count("Who looked at what is written again") == 1
    assert [e["thing_id"] for e in await entries(house, thing="deal")] == ["7"]


@asyncio
@both
async def test_dials_asked_and_refused(house: House) -> None:
    body = {"number": "+48601234567"}
    await house.json("POST", "/api/v1/dial", "alice", 202, json=body, headers={"Idempotency-Key": "1"})
    body = {"number": "+88213012345678"}
    await house.json("POST", "/api/v1/dial", "alice", 422, json=body, headers={"Idempotency-Key": "2"})
    refused, asked = await entries(house, thing="dial")
    assert (asked["action"], asked["changes"]) == ("dial.asked", {"number": [None, "+48601234567"]})
    assert (refused["action"], refused["user"]) == ("dial.refused", "alice")
    assert refused["changes"]["number"] == [None, "+88213012345678"]
    assert refused["changes"]["why"][1]


@asyncio
@both
async def test_people_changed_by_the_command_line(db: Database) -> None:
    await people.add_user(db, "alice", "agent", ["PJSIP/101"], password=PASSWORD)
    await people.set_password(db, "alice", "another one here")
    await people.change_user(db, "alice", role="manager")
    token = await people.create_token(db, "alice")
    await people.revoke_tokens(db, "alice")
    async with db.read() as conn:
        rows = (await conn.execute(text("SELECT name, peer, action, thing_id, changes FROM audit ORDER BY id"))).all()
    assert [row.action for row in rows] == [
        "user.added", "device.added", "user.changed", "user.changed", "token.created", "token.revoked",
    ]  # fmt: skip
    assert {(row.name, row.peer, row.thing_id) for row in rows} == {("pbxcrm", "command line", "alice")}
    assert '"role": ["agent", "manager"]' in rows[3].changes
    for secret in (PASSWORD, "another one here", token, "argon2"):
        assert secret not in str(rows)


@asyncio
async def test_pages_of_the_log_hold_every_entry_once(house: House, clock: Clock) -> None:
    scope = house.people["alice"].scope
    for n in range(7):
        await contacts.create(house.db, scope, {"name": f"C{n}"})
        clock.on(n % 2)
    seen, cursor = [], ""
    while cursor is not None:
        page = await house.json("GET", f"/api/v1/audit?limit=2&action=contact.created&cursor={cursor}", "mona")
        seen += [e["changes"]["name"][1] for e in page["items"]]
        cursor = page["next"]
    assert seen == [f"C{n}" for n in reversed(range(7))]
    with pytest.raises(NotFound):
        await audit.list_audit(house.db, scope)


def test_every_action_is_one_of_those_told() -> None:
    files = [p for p in (ROOT / "pbxcrm" / "service").glob("*.py") if p.name != "audit.py"]
    said = set(re.findall(r'audit\.noted?\([^")]*"([a-z.]+)"', "".join(p.read_text() for p in files))) - {
        "deal",
        "webhook",
        "import",
        "lead",
        "company",
        "offer",
    }
    assert said
    assert said <= set(audit.ACTIONS)
