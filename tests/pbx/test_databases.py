"""A real Asterisk writes CEL and CDR into a real PostgreSQL and a real MariaDB; `reconcile` reads them right."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pbxcrm.calls.rows import Row
from pbxcrm.history.choose import zone
from pbxcrm.history.clock import Clock
from pbxcrm.history.files import CsvFiles
from pbxcrm.history.sources import Kind, Source
from pbxcrm.history.tables import SqlTable
from tests.fakes import mariadb, postgres
from tests.fakes.process import PATIENCE, Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.databases import into_mariadb, into_postgres
from tests.pbx.bed.scenarios import play
from tests.pbx.test_history import settle
from tests.truth import compare

PLAYS = ("inbound_answered", "group_second_answers", "queue_answered", "attended_keys_completed", "inbound_missed",
         "outbound_answered")  # fmt: skip
KINDS: tuple[Kind, ...] = ("cel", "cdr")
UTC = Clock(zone("UTC"))
# What CDR tells as well as CEL does, of these plays.
TOLD_BY_CDR = ("direction", "number", "outcome", "first_answered_by", "last_answered_by")


class Written:
    """What was played, and the URL of the database in which it lies."""

    def __init__(self, url: str, whole_seconds: bool) -> None:
        self.url = url
        self.whole_seconds = whole_seconds
        self.truths: list[dict[str, Any]] = []

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [call for truth in self.truths for call in truth["calls"]]

    async def play(self, pbx: Asterisk) -> None:
        """All of it, until every row that the PBX put into its files is in the tables too."""
        await pbx.start()
        for name in PLAYS:
            self.truths.append(await play(pbx, name))
        await self._until_written(pbx)
        pbx.kill(signal.SIGTERM)  # it writes what it still holds
        await self._until_written(pbx)

    async def _until_written(self, pbx: Asterisk) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            cel, cdr = await read(CsvFiles("cel", str(pbx.cel), UTC)), await read(CsvFiles("cdr", str(pbx.cdr), UTC))
            events = Counter(row["eventtype"] for row in cel)
            there = [len(await read(SqlTable(kind, self.url, UTC))) for kind in KINDS]
            if there == [len(cel), len(cdr)] and cdr and events["CHAN_START"] == events["CHAN_END"] > 0:
                return
            assert time.monotonic() < end, f"{there} of {len(cel)} and {len(cdr)} rows: {pbx.log()[-3000:]}"
            await asyncio.sleep(0.1)


async def read(source: Source) -> list[Row]:
    return [row async for page in source.pages(0.0) for row in page.rows]


@pytest.fixture(scope="module", params=["postgres", "mariadb"])
def written(request: pytest.FixtureRequest) -> Iterator[Written]:
    with postgres.server() if request.param == "postgres" else mariadb.server() as server:
        writes, url = into_postgres(server) if isinstance(server, postgres.Server) else into_mariadb(server)
        found, pbx = Written(url, request.param == "mariadb"), Asterisk("22", writes=writes)
        try:
            asyncio.run(found.play(pbx))
            yield found
        finally:
            pbx.stop()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the office's people and nothing else."""
    return settle(Pbxcrm(tmp_path_factory.mktemp("people"))).folder / "pbxcrm.db"


def reconciled(folder: Path, people: Path, url: str, kind: str) -> list[dict[str, Any]]:
    """The calls in an empty CRM after `pbxcrm reconcile` has read that table, said twice."""
    crm = Pbxcrm(folder, **{kind: url}, history_zone="UTC", default_region="PL")
    shutil.copy(people, folder / "pbxcrm.db")
    first = crm.must("reconcile", "--since", "1d")
    calls = stored(folder)
    assert f"{len(calls)} new, 0 same" in first
    assert f"0 new, {len(calls)} same, 0 mended" in crm.must("reconcile", "--since", "1d")
    assert stored(folder) == calls
    return calls


def stored(folder: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / "pbxcrm.db")) as conn:
        return [json.loads(row[0]) for row in conn.execute("SELECT data FROM calls ORDER BY started_at, id")]


def test_cel_tables_say_what_the_phones_say(written: Written, people: Path, tmp_path: Path) -> None:
    problems = compare(reconciled(tmp_path, people, written.url, "cel"), written.calls)
    if written.whole_seconds:
        problems = [one for one in problems if "_at is" not in one and "talk_seconds" not in one]
    assert not problems, "\n".join(problems)


def test_cdr_tables_say_who_answered(written: Written, people: Path, tmp_path: Path) -> None:
    def outside(calls: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        told = [tuple(call[name] for name in TOLD_BY_CDR) for call in calls if call["direction"] != "internal"]
        return sorted(told, key=str)

    assert outside(reconciled(tmp_path, people, written.url, "cdr")) == outside(written.calls)
