"""Contacts out of a table: mapped, previewed, made or filled, gone on with after a kill, and taken back."""

import codecs
import zipfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from openpyxl import Workbook
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pbxcrm.crm.access import Scope
from pbxcrm.service import contacts, import_contacts, import_files, import_work, imports, privacy
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.store.schema_sales import import_rows
from tests.http.bed import House, both

pytestmark = pytest.mark.asyncio

TABLE = (
    "Imię i nazwisko;Firma;E-mail;Telefon;Uwagi\r\n"
    "Zoë Łąka;Łąka sp. z o.o.;zoe@laka.pl;601 234 567;=HYPERLINK(1)\r\n"
    "Anna Nowak;;anna@x.pl;+48 22 555 01 01;stała klientka\r\n"
    "Zła;;to nie adres;;\r\n"
    "Zoe;;;0048601234567;\r\n"
)


async def brought(
    house: House, tmp_path: Path, text: str | bytes, who: str = "alice", kind: str = "contacts"
) -> dict[str, Any]:
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return await imports.start(house.db, house.people[who].scope, kind, "table.csv", path)


async def worked(house: House) -> None:
    while await import_work.step(house.db):
        pass


async def everybody(house: House, scope: Scope) -> dict[str, dict[str, Any]]:
    found = await contacts.list_contacts(house.db, scope, 200)
    return {one["name"]: one for one in found["items"]}


@both
async def test_a_table_becomes_contacts_and_is_taken_back(house: House, tmp_path: Path) -> None:
    db, alice = house.db, house.people["alice"].scope
    await contacts.create(db, alice, {"name": "Anna Nowak", "numbers": ["+48225550101"], "note": "mine"})
    anna = (await everybody(house, alice))["Anna Nowak"]
    made = await brought(house, tmp_path, TABLE)
    assert (made["state"], made["total"]) == ("mapping", 4)
    assert made["mapping"] == {"0": "name", "1": "company", "2": "email", "3": "phone", "4": "note"}
    seen = await imports.preview(db, alice, made["id"])
    assert [item["would"] for item in seen["items"]] == ["new", "match", "problem", "match"]
    assert seen["items"][1]["name"] == "Anna Nowak"
    assert seen["totals"] == {"new": 1, "match": 2, "problem": 1}
    assert set(await everybody(house, alice)) == {"Anna Nowak"}  # nothing of it was done
    await imports.prepare(db, alice, made["id"], None, {"tag": "fair"})
    await imports.run(db, alice, made["id"])
    with pytest.raises(Conflict):
        await imports.run(db, alice, made["id"])
    await worked(house)
    done = await imports.get(db, alice, made["id"])
    assert (done["state"], done["made"], done["changed"], done["skipped"]) == ("done", 1, 1, 2)
    found = await everybody(house, alice)
    assert found["Zoë Łąka"]["numbers"] == ["+48601234567"]
    assert found["Zoë Łąka"]["note"] == "=HYPERLINK(1)"
    assert (found["Anna Nowak"]["email"], found["Anna Nowak"]["note"]) == ("anna@x.pl", "mine")
    assert found["Zoë Łąka"]["owner"] == "alice"
    _, left = await imports.problems(db, alice, made["id"])
    assert [(line["n"], line["reason"]) for line in left] == [
        (3, "email: “to nie adres”: This is no e-mail address."),
        (4, "There already, and nothing of it was empty."),
    ]
    await imports.undo(db, alice, made["id"])
    await worked(house)
    assert (await imports.get(db, alice, made["id"]))["state"] == "undone"
    found = await everybody(house, alice)
    assert set(found) == {"Anna Nowak"}
    assert {k: v for k, v in found["Anna Nowak"].items() if k != "version"} == {
        k: v for k, v in anna.items() if k != "version"
    }


@both
async def test_undo_leaves_what_somebody_touched(house: House, tmp_path: Path) -> None:
    db, alice = house.db, house.people["alice"].scope
    made = await brought(house, tmp_path, "name,phone\nA,601000001\nB,601000002\nA,601000001;601000003\n")
    await imports.run(db, alice, made["id"])
    await worked(house)
    b = (await everybody(house, alice))["B"]
    await contacts.change(db, alice, b["id"], b["version"], {"note": "called"})
    await imports.undo(db, alice, made["id"])
    await worked(house)
    assert set(await everybody(house, alice)) == {"B"}
    _, kept = await imports.problems(db, alice, made["id"])
    assert [(line["n"], line["reason"]) for line in kept] == [(2, "Somebody has changed it since.")]


