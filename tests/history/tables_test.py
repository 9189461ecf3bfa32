"""CEL and CDR in the PBX's own tables, on a real MariaDB and a real PostgreSQL, as FreePBX and others lay them out."""

import csv
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from pbxcrm.calls.rows import Row
from pbxcrm.crm import views
from pbxcrm.history.clock import Clock
from pbxcrm.history.errors import SourceError
from pbxcrm.history.sources import Kind
from pbxcrm.history.tables import SqlTable
from pbxcrm.store.errors import DatabaseUnusable
from pbxcrm.store.foreign import ForeignTable
from tests.fakes.tables import FREEPBX_CEL, PGSQL_CEL
from tests.truth import compare
from tests.unit.calls.cel_rows import FLOWS, read, rows_of, truth_of

FLOW = FLOWS / "attended" / "attended_keys_completed.cel.csv"
TEHRAN = ZoneInfo("Asia/Tehran")

# FreePBX's asteriskcdrdb.cdr: no key, an index on the time; before FreePBX 13 without the last three columns.
FREEPBX_CDR = """
CREATE TABLE cdr (calldate datetime NOT NULL DEFAULT '0000-00-00 00:00:00', clid varchar(80) NOT NULL DEFAULT '',
 src varchar(80) NOT NULL DEFAULT '', dst varchar(80) NOT NULL DEFAULT '', dcontext varchar(80) NOT NULL DEFAULT '',
 channel varchar(80) NOT NULL DEFAULT '', dstchannel varchar(80) NOT NULL DEFAULT '', lastapp varchar(80) NOT NULL
 DEFAULT '', lastdata varchar(80) NOT NULL DEFAULT '', duration int(11) NOT NULL DEFAULT 0, billsec int(11) NOT NULL
 DEFAULT 0, disposition varchar(45) NOT NULL DEFAULT '', amaflags int(11) NOT NULL DEFAULT 0, accountcode varchar(20)
 NOT NULL DEFAULT '', uniqueid varchar(32) NOT NULL DEFAULT '', userfield varchar(255) NOT NULL DEFAULT '',
 did varchar(50) NOT NULL DEFAULT ''{more}, KEY calldate (calldate));
"""
MORE = ", linkedid varchar(32) NOT NULL DEFAULT '', sequence int(11) NOT NULL DEFAULT 0, recordingfile varchar(255)"


def literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def inserted(rows: list[dict[str, str]], zone: ZoneInfo, *, whole: bool, escape: bool = True) -> str:
    """INSERT statements as the PBX would write them: its own local time."""
    wanted = ("eventtype", "eventtime", "cid_name", "cid_num", "cid_dnid", "exten", "context", "channame", "appname",
              "appdata", "uniqueid", "linkedid", "peer", "extra")  # fmt: skip
    lines = []
    for row in rows:
        at = datetime.fromtimestamp(float(row["eventtime"]), zone).replace(tzinfo=None)
        values = [row[name] for name in wanted]
        values[1] = at.strftime("%Y-%m-%d %H:%M:%S") if whole else at.isoformat(" ")
        texts = [literal(v) if escape else "'" + v.replace("'", "''") + "'" for v in values]
        lines.append(f"INSERT INTO cel ({', '.join(wanted)}) VALUES ({', '.join(texts)});")
    return "\n".join(lines)


async def all_rows(table: SqlTable, since: float = 0.0, cursor: str = "") -> list[Row]:
    return [row async for page in table.pages(since, cursor) for row in page.rows]


@pytest.fixture
def fill(postgres: Any, mariadb: Any) -> Callable[[str, str, str], str]:
    """Make a database on that server; gives its URL as an operator writes it."""

    def run(server: str, sql: str, name: str) -> str:
        return str(mariadb.database(sql) if server == "mariadb" else postgres.filled(sql))

    return run


@pytest.mark.asyncio
@pytest.mark.parametrize("server", ["mariadb", "postgres"])
async def test_a_cel_table_says_what_the_phones_say(fill: Callable[[str, str, str], str], server: str) -> None:
    rows, truth = list(rows_of(FLOW)), truth_of(FLOW)
    if server == "mariadb":
        sql = FREEPBX_CEL + inserted(rows, TEHRAN, whole=True)
    else:
        sql = PGSQL_CEL + inserted(rows, TEHRAN, whole=False, escape=False)
    url = fill(server, sql, "cel")
    table = SqlTable("cel", url, Clock(TEHRAN), page=7)
    found = await all_rows(table)
    assert len(found) == len(rows)
    problems = compare([views.call(call) for call in read(found, truth)], truth["calls"])
    if server == "mariadb":  # whole seconds
        problems = [p for p in problems if "_at is" not in p and "talk_seconds" not in p]
    assert not problems
    look = await table.look()
    assert look.newest == pytest.approx(float(rows[-1]["eventtime"]), abs=1)
    assert "canary-secret" not in look.where + table.name


