"""CSV files as PBXs leave them: shapes, quotes, half lines, rotation, gzip, zones."""

import gzip
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pbxcrm.calls.rows import Row
from pbxcrm.history.clock import Clock, astray
from pbxcrm.history.columns import mapping
from pbxcrm.history.errors import SourceError
from pbxcrm.history.files import CsvFiles
from tests.unit.calls.cel_rows import FLOWS

UTC, WARSAW = Clock(ZoneInfo("UTC")), Clock(ZoneInfo("Europe/Warsaw"))
CEL = FLOWS / "blind" / "blind_refer_answered.cel.csv"
CDR = FLOWS / "blind" / "blind_refer_answered.cdr.csv"
SAMPLE = (
    "Master.csv => ${CSV_QUOTE(${eventtype})},${CSV_QUOTE(${eventtime})},${CSV_QUOTE(${CALLERID(name)})},"
    "${CSV_QUOTE(${CHANNEL(channame)})},${CSV_QUOTE(${CHANNEL(uniqueid)})},${CSV_QUOTE(${CHANNEL(linkedid)})},"
    "${CSV_QUOTE(${BRIDGEPEER})},${CSV_QUOTE(${eventextra})}"
)


async def rows_of(source: CsvFiles, since: float = 0.0, cursor: str = "") -> list[Row]:
    return [row async for page in source.pages(since, cursor) for row in page.rows]


def leg(number: int, *more: str, at: str = "2026-11-22 10:00:00", clid: str = '"""A, B"" <1>"') -> str:
    fixed = f'"","1","2","in",{clid},"PJSIP/t-{number:08x}","PJSIP/101-{number:08x}","Dial","x","{at}","{at}","{at}"'
    return ",".join([fixed, '5,4,"ANSWERED","DOCUMENTATION"', *more]) + "\n"


UID = '"1795341600.1"'


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("more", "has"),
    [
        ((), set()),
        ((UID,), {"uniqueid"}),
        (('"note"',), {"userfield"}),
        ((UID, '"note"'), {"uniqueid", "userfield"}),
        (('""', UID, "7"), {"linkedid", "sequence", "peeraccount"}),
        ((UID, '""', UID, "7"), {"uniqueid", "linkedid", "sequence"}),
        (('"note"', '""', UID, "7"), {"userfield", "linkedid", "sequence"}),
        ((UID, '"note"', '""', UID, "7"), {"uniqueid", "userfield", "linkedid", "sequence"}),
    ],
)
async def test_each_shape_of_cdr_csv(tmp_path: Path, more: tuple[str, ...], has: set[str]) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(leg(1, *more))
    (row,) = await rows_of(CsvFiles("cdr", str(path), UTC))
    assert (row["src"], row["dst"], row["clid"], row["disposition"]) == ("1", "2", '"A, B" <1>', "ANSWERED")
    assert float(row["calldate"]) == 1795341600
    assert {"uniqueid", "userfield", "peeraccount", "linkedid", "sequence"} & set(row) >= has
    assert row.get("uniqueid", "1795341600.1") == "1795341600.1"