@both
async def test_a_kill_between_batches_does_no_row_twice(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "BATCH", 7)
    monkeypatch.setattr(imports, "STAGED", 10)
    db, alice = house.db, house.people["alice"].scope
    rows = "".join(f"P{n},60100{n:04d}\n" for n in range(50))
    made = await brought(house, tmp_path, "name,phone\n" + rows)
    await imports.run(db, alice, made["id"])
    await import_work.step(db)
    real = import_work.imports.mark

    def dies(conn: Any, import_id: int, rows: Any) -> None:
        if any(n == 11 for n, _ in rows):
            raise KeyboardInterrupt
        real(conn, import_id, rows)

    monkeypatch.setattr(import_work.imports, "mark", dies)
    with pytest.raises(KeyboardInterrupt):
        await import_work.step(db)
    monkeypatch.setattr(import_work.imports, "mark", real)
    await worked(house)
    done = await imports.get(db, alice, made["id"])
    assert (done["state"], done["made"], done["became"]) == ("done", 50, {"made": 50})
    assert len(await everybody(house, alice)) == 50


async def test_an_agent_fills_nobody_elses_and_learns_of_none(house: House, tmp_path: Path) -> None:
    db, alice, bob = house.db, house.people["alice"].scope, house.people["bob"].scope
    theirs = await contacts.create(db, bob, {"name": "Bob's", "numbers": ["+48601000001"]})
    made = await brought(house, tmp_path, "name,phone,company\nMine,601000001,Acme\n")
    assert (await imports.preview(db, alice, made["id"]))["items"][0]["would"] == "new"
    await imports.run(db, alice, made["id"])
    await worked(house)
    assert (await contacts.get(db, bob, theirs["id"]))["company"] == ""
    assert set(await everybody(house, alice)) == {"Mine"}
    for stranger in (bob, house.people["charlie"].scope):
        with pytest.raises(NotFound):
            await imports.get(db, stranger, made["id"])
    with pytest.raises(Invalid):
        await imports.prepare(db, alice, (await brought(house, tmp_path, "name\nx\n"))["id"], None, {"owner": "bob"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("utf-8-sig", "نام,تلفن\nعلی رضایی,۰۹۱۲۳۴۵۶۷۸۹\n"),
        ("utf-16", "نام\tتلفن\nعلی رضایی\t۰۹۱۲۳۴۵۶۷۸۹\n"),
        ("utf-16-le", "Name\tTelefon\nŻółć\t601234567\n"),
        ("cp1250", "Imię i nazwisko;Telefon;Firma\nŻółć Gęślą;601234567;Jaźń\nŁukasz Wiśniewski;601234568;\n"),
        ("cp1251", "ФИО;Телефон;Компания\nИванова Мария Петровна;+74951234567;ООО Ромашка\n"),
        ("cp1256", "الاسم;الهاتف;الشركة\nمحمد عبد الله;+966501234567;شركة النور\n"),
    ],
)
async def test_writings_of_the_world(house: House, tmp_path: Path, name: str, text: str) -> None:
    made = await brought(house, tmp_path, text.encode(name))
    assert {"name", "phone"} <= set(made["mapping"].values())
    (first, *_) = (await imports.preview(house.db, house.people["alice"].scope, made["id"]))["items"]
    assert first["fields"]["name"] == text.splitlines()[1].replace("\t", ";").replace(",", ";").split(";")[0]
    assert first["fields"]["numbers"]


@pytest.mark.parametrize("bytes_", [b"", b"\n\n", b"name\n", codecs.BOM_UTF8, b'a,b\n"' + b"x" * 200_000])
async def test_what_is_no_table_leaves_nothing(house: House, tmp_path: Path, bytes_: bytes) -> None:
    with pytest.raises(Invalid):
        await brought(house, tmp_path, bytes_)
    assert (await imports.list_imports(house.db, house.people["mona"].scope))["items"] == []


