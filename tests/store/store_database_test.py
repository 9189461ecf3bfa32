"""A database that cannot be used says so in words; transactions are whole or not at all; both databases alike."""

import asyncio
import os
import re
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from pbxcrm.crm.access import SYSTEM
from pbxcrm.service import deals, link
from pbxcrm.service.errors import Unavailable
from pbxcrm.store import errors, schema, threads
from pbxcrm.store.db import EVERYBODY, Database, NothingJournalled, audience, last_journal_id, only
from pbxcrm.store.errors import DatabaseUnusable
from pbxcrm.store.migrations import migrate
from pbxcrm.store.prepared import Command, Insertion, Query
from tests.fakes.postgres import free_port
from tests.store.office import table_rows

pytestmark = pytest.mark.asyncio

PROMISE = r"(Nothing|nothing) (was|more is|is)|not touched|was not stored"  # what it means for the data
ADVICE = (
    r"PBXCRM_DATABASE_URL|backup|folder|Close the|Free some|Install|createdb|name a file|Raise max_connections|"
    r"Make them|Look at the disk"
)


async def start(url: str) -> None:
    db = Database(url)
    try:
        await migrate(db)
    finally:
        await db.close()


async def refusal(url: str) -> str:
    """The one clear message that a start on this database gives."""
    with pytest.raises(DatabaseUnusable) as caught:
        await start(url)
    message = caught.value.message
    assert str(caught.value) == message
    assert "\n" not in message
    assert "secret" not in message
    assert re.search(PROMISE, message), message
    assert re.search(ADVICE, message), message
    return message


def file(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


# ---- databases that cannot be used


async def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 1000)
    said = await refusal(file(path))
    assert "notes.txt" in said
    assert "not a database" in said
    assert path.read_text().startswith("Dear diary")


async def test_a_damaged_file(tmp_path):
    path = tmp_path / "pbxcrm.db"
    db = Database(file(path))
    await migrate(db)
    await db.close()
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    db = Database(file(path))
    with pytest.raises(DatabaseUnusable, match=r"malformed.*backup"):
        await db.reading(lambda conn: [table_rows(conn, name) for name in schema.metadata.tables])
    await db.close()


async def test_a_folder_that_is_not_there(tmp_path):
    said = await refusal(file(tmp_path / "no" / "such" / "folder" / "pbxcrm.db"))
    assert "unable to open" in said
    assert "folder" in said


async def test_a_folder_in_its_place(tmp_path):
    assert "unable to open" in await refusal(file(tmp_path))


async def test_a_new_file_and_its_folder_are_made_and_are_its_owners_alone(tmp_path):
    path = tmp_path / "var" / "pbxcrm.db"
    db = Database(file(path))
    await migrate(db)
    for made in (path, path.with_name("pbxcrm.db-wal")):
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await db.close()


async def test_a_file_that_another_program_keeps_locked(tmp_path, monkeypatch):
    monkeypatch.setattr("pbxcrm.store.threads.BUSY", 1)
    db = Database(file(tmp_path / "pbxcrm.db"))
    await migrate(db)
    other = sqlite3.connect(tmp_path / "pbxcrm.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnusable, match=r"locked.*can be asked again"):
        await db.writing(lambda work: work.journal("x", {}, None))
    with pytest.raises(DatabaseUnusable, match="locked"):
        async with db.write() as tx:
            tx.journal("x", {}, None)
    with pytest.raises(Unavailable, match="locked") as caught:
        await link.changed(db, "pbx", True, 1.0)
    assert caught.value.code == "database_down"
    other.execute("ROLLBACK")
    other.close()
    await link.changed(db, "pbx", True, 1.0)
    assert (await link.state(db))["up"]
    await db.close()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("database or disk is full", "Free some space"),
        ("disk I/O error", "Look at the disk"),
        ("attempt to write a readonly database", "Let the user who runs pbxcrm write"),
        ("database is locked", "Close the program"),
        ("something new", "Check that"),
    ],
)
async def test_what_sqlite_says_is_told_with_what_it_means(db, said, advice, monkeypatch):
    def fail(*_args):
        raise sqlite3.OperationalError(said)

    monkeypatch.setattr("pbxcrm.store.threads.run", fail)
    if not db.sqlite:
        explained = errors.explain(Database("sqlite+aiosqlite:////tmp/x.db").url, sqlite3.OperationalError(said))
        assert advice in explained.message
        return
    with pytest.raises(DatabaseUnusable, match=advice) as caught:
        await db.writing(lambda work: None)
    assert said in caught.value.message


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://user:secret@host/db", "sqlite:///x.db", "postgresql://user:secret@host/db",
     "postgresql+asyncpg://user:secret@host:port/db", "sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"],
)  # fmt: skip
async def test_a_url_that_names_no_database(url):
    said = await refusal(url)
    assert "PBXCRM_DATABASE_URL" in said or "name a file" in said