@pytest.mark.asyncio
async def test_a_shape_that_changes_in_mid_file(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(leg(1) + leg(2, UID) + "\n" + leg(3, UID, '"x"', '""', UID, "7") + '"half","a","row"\n')
    source = CsvFiles("cdr", str(path), UTC)
    (page,) = [page async for page in source.pages(0)]
    assert [row["channel"][-1] for row in page.rows] == ["1", "2", "3"]
    assert page.broken == 2  # the empty line, and the half row


@pytest.mark.asyncio
async def test_quotes_and_lines_inside_a_field(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(leg(1, UID, clid='"He said ""no,\nnever"" <1>"') + leg(2, UID))
    rows = await rows_of(CsvFiles("cdr", str(path), UTC))
    assert [row["clid"] for row in rows] == ['He said "no,\nnever" <1>', '"A, B" <1>']


@pytest.mark.asyncio
async def test_a_stray_quote_costs_its_own_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(leg(1, UID) + leg(2, UID, clid='"a"b" <1>') + "".join(leg(n, UID) for n in range(3, 400)))
    rows = await rows_of(CsvFiles("cdr", str(path), UTC))
    assert [int(row["channel"][-8:], 16) for row in rows] == [1, *range(3, 400)]


@pytest.mark.asyncio
async def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    data = CEL.read_bytes()
    for size in range(len(data) - 400, len(data), 37):
        path.write_bytes(data[:size])
        source = CsvFiles("cel", str(path), UTC)
        pages = [page async for page in source.pages(0)]
        assert sum(page.broken for page in pages) == 0
        path.write_bytes(data)
        rest = await rows_of(source, 0, pages[-1].cursor)
        assert sum(len(page.rows) for page in pages) + len(rest) == data.count(b"\n")


@pytest.mark.asyncio
async def test_rotation_and_packing_lose_nothing_and_read_nothing_twice(tmp_path: Path) -> None:
    legs = [leg(n, f'"{1795341600 + n}.{n}"', at=f"2026-11-22 10:{n // 60:02}:{n % 60:02}") for n in range(120)]
    path = tmp_path / "Master.csv"
    path.write_text("".join(legs[:50]))
    source = CsvFiles("cdr", f"{path}*", UTC)
    pages = [page async for page in source.pages(0)]
    path.rename(tmp_path / "Master.csv.1")  # it was written on before it was rotated
    with (tmp_path / "Master.csv.1").open("a") as old:
        old.write("".join(legs[50:60]))
    path.write_text("".join(legs[60:80]))
    pages += [page async for page in source.pages(0, pages[-1].cursor)]
    (tmp_path / "Master.csv.2.gz").write_bytes(gzip.compress((tmp_path / "Master.csv.1").read_bytes()))
    (tmp_path / "Master.csv.1").unlink()
    path.rename(tmp_path / "Master.csv.1")
    path.write_text("".join(legs[80:]))
    pages += [page async for page in source.pages(0, pages[-1].cursor)]
    found = [int(row["channel"][-8:], 16) for page in pages for row in page.rows]
    assert found == list(range(120))
    assert len(await rows_of(source)) == 120
    assert (await source.look()).newest == 1795341600 + 119
    late = await rows_of(source, 1795341600 + 100)
    assert [int(row["channel"][-8:], 16) for row in late] == list(range(100, 120))


@pytest.mark.asyncio
async def test_a_header_names_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text("start,src,dst,channel,disposition,uniqueid\n2026-11-22 10:00:00,1,2,PJSIP/t-1,ANSWERED,1.1\n")
    source = CsvFiles("cdr", str(path), UTC)
    (row,) = await rows_of(source)
    assert (row["calldate"], row["channel"]) == ("1795341600.000000", "PJSIP/t-1")
    assert (await source.look()).columns[:2] == ("calldate", "src")


@pytest.mark.asyncio
async def test_a_mapping_copied_from_the_pbx(tmp_path: Path) -> None:
    columns = mapping("cel", SAMPLE)
    assert columns == ("eventtype", "eventtime", "cid_name", "channame", "uniqueid", "linkedid", "peer", "extra")
    path = tmp_path / "Master.csv"
    path.write_text('"ANSWER","2026-11-22 11:00:00","Jan","PJSIP/t-1","1795341600.1","1795341600.1","",""\n')
    (row,) = await rows_of(CsvFiles("cel", str(path), WARSAW, columns))
    assert (row["eventtype"], float(row["eventtime"]), row["cid_name"]) == ("ANSWER", 1795341600, "Jan")
    assert mapping("cdr", "start, src,dst") == ("calldate", "src", "dst")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n" * 30, "2 fields"),
        ("eventtype,eventtime,channame,uniqueid\nx,1,2,3\n", "no column linkedid, extra"),
    ],
)
async def test_what_is_no_cel_file_is_said(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=says):
        await rows_of(CsvFiles("cel", str(path), UTC))


@pytest.mark.asyncio
async def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    source = CsvFiles("cdr", str(tmp_path / "Master.csv*"), UTC)
    with pytest.raises(SourceError, match="There is no file"):
        await rows_of(source)
    (tmp_path / "Master.csv").touch()
    assert await rows_of(source) == []
    assert (await source.look()).newest is None
    (tmp_path / "Master.csv.9.gz").write_bytes(gzip.compress(CDR.read_bytes())[:-20])
    with pytest.raises(SourceError, match="cannot be read"):
        await rows_of(source)


def test_the_hour_that_comes_twice_is_told_apart_by_the_uniqueid() -> None:
    first, second = 1761438600, 1761442200  # 02:30 in summer time, and an hour later 02:30 again
    text = "2025-10-26 02:30:00"
    assert WARSAW.epoch(text, f"{first - 3}.1") == first
    assert WARSAW.epoch(text, f"pbx1-{second - 3}.1") == second
    assert WARSAW.epoch(text) == first
    assert WARSAW.epoch("2025-03-30 01:59:59.5") == 1743296399.5


@pytest.mark.parametrize("text", ["", "0000-00-00 00:00:00", "yesterday", "2026-13-01 00:00:00", "12"])
def test_what_is_no_moment(text: str) -> None:
    assert UTC.epoch(text) is None


def test_a_moment_with_a_zone_of_its_own() -> None:
    assert WARSAW.epoch("2026-11-22T10:00:00+0000") == WARSAW.epoch("1795341600.0") == 1795341600


def test_a_wrong_zone_is_noticed_and_a_right_one_is_not() -> None:
    rows = [{"calldate": str(1795341600 + n), "uniqueid": f"{1795341600 - n * 60}.1"} for n in range(40)]
    assert astray(rows, "calldate") is None
    shifted = [row | {"calldate": str(float(row["calldate"]) + 3600)} for row in rows]
    assert astray(shifted, "calldate") == timedelta(hours=1)
    assert astray([{"calldate": "5", "uniqueid": "click-1"}], "calldate") is None
    assert astray([{"calldate": "5", "uniqueid": "1763630101.18"}], "calldate") is None