async def test_what_a_form_sends_and_what_comes_back(house: House) -> None:
    form = FormData()
    form.add_field("kind", "contacts")
    form.add_field("file", TABLE.encode(), filename="../../klienci.csv", content_type="text/csv")
    headers = {"Origin": house.origin}
    answer = await house.ask("POST", "/imports", "alice", data=form, headers=headers)
    assert answer.status == 303
    where = answer.headers["Location"]
    text = await (await house.ask("GET", where, "alice")).text()
    assert "klienci.csv" in text
    assert "../" not in text
    mapped = {f"column-{n}": name for n, name in enumerate(("name", "name", "email", "phone", ""))}
    answer = await house.ask("POST", where, "alice", data=mapped, headers=headers)
    assert answer.status == 422
    assert "Two columns cannot be this" in await answer.text()
    answer = await house.ask(
        "POST", where, "alice", data=mapped | {"column-1": "company", "do": "run"}, headers=headers
    )
    assert answer.status == 303
    assert (await house.ask("GET", where, "alice")).headers["Refresh"]
    await worked(house)
    assert "This is no e-mail address." in await (await house.ask("GET", where, "alice")).text()
    table = (await (await house.ask("GET", where + "/problems.csv", "alice")).read()).decode("utf-8-sig")
    assert (
        table.splitlines()[1] == '"Zła","","to nie adres","","","3","email: “to nie adres”: This is no e-mail address."'
    )
    assert (await house.ask("POST", where + "/undo", "alice", headers=headers)).status == 303


def workbook(path: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in parts.items():
            packed.writestr(name, data)


async def test_workbooks_and_bombs(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, path = Workbook(), tmp_path / "book.xlsx"
    sheet = book.active
    assert sheet is not None
    sheet.append(["Name", "Phone", "E-mail"])
    sheet.append(["Ola", 48601234567, "=1+1"])
    sheet.append(["Iza", "601234568", "iza@x.pl"])
    book.save(path)
    alice = house.people["alice"].scope
    made = await imports.start(house.db, alice, "contacts", "book.xlsx", path)
    seen = await imports.preview(house.db, alice, made["id"])
    assert seen["items"][1]["fields"] == {"name": "Iza", "numbers": ["+48601234568"], "email": "iza@x.pl"}
    assert seen["items"][0]["fields"]["numbers"] == ["+48601234567"]  # a formula without its value is nothing
    monkeypatch.setattr(import_files, "_UNPACKED", 10_000)
    workbook(path, {"xl/workbook.xml": b"0" * 10_001})
    with pytest.raises(Invalid, match="unpacks to more"):
        await imports.start(house.db, alice, "contacts", "bomb.xlsx", path)
    workbook(path, {"xl/workbook.xml": b"no workbook"})
    with pytest.raises(Invalid, match="no Excel workbook"):
        await imports.start(house.db, alice, "contacts", "broken.xlsx", path)


@both
async def test_of_somebody_erased_nothing_is_left_in_the_table_they_came_with(house: House, tmp_path: Path) -> None:
    db, mona = house.db, house.people["mona"].scope
    made = await brought(house, tmp_path, TABLE)
    await imports.prepare(db, mona, made["id"], None, {"tag": "fair"})
    await imports.run(db, mona, made["id"])
    await worked(house)
    zoe = (await everybody(house, mona))["Zoë Łąka"]
    await privacy.erase(db, mona, await privacy.subject(db, mona, f"id:{zoe['id']}"), "+48601234567")
    left = await db.reading(lambda conn: [str(row) for row in conn.execute(select(import_rows)).all()])
    assert [row for row in left if "laka" in row.lower() or "601234567" in row or "601 234 567" in row] == []
    await imports.undo(db, mona, made["id"])
    await worked(house)
    assert (await imports.get(db, mona, made["id"]))["state"] == "undone"


@both
async def test_a_row_that_breaks_on_our_side_stops_its_import_and_nothing_else(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, alice = house.db, house.people["alice"].scope
    made = await brought(house, tmp_path, TABLE)
    await imports.run(db, alice, made["id"])

    def breaks(*_given: object) -> None:
        raise IntegrityError("INSERT", {}, ValueError("twice"))

    monkeypatch.setattr(import_contacts.Contacts, "make", breaks)
    await worked(house)
    stopped = await imports.get(db, alice, made["id"])
    assert (stopped["state"], stopped["reason"]) == ("failed", import_work.BROKEN)