async def test_a_server_that_is_not_there():
    said = await refusal(f"postgresql+asyncpg://user:secret@127.0.0.1:{free_port()}/name")
    assert "Check that the server runs" in said
    assert "127.0.0.1" in said


async def test_a_database_or_user_that_the_server_does_not_know(postgres):
    assert "createdb" in await refusal(postgres.url("nosuch"))
    assert "user" in await refusal(postgres.url("postgres").replace("tests@", "zoe:secret@"))


async def test_a_server_without_a_connection_left_and_a_readonly_one(postgres):
    url = postgres.database()
    postgres.sql(f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET default_transaction_read_only = on")
    db = Database(url)
    with pytest.raises(DatabaseUnusable, match="standby"):
        await db.writing(lambda work: work.journal("x", {}, None))
    await db.close()
    postgres.sql("ALTER ROLE tests CONNECTION LIMIT 1")
    postgres.sql("CREATE ROLE few LOGIN CONNECTION LIMIT 0")
    said = await refusal(url.replace("tests@", "few@"))
    assert "connection" in said
    postgres.sql("ALTER ROLE tests CONNECTION LIMIT -1")


async def test_a_driver_that_is_not_installed(monkeypatch):
    def missing(*_args, **_more):
        raise ModuleNotFoundError("No module named 'asyncpg'", name="asyncpg")

    monkeypatch.setattr("pbxcrm.store.db.create_async_engine", missing)
    assert "pip install 'pbxcrm[postgres]'" in await refusal("postgresql+asyncpg://user:secret@host/name")


async def test_a_server_that_goes_away_and_comes_back(postgres):
    url = postgres.database()
    db = Database(url)
    await db.writing(lambda work: work.journal("x", {}, None))
    name = url.rsplit("/", 1)[1]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    postgres.sql(cut)
    await db.writing(lambda work: work.journal("x", {}, None))  # the dead connection is noticed before it is used
    with pytest.raises(DatabaseUnusable):
        await db.reading(lambda conn: (postgres.sql(cut), conn.execute(text("SELECT 1"))))
    assert len(await db.reading(lambda conn: table_rows(conn, "journal"))) == 2
    await db.close()


# ---- transactions


async def fail_awaiting(db: Database) -> None:
    async with db.write() as tx:
        tx.journal("x", {}, None)
        await tx.conn.execute(insert(schema.teams).values(name="a"))
        raise ZeroDivisionError


async def test_a_transaction_that_fails_leaves_no_trace_and_the_next_one_works(db):
    def fail(work):
        work.journal("x", {}, None)
        work.conn.execute(insert(schema.teams).values(name="a"))
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await db.writing(fail)
        with pytest.raises(ZeroDivisionError):
            await fail_awaiting(db)
    assert await db.reading(lambda conn: (table_rows(conn, "teams"), table_rows(conn, "journal"))) == ([], [])
    with pytest.raises(NothingJournalled):
        await db.writing(lambda work: work.conn.execute(insert(schema.teams).values(name="a")))
    assert await db.reading(lambda conn: table_rows(conn, "teams")) == []
    await db.writing(lambda work: work.journal("x", {"a": 1}, None))
    assert [row["data"] for row in await db.reading(lambda conn: table_rows(conn, "journal"))] == ['{"a": 1}']


async def test_a_read_is_one_snapshot_whatever_is_written_meanwhile(db):
    async with db.read() as conn:
        assert await last_journal_id(conn) == 0
        await db.writing(lambda work: work.journal("x", {}, None))
        assert await last_journal_id(conn) == 0
    async with db.read() as conn:
        assert await last_journal_id(conn) == 1


async def test_everybody_is_woken_after_the_commit_and_not_before(db):
    woken = []
    db.on_commit(lambda: woken.append(1))
    with pytest.raises(ZeroDivisionError):
        await db.writing(lambda work: 1 // 0)
    assert woken == []
    await db.writing(lambda work: work.journal("x", {}, None))
    async with db.write() as tx:
        tx.journal("x", {}, None)
        assert len(woken) == 1
    assert len(woken) == 2


async def test_a_write_that_is_cancelled_is_whole_or_not_at_all(db):
    for tries in range(20):
        task = asyncio.create_task(db.writing(lambda work: work.journal("x", {}, None)))
        for _ in range(tries):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await db.writing(lambda work: work.journal("last", {}, None))
    kinds = [row["kind"] for row in await db.reading(lambda conn: table_rows(conn, "journal"))]
    assert kinds[-1] == "last"
    assert set(kinds[:-1]) <= {"x"}


async def test_what_seldom_changes_is_counted(db):
    before = db.generation
    for kind in (
        "call.ended",
        "contact.created",
        "company.created",
        "company.removed",
    ):  # as imports do by the thousand
        await db.writing(lambda work, kind=kind: work.journal(kind, {}, None))
    assert db.generation == before
    await db.writing(lambda work: work.journal("user.added", {}, None))
    async with db.write() as tx:
        tx.journal("stage.added", {}, None)
    assert db.generation == before + 2


async def test_sqlite_waits_syncs_and_checks(db):
    if not db.sqlite:
        fsync = await db.reading(lambda conn: conn.execute(text("SHOW synchronous_commit")).scalar())
        assert fsync == "on"
        return

    def pragmas(conn):
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await db.reading(pragmas) == ["wal", 2, 1, 5000]
    assert await db.writing(lambda work: (work.journal("x", {}, None), pragmas(work.conn))[1]) == ["wal", 2, 1, 5000]


@pytest.mark.parametrize(("code", "goes_on"), [(sqlite3.SQLITE_BUSY, True), (sqlite3.SQLITE_READONLY, False)])
async def test_a_new_file_that_another_turns_into_wal_just_now_is_waited_for(tmp_path, code, goes_on):
    refusals = [code, code]

    class Contended(sqlite3.Cursor):
        def execute(self, statement, *more):
            if "journal_mode" in statement and refusals:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = refusals.pop()
                raise error
            return super().execute(statement, *more)

    class Connection(sqlite3.Connection):
        def cursor(self):
            return super().cursor(Contended)

    conn = sqlite3.connect(tmp_path / "new.db", factory=Connection)
    try:
        if not goes_on:
            with pytest.raises(sqlite3.OperationalError):
                threads.pragmas(conn, None)
            return
        threads.pragmas(conn, None)
        assert refusals == []
        assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        conn.close()


async def test_what_need_not_last_through_a_power_cut_does_not_wait_for_the_disk(db):
    if not db.sqlite:
        await db.writing(lambda work: work.journal("call.ringing", {}, None), durable=False)
        return

    def synchronous(work):
        work.journal("x", {}, None)
        return work.conn.exec_driver_sql("PRAGMA synchronous").scalar()

    said = [await db.writing(synchronous, durable=durable) for durable in (True, False, False, True, False)]
    assert said == [2, 1, 1, 2, 1]
    with pytest.raises(ZeroDivisionError):
        await db.writing(lambda work: 1 // 0, durable=False)
    assert await db.writing(synchronous) == 2


async def test_who_hears():
    assert audience(3, None, 17, 3) == "|3|17|"
    assert audience(None) is None
    assert only(3) == "=|3|"
    assert EVERYBODY == "*"


# ---- prepared statements


async def test_a_prepared_query_gives_what_the_usual_way_gives(db):
    stages = schema.stages.c
    statement = (
        select(stages.id, stages.name, schema.users.c.active)
        .select_from(schema.stages.outerjoin(schema.users, schema.users.c.id == stages.id))
        .where(
            stages.id.in_(bindparam("ids", expanding=True)),
            stages.kind.in_(("open", "won")),
            stages.id < bindparam("below"),
        )
        .order_by(stages.id)
    )
    query = Query(statement, "ids")
    await db.writing(
        lambda work: (
            work.conn.execute(insert(schema.users).values(id=2, name="x", role="agent", created_at=1.0)),
            work.journal("x", {}, None),
        )
    )
    for ids in ([], [2], [2, 3], [2, 3, 4], [6, 5, 4, 3, 2, 1], [99]):
        values = {"ids": ids, "below": 6}
        prepared = await db.reading(lambda conn, values=values: query.rows(conn, values))
        usual = await db.reading(lambda conn, values=values: conn.execute(statement, values).all())
        assert [tuple(row) for row in prepared] == [tuple(row) for row in usual]
        assert all(row[2] in (True, None) for row in prepared)
    assert query.names == ("id", "name", "active")
    dicts = await db.reading(lambda conn: query.dicts(conn, {"ids": [3], "below": 9}))
    assert dicts == [{"id": 3, "name": "Qualified", "active": None}]


async def test_a_prepared_command_writes_the_columns_that_the_rows_name(db):
    command = Command(insert(schema.teams))

    def run(work):
        command.run(work.conn, [{"id": 7, "name": "a"}, {"id": 8, "name": "b"}])
        command.run(work.conn, [{"name": "c", "id": 9}])
        work.journal("x", {}, None)

    await db.writing(run)
    assert [(r["id"], r["name"]) for r in await db.reading(lambda conn: table_rows(conn, "teams"))] == [
        (7, "a"), (8, "b"), (9, "c"),
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 500])
async def test_an_insertion_of_many_is_what_a_command_for_each_writes(db, count):
    """NULLs, truths, figures and any text, the columns in another order than the table's; a conflict is one of each."""
    names = ["", "it's", "{a,b}", 'x"y\\z', "NULL", "\u0639\u0644\u06cc", "a\nb", "%s $1 :a"]
    rows = [
        {"name": f"{names[i % len(names)]} {i}", "role": "agent", "id": 1000 + i, "created_at": i / 3,
         "password_hash": None if i % 2 else "x", "operator": i % 3 == 0, "active": i % 5 != 0}
        for i in range(count)
    ]  # fmt: skip
    people = Insertion(insert(schema.users))
    await db.writing(lambda work: (people.run(work.conn, rows), work.journal("x", {}, None)))
    stored = {row["id"]: row for row in await db.reading(lambda conn: table_rows(conn, "users"))}
    assert [{name: stored[row["id"]][name] for name in row} for row in rows] == rows

    makers = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    once = Insertion(**{name: make(schema.dial_countries).on_conflict_do_nothing() for name, make in makers.items()})
    pairs = [{"user_id": row["id"], "country": name, "at": 1.0} for row in rows for name in ("PL", "IR", "PL")]
    for some in (pairs, pairs[:2]):
        await db.writing(lambda work, some=some: (once.run(work.conn, some), work.journal("x", {}, None)))
    assert len(await db.reading(lambda conn: table_rows(conn, "dial_countries"))) == 2 * count


# ---- the link's state


async def test_the_link_is_told_and_remembered(office):
    assert await link.state(office.db) == {"up": False, "pbxes": []}
    await link.changed(office.db, "pbx", True, 1795000000.0)
    await link.changed(office.db, "two", False, 1795000001.0, "connection refused")
    one = {"pbx": "pbx", "up": True, "since": "2026-11-18T11:06:40.000Z", "reason": ""}
    two = {"pbx": "two", "up": False, "since": "2026-11-18T11:06:41.000Z", "reason": "connection refused"}
    assert await link.state(office.db) == {"up": False, "pbxes": [one, two]}
    await link.changed(office.db, "two", True, 1795000002.0)
    assert (await link.state(office.db))["up"]
    rows = [row for row in await office.rows("journal") if row["kind"].startswith("link.")]
    assert [(row["kind"], row["audience"]) for row in rows] == [("link.up", "*"), ("link.down", "*"), ("link.up", "*")]


async def test_reads_answer_unavailable_too(tmp_path):
    path = tmp_path / "pbxcrm.db"
    path.write_text("Dear diary, " * 1000)
    db = Database(file(path))
    with pytest.raises(Unavailable, match="not a database"):
        await deals.board(db, SYSTEM)
    await db.close()