@pytest.mark.asyncio
async def test_a_reading_goes_on_from_its_cursor_and_begins_at_a_moment(fill: Callable[[str, str, str], str]) -> None:
    rows = list(rows_of(FLOW))
    url = fill("mariadb", FREEPBX_CEL + inserted(rows, TEHRAN, whole=True), "cel")
    table = SqlTable("cel", url, Clock(TEHRAN), page=5)
    pages = [page async for page in table.pages(0)]
    assert [page.done for page in pages] == sorted(page.done for page in pages)
    assert pages[-1].done == pages[-1].total == len(rows)
    rest = await all_rows(table, 0, pages[2].cursor)
    assert [row["channame"] for row in rest] == [row["channame"] for row in rows[15:]]
    assert await all_rows(table, 0, pages[-1].cursor) == []
    middle = float(rows[20]["eventtime"]) // 1
    late = await all_rows(table, middle)
    assert late
    assert all(float(row["eventtime"]) >= middle for row in late)
    assert len(late) == sum(float(row["eventtime"]) // 1 >= middle for row in rows)


def cdr_rows() -> list[list[str]]:
    found = []
    for path in sorted(FLOWS.rglob("*.cdr.csv"))[:60]:
        with path.open(newline="") as stream:
            found += list(csv.reader(stream))
    return sorted(found, key=lambda fields: fields[9])


@pytest.mark.asyncio
@pytest.mark.parametrize("more", ["", MORE], ids=["before FreePBX 13", "with linkedid"])
@pytest.mark.parametrize("page", [3, 50])
async def test_a_cdr_table_without_a_key_is_read_whole(
    fill: Callable[[str, str, str], str], more: str, page: int
) -> None:
    rows = cdr_rows()
    assert max([sum(1 for other in rows if other[9] == one[9]) for one in rows]) > 3  # a moment longer than a page
    lines = []
    for fields in rows:
        names = "calldate, clid, src, dst, channel, dstchannel, duration, billsec, disposition, uniqueid"
        values = [fields[i] for i in (9, 4, 1, 2, 5, 6, 12, 13, 14, 16)]
        if more:
            names, values = names + ", linkedid, sequence", [*values, fields[19], fields[20]]
        lines.append(f"INSERT INTO cdr ({names}) VALUES ({', '.join(map(literal, values))});")
    url = fill("mariadb", FREEPBX_CDR.format(more=more) + "\n".join(lines), "cdr")
    table = SqlTable("cdr", url, Clock(ZoneInfo("UTC")), page=page)
    found = await all_rows(table)
    key = ("uniqueid", "channel", "dstchannel", "calldate")
    assert len(found) == len(rows)
    assert len({tuple(row[name] for name in key) for row in found}) == len(
        {(fields[16], fields[5], fields[6], fields[9]) for fields in rows}
    )
    assert ("linkedid" in found[0]) == bool(more)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: url.replace("canary-secret", "wrong-canary"), "Access denied"),
        (lambda url: url + "?table=nothere", "There is no table nothere"),
        (lambda url: url.rpartition("/")[0] + "/nowhere", "cannot be read"),
        (lambda url: re.sub(r":\d+/", ":1/", url), "cannot be read"),
        (lambda url: re.sub(r":\d+/", ":158323/", url), "cannot be read"),
        (lambda url: url + "?table=other", "has no column eventtype, eventtime, channame"),
    ],
)
async def test_what_is_wrong_is_said(
    fill: Callable[[str, str, str], str], change: Callable[[str], str], says: str
) -> None:
    url = fill("mariadb", FREEPBX_CEL + "CREATE TABLE other (id int PRIMARY KEY, uniqueid text, linkedid text);", "cel")
    wrong = change(url)
    table = SqlTable("cel", wrong, Clock(TEHRAN))
    for ask in (table.look, lambda: all_rows(table)):
        with pytest.raises(SourceError, match=says) as caught:
            await ask()
        assert "canary" not in str(caught.value)
        assert "Nothing was" in str(caught.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("server", ["mariadb", "postgres"])
async def test_the_session_can_write_nothing(fill: Callable[[str, str, str], str], server: str) -> None:
    url = fill(server, FREEPBX_CEL if server == "mariadb" else PGSQL_CEL, "cel")
    table = ForeignTable(url, "cel")
    with pytest.raises(DatabaseUnusable, match=r"(?i)read.only"):
        await table._run(lambda conn: conn.execute(text("DELETE FROM cel")))
    await table.close()


@pytest.mark.asyncio
async def test_an_sqlite_file_of_the_pbx_is_a_table_too(tmp_path: Path) -> None:
    path = tmp_path / "master.db"
    rows = list(rows_of(FLOW))
    columns = list(rows[0])
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE cel (AcctId INTEGER PRIMARY KEY, {', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        db.executemany(
            f"INSERT INTO cel ({', '.join(columns)}) VALUES ({marks})", [tuple(row.values()) for row in rows]
        )
    db.close()
    found = await all_rows(SqlTable("cel", f"sqlite:///{path}", Clock(ZoneInfo("UTC"))))
    assert found == rows


@pytest.mark.asyncio
async def test_a_table_that_knows_its_zone_needs_no_setting(fill: Callable[[str, str, str], str]) -> None:
    rows = list(rows_of(FLOW))
    sql = PGSQL_CEL.replace("timestamp NOT NULL", "timestamptz NOT NULL")
    sql = "SET TIME ZONE 'UTC';" + sql + inserted(rows, ZoneInfo("UTC"), whole=False, escape=False)
    found = await all_rows(SqlTable("cel", fill("postgres", sql, "cel"), Clock(TEHRAN)))
    assert [float(row["eventtime"]) for row in found] == pytest.approx([float(row["eventtime"]) for row in rows])


def test_which_kinds_there_are() -> None:
    kinds: tuple[Kind, ...] = ("cel", "cdr")
    assert [SqlTable(kind, "mysql://u:p@h/d", Clock(TEHRAN)).kind for kind in kinds] == ["cel", "cdr"]
    assert datetime.fromtimestamp(0, UTC).year == 1970
    with pytest.raises(SourceError, match="names no database"):
        SqlTable("cel", "oracle://u:canary@h/d", Clock(TEHRAN))
