"""`pbxcrm reconcile`: killed after any page it goes on, and what it stores is the same as without."""

import csv
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pbxcrm import cli
from pbxcrm.calls.cel import Cel
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.history.errors import SourceError
from pbxcrm.history.files import CsvFiles
from pbxcrm.history.sources import Page
from pbxcrm.reconcile import Reading, when
from tests.unit.calls.cel_rows import CLOCK, GOLDEN, rows_of, truth_of

DEVICES = truth_of(GOLDEN[0])["devices"]
STEP = 3 * 3600  # between two plays: so that there are pages whose calls are over


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """Many plays, hours apart, in one file."""
    path = tmp_path / "Master.csv"
    plays = [one for one in GOLDEN if one.parent.name in ("inbound", "blind", "attended") and "-16" not in one.name]
    with path.open("w") as out:
        out.write(",".join(next(rows_of(plays[0]))) + "\n")
        for number, play in enumerate(plays):
            rows = list(rows_of(play))
            first = float(rows[0]["eventtime"])
            for one in rows:
                one["eventtime"] = f"{float(one['eventtime']) - first + 1_780_000_000 + number * STEP:.6f}"
                for name in ("uniqueid", "linkedid"):
                    one[name] = f"p{number}-{one[name]}"
                one["extra"] = one["extra"].replace('uniqueid":"', f'uniqueid":"p{number}-')
                out.write(",".join('"' + value.replace('"', '""') + '"' for value in one.values()) + "\n")
    return path


class Killed(Exception):
    """As by kill -9: nothing after it runs."""


async def read(path: Path, told: set[tuple[str, str]], die_after: int, cursor: str = "") -> str:
    """Reads pages from the cursor on; gives the safe cursor kept last, when killed, "" when done."""
    kept = cursor

    async def apply(calls: Sequence[Call]) -> tuple[int, ...]:
        told.update((call.uid, call.outcome) for call in calls)
        return (len(calls), 0, 0, 0)

    async def reached(_page: Page, safe: str) -> None:
        nonlocal kept, pages
        kept = safe
        pages += 1
        if pages == die_after:
            raise Killed

    pages = 0
    source = CsvFiles("cel", str(path), CLOCK)
    reading = Reading(source, Cel(People(DEVICES.items()), region="PL"), apply, 0.0, float("inf"), cursor)
    try:
        await reading.run(reached)
    except Killed:
        return kept
    return "done"


@pytest.mark.asyncio
@pytest.mark.parametrize("die_after", [1, 2, 5, 9])
async def test_killed_again_and_again_it_ends_with_the_same(
    die_after: int, big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbxcrm.history.files.PAGE", 10)
    whole: set[tuple[str, str]] = set()
    assert await read(big, whole, 0) == "done"
    assert len(whole) > 20
    told: set[tuple[str, str]] = set()
    cursor, tries = "", 0
    while cursor != "done":
        cursor = await read(big, told, die_after + tries // 4, cursor)  # a page that is read again must not be the last
        tries += 1
        assert tries < 200
    assert tries > 1
    assert told == whole


@pytest.mark.asyncio
async def test_a_wrong_zone_stores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    (play, *_) = GOLDEN
    with path.open("w") as out:
        out.write(",".join(next(rows_of(play))) + "\n")
        for one in rows_of(play):
            one["eventtime"] = f"{float(one['eventtime']) + 2 * 3600:.6f}"
            out.write(",".join('"' + value.replace('"', '""') + '"' for value in one.values()) + "\n")

    async def apply(calls: Sequence[Call]) -> tuple[int, ...]:
        raise AssertionError(calls)

    async def reached(_page: Page, _safe: str) -> None:
        raise AssertionError

    reading = Reading(CsvFiles("cel", str(path), CLOCK), Cel(People(())), apply, 0.0, float("inf"))
    with pytest.raises(SourceError, match="PBXCRM_HISTORY_ZONE"):
        await reading.run(reached)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("3d", 1_000_000 - 259_200),
        ("12h", 956_800),
        ("2w", -209_600),
        ("1970-01-02", 86_400),
        ("1970-01-01T01:00", 3600),
    ],
)
def test_when(text: str, at: float) -> None:
    assert when(text, 1_000_000, CLOCK.zone) == at


@pytest.mark.parametrize("text", ["", "yesterday", "3", "d3", "2026-02-30"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        when(text, 0, CLOCK.zone)


def test_the_command_links_the_recordings_that_cdr_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PBXCRM_")]:
        monkeypatch.delenv(name)
    told = GOLDEN[0].with_name(GOLDEN[0].name.replace(".cel.csv", ".cdr.csv"))
    with told.open(newline="") as given, (tmp_path / "Master.csv").open("w", newline="") as out:
        for fields in csv.reader(given):
            fields[17] = "/var/spool/asterisk/monitor/a.wav"
            csv.writer(out).writerow(fields)
    (tmp_path / "monitor").mkdir()
    (tmp_path / "monitor/a.wav").touch()
    monkeypatch.setenv("PBXCRM_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/x.db")
    monkeypatch.setenv("PBXCRM_HISTORY_ZONE", "UTC")
    monkeypatch.setenv("PBXCRM_CDR", str(tmp_path / "Master.csv"))
    monkeypatch.setenv("PBXCRM_RECORDINGS", str(tmp_path / "monitor"))
    assert cli.main(["reconcile", "--since", "2026-01-01"]) == 0
    with closing(sqlite3.connect(tmp_path / "x.db")) as conn:
        assert {row[0] for row in conn.execute("SELECT recording FROM calls")} == {"a.wav"}


def test_the_command_counts_and_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("PBXCRM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PBXCRM_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/x.db")
    monkeypatch.setenv("PBXCRM_HISTORY_ZONE", "UTC")
    assert cli.main(["reconcile", "--since", "2026-01-01"]) == 1
    assert "set PBXCRM_CEL or PBXCRM_CDR" in capsys.readouterr().err
    monkeypatch.setenv("PBXCRM_CEL", str(GOLDEN[0]))
    for expected in ("cel: {rows} rows; calls: 1 new, 0 same", "cel: {rows} rows; calls: 0 new, 1 same"):
        assert cli.main(["reconcile", "--since", "2026-01-01"]) == 0
        rows = len(list(rows_of(GOLDEN[0])))
        calls = len(truth_of(GOLDEN[0])["calls"])
        out = capsys.readouterr().out
        assert expected.format(rows=rows).replace("1 new", f"{calls} new").replace("1 same", f"{calls} same") in out
    assert cli.main(["reconcile", "--since", "2026-02-01", "--until", "2026-01-01"]) == 1
    assert "--until must be later" in capsys.readouterr().err
