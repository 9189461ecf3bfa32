"""CEL read beside the link: what is told, when, and again; faults of the source are waited out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.history.clock import Clock
from pbxcrm.history.errors import SourceError
from pbxcrm.history.files import CsvFiles
from pbxcrm.history.sources import Page
from pbxcrm.spool import Spool
from pbxcrm.witness import CDR_TRIES, TRIES, Witness
from tests.unit.calls.cel_rows import CLOCK, FLOWS, rows_of, truth_of

FLOW = FLOWS / "blind" / "blind_refer_answered.cel.csv"
BEGIN = float(next(rows_of(FLOW))["eventtime"])


class House:
    """Counts what it is told; `now` is its clock."""

    def __init__(self, path: Path, since: float, clock: Clock = CLOCK, spool: Spool | None = None) -> None:
        self.now = BEGIN + 100
        self.told: list[Call] = []
        people = People(truth_of(FLOW)["devices"].items())
        self.source = CsvFiles("cel", str(path), clock)
        self.witness = Witness(
            self.source, people, self.apply, pbx="pbx", region="PL", since=since, clock=lambda: self.now, spool=spool
        )

    async def apply(self, calls: Sequence[Call]) -> tuple[int, ...]:
        self.told += calls
        return (len(calls), 0, 0, 0)


@pytest.mark.asyncio
async def test_a_call_is_told_soon_and_again_until_it_is_settled(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    data = FLOW.read_bytes()
    lines = data.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-4]) + lines[-4][:30])  # the last line is being written
    house = House(path, BEGIN)
    await house.witness.look()
    path.write_bytes(data)
    await house.witness.look()
    assert house.told == []
    for number, wait in enumerate(TRIES, 1):
        house.now = BEGIN + 100 + wait
        await house.witness.look()
        assert [(c.outcome, c.last_answered_by) for c in house.told] == [("answered", "bob")] * number
    house.now += 1000
    await house.witness.look()
    assert len(house.told) == len(TRIES)


@pytest.mark.asyncio
async def test_calls_that_were_over_before_the_gap_are_not_told(tmp_path: Path) -> None:
    house = House(FLOW, BEGIN + 500)
    await house.witness.look()
    house.now += 1000
    await house.witness.look()
    assert house.told == []


@pytest.mark.asyncio
async def test_what_the_spool_gave_up_is_told_of_whenever_that_was(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "x.spool", 1000)
    spool.lose(BEGIN, BEGIN + 60)
    house = House(FLOW, BEGIN + 10_000, spool=spool)  # what was heard last is long after it
    house.now = BEGIN + 20_000
    await house.witness.look()
    assert spool.lost is not None
    for wait in TRIES:
        house.now += wait
        await house.witness.look()
    assert [(c.outcome, c.last_answered_by) for c in house.told][-1:] == [("answered", "bob")]
    assert spool.lost is None
    spool.close()


@pytest.mark.asyncio
async def test_a_source_that_fails_is_told_of_once_and_read_on_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbxcrm.witness.AWAY", 0.0)
    monkeypatch.setattr("pbxcrm.witness.LOOK", 0.0)
    path = tmp_path / "Master.csv"
    house = House(path, BEGIN)
    tries = 0
    pages = house.source.pages

    async def counted(since: float, cursor: str = "") -> AsyncIterator[Page]:
        nonlocal tries
        tries += 1
        async for page in pages(since, cursor):
            yield page

    monkeypatch.setattr(house.source, "pages", counted)
    task = asyncio.create_task(house.witness.run())
    async with asyncio.timeout(30):
        while tries < 5:  # noqa: ASYNC110 - the task under test counts
            await asyncio.sleep(0)
        path.write_bytes(FLOW.read_bytes())
        house.now += 1000
        while not house.told:
            house.now += 10
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    levels = [record.levelname for record in caplog.records if record.name == "pbxcrm.witness"]
    assert levels == ["ERROR", "WARNING"]
    assert {call.uid for call in house.told} == {next(rows_of(FLOW))["uniqueid"]}


@pytest.mark.asyncio
async def test_a_wrong_file_is_a_source_error(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text("a,b\n" * 30)
    with pytest.raises(SourceError, match="2 fields"):
        await House(path, BEGIN).witness.look()


CDR = FLOWS / "blind" / "blind_refer_answered.cdr.csv"


@pytest.mark.asyncio
async def test_cdr_is_told_when_no_more_of_a_call_has_come_for_a_while(tmp_path: Path) -> None:
    """Its legs are written one by one, minutes apart: what is said of the first alone is not yet the call."""
    path = tmp_path / "Master.csv"
    lines = CDR.read_bytes().splitlines(keepends=True)
    house = House(path, BEGIN)
    house.source = CsvFiles("cdr", str(path), CLOCK)
    house.witness = Witness(
        house.source, People(truth_of(FLOW)["devices"].items()), house.apply, pbx="pbx", region="PL", since=BEGIN,
        clock=lambda: house.now,
    )  # fmt: skip
    for count in range(1, len(lines) + 1):
        path.write_bytes(b"".join(lines[:count]))
        await house.witness.look()
        house.now += CDR_TRIES[0] - 1
        assert house.told == []
    for number, wait in enumerate(CDR_TRIES, 1):
        house.now = BEGIN + 100 + (len(lines) - 1) * (CDR_TRIES[0] - 1) + wait
        await house.witness.look()
        outside = [call for call in house.told if call.direction != "internal"]
        assert [(c.outcome, c.first_answered_by, c.last_answered_by) for c in outside] == [
            ("answered", "alice", "bob")
        ] * number


@pytest.mark.asyncio
async def test_a_zone_that_cannot_be_right_brings_nothing_in(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_bytes(CDR.read_bytes() * 2)
    house = House(FLOW, BEGIN)
    source = CsvFiles("cdr", str(path), Clock(ZoneInfo("Asia/Tokyo")))
    people = People(truth_of(FLOW)["devices"].items())
    witness = Witness(
        source, people, house.apply, pbx="pbx", region="PL", since=BEGIN - 86_400, clock=lambda: house.now
    )
    for _ in range(3):
        with pytest.raises(SourceError, match="PBXCRM_HISTORY_ZONE"):
            await witness.look()
        house.now += 10_000
    assert house.told == []
