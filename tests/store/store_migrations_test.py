"""Bringing a database up to date: the same tables as schema.py says, fast when there is nothing to do."""

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, UniqueConstraint, inspect, text

from pbxcrm.store import migrations, schema
from pbxcrm.store.db import Database, NothingJournalled
from pbxcrm.store.errors import DatabaseUnusable
from pbxcrm.store.migrations import HEAD, migrate

pytestmark = pytest.mark.asyncio


def shape(conn: Connection) -> dict[str, object]:
    """All that a database says of its tables, in one comparable value."""
    looked = inspect(conn)
    return {
        name: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"], str(c["default"])) for c in looked.get_columns(name)
            ],
            "key": looked.get_pk_constraint(name),
            "foreign": sorted(str(_nameless(key)) for key in looked.get_foreign_keys(name)),
            "unique": sorted(looked.get_unique_constraints(name), key=str),
            "checks": sorted(looked.get_check_constraints(name), key=str),
            "indexes": sorted(str(sorted(index.items(), key=str)) for index in map(_plain, looked.get_indexes(name))),
        }
        for name in sorted(looked.get_table_names())
        if name != "alembic_version"
    }


def _plain(index: object) -> dict[str, object]:
    """With the condition of a partial index as text: two equal ones are never equal objects."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def _nameless(key: object) -> dict[str, object]:
    """SQLite keeps no name of a key that came with a later column."""
    return {part: value for part, value in key.items() if part != "name"}


def _apart(name: str) -> bool:
    """Tables that are not the schema's: alembic's own, and what SQLite keeps an index of words in."""
    return name == "alembic_version" or "_words" in name


async def test_the_migrated_tables_are_those_of_the_schema(empty_url, url):
    made, created = Database(url), Database(empty_url)
    await created.alone(schema.metadata.create_all)
    assert await made.reading(shape) == await created.reading(shape)
    differences = await made.reading(
        lambda conn: compare_metadata(
            MigrationContext.configure(
                conn, opts={"compare_type": True, "include_name": lambda name, *_: not _apart(name or "")}
            ),
            schema.metadata,
        )
    )
    assert differences == []
    await made.close()
    await created.close()


async def test_the_head_is_the_newest_file():
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head() == HEAD


async def test_a_new_database_has_the_pipeline_everybody_starts_with(empty_url):
    db = Database(empty_url)
    await migrate(db)
    rows = await db.reading(lambda conn: conn.execute(text("SELECT name, kind FROM stages ORDER BY position")).all())
    assert [tuple(row) for row in rows] == [
        ("Unsorted", "unsorted"),
        ("New", "open"),
        ("Qualified", "open"),
        ("Offer", "open"),
        ("Negotiation", "open"),
        ("Won", "won"),
        ("Lost", "lost"),
    ]
    chances = await db.reading(
        lambda conn: list(conn.execute(text("SELECT probability FROM stages ORDER BY position")).scalars())
    )
    assert chances == [0, 10, 25, 50, 75, 100, 0]
    await migrate(db)
    assert await db.reading(lambda conn: conn.execute(text("SELECT count(*) FROM stages")).scalar()) == 7
    await db.close()


async def test_nothing_is_written_where_nothing_is_to_do(url, monkeypatch):
    db = Database(url)

    async def never(_fn):
        raise AssertionError("the lock was taken")

    monkeypatch.setattr(db, "alone", never)
    await migrate(db)
    await db.close()


async def test_four_processes_at_once_all_find_it_done(empty_url):
    code = (
        "import asyncio, sys\n"
        "from pbxcrm.store.db import Database\n"
        "from pbxcrm.store.migrations import migrate\n"
        "async def main():\n"
        "    db = Database(sys.argv[1])\n"
        "    await migrate(db)\n"
        "    await db.close()\n"
        "asyncio.run(main())\n"
    )
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-W", "error", "-c", code, empty_url) for _ in range(4)
    ]
    assert [await process.wait() for process in started] == [0, 0, 0, 0]
    db = Database(empty_url)
    assert await db.reading(lambda conn: conn.execute(text("SELECT count(*) FROM stages")).scalar()) == 7
    await db.close()


async def test_a_failing_migration_leaves_no_trace(empty_url, monkeypatch):
    db = Database(empty_url)

    def fail(*_args, **_more):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("alembic.operations.Operations.bulk_insert", fail)
        patch.setattr("alembic.op.bulk_insert", fail)
        with pytest.raises(ZeroDivisionError):
            await migrate(db)
    assert await db.reading(lambda conn: inspect(conn).get_table_names()) == []
    await migrate(db)
    await db.close()


async def test_a_newer_programs_database_is_left_alone(url):
    db = Database(url)
    await db.alone(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(DatabaseUnusable, match=r"newer pbxcrm .*9999.*Nothing was changed.*backup"):
        await migrate(db)
    await db.close()


async def test_a_write_that_nobody_would_hear_of_is_refused(db):
    async with db.write() as tx:
        tx.journal("x", {}, None)
    with pytest.raises(NothingJournalled):
        async with db.write() as tx:
            await tx.conn.execute(text("DELETE FROM journal"))
    with pytest.raises(NothingJournalled):
        await db.writing(lambda work: work.conn.execute(text("DELETE FROM journal")))
    assert await db.reading(lambda conn: conn.execute(text("SELECT count(*) FROM journal")).scalar()) == 1


async def test_what_refers_to_a_thing_is_found_by_an_index():
    """Else each one that goes, merged, let go or taken back, reads the whole table of what might refer to it."""
    things = {"contacts", "companies", "leads", "deals", "calls"}
    missing = []
    for table in schema.metadata.sorted_tables:
        keyed = (*table.indexes, *(one for one in table.constraints if isinstance(one, UniqueConstraint)))
        first = {next(iter(one.columns)).name for one in (table.primary_key, *keyed)}
        of_things = (key.parent.name for key in table.foreign_keys if key.column.table.name in things)
        missing += [f"{table.name}.{name}" for name in of_things if name not in first]
    assert not missing
