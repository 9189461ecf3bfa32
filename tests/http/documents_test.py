"""Documents: who brings, who reads, what is taken and how it is given out; nothing left where nothing was stored."""

import errno
import io
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from pbxcrm.crm.access import COMMAND_LINE
from pbxcrm.service import contacts, deals, documents, moves, privacy, retention
from pbxcrm.service.errors import Invalid, NotFound, Unavailable
from tests.http.bed import Clock, House, both

pytestmark = pytest.mark.asyncio
PDF = b"%PDF-1.7\n" + b"x" * 300_000
NUMBER = "+48601234567"


def folder(house: House) -> Path:
    assert house.deps.documents is not None
    return house.deps.documents


async def bring(
    house: House, who: str, name: str = "Prices.pdf", content: bytes = PDF, **fields: str
) -> dict[str, Any]:
    with documents.coming(folder(house)) as path:
        path.write_bytes(content)
        return await documents.add(house.db, house.people[who].scope, path, name, {"kind": "price_list", **fields})


async def post(house: House, path: str, who: str, name: str, content: bytes, **fields: str) -> int:
    form = FormData(fields)
    form.add_field("file", io.BytesIO(content), filename=name, content_type="application/octet-stream")
    return (await house.ask("POST", path, who, data=form, headers={"Origin": house.origin})).status


def lying(house: House) -> list[str]:
    return sorted(path.name for path in folder(house).iterdir())


@both
async def test_a_document_is_for_all_or_for_a_team(house: House) -> None:
    """Alice and Bob are of North, Charlie of no team."""
    north = next(key for key, name in await documents.teams(house.db, house.people["mona"].scope) if name == "North")
    for_all, ours = await bring(house, "mona"), await bring(house, "mona", "North.pdf", team_id=north)
    for who, seen in (("alice", 2), ("bob", 2), ("charlie", 1), ("mona", 2)):
        found = await documents.library(house.db, house.people[who].scope)
        assert len(found["price_list"]) == seen
        page = await (await house.ask("GET", "/documents", who)).text()
        assert ("North.pdf" in page) == (seen == 2)
        assert (await house.ask("GET", f"/documents/{for_all['id']}/file", who)).status == 200
        assert (await house.ask("GET", f"/documents/{ours['id']}/file", who)).status == (200 if seen == 2 else 404)
    with pytest.raises(NotFound):
        await bring(house, "alice")  # managers fill the library
    with pytest.raises(Invalid):
        await bring(house, "mona", team_id="999")


async def test_it_is_given_out_to_be_saved_and_never_shown(house: House) -> None:
    made = await bring(house, "mona", "Cennik – „łódź”\r\nX-Evil: 1.pdf")
    answer = await house.ask("GET", f"/documents/{made['id']}/file", "alice")
    assert await answer.read() == PDF
    head = answer.headers
    assert (head["Content-Type"], head["X-Content-Type-Options"]) == ("application/pdf", "nosniff")
    assert head["Content-Disposition"].startswith("attachment; filename=\"document.pdf\"; filename*=UTF-8''Cennik%20")
    assert "X-Evil" not in head
    part = await house.ask("GET", f"/documents/{made['id']}/file", "alice", headers={"Range": "bytes=0-4"})
    assert (part.status, await part.read(), part.headers["Content-Range"]) == (206, b"%PDF-", f"bytes 0-4/{len(PDF)}")
    beyond = await house.ask("GET", f"/documents/{made['id']}/file", "alice", headers={"Range": "bytes=9999999-"})
    assert beyond.status == 416


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>"), ("picture.svg", b"<svg/>"), ("macro.docm", b"PK\x03\x04"), ("run.exe", b"MZ"),
        ("none", b"x"), ("", b"x"), ("prices.pdf", b"<script>alert(1)</script>"), ("empty.pdf", b""),
        ("photo.png", b"\xff\xd8\xff"), ("notes.txt", b"a\0b"), ("table.xlsx", b"<html>"), (".pdf", PDF),
    ],
)  # fmt: skip
async def test_what_is_not_taken_leaves_nothing(house: House, name: str, content: bytes) -> None:
    with pytest.raises(Invalid):
        await bring(house, "mona", name, content)
    assert lying(house) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/prices.pdf", "prices.pdf"), ("C:\\Users\\x\\prices.PDF", "prices.pdf"), ("a/b\0c.pdf", "bc.pdf"),
        ("\u202efdp.exe.pdf", None), ("x" * 400 + ".pdf", "x" * 116 + ".pdf"), ("قیمت.pdf", "قیمت.pdf"),
    ],
)  # fmt: skip
async def test_a_hostile_name_is_only_a_name(house: House, given: str, kept: str | None) -> None:
    made = await bring(house, "mona", given)
    assert kept is None or made["name"] == kept
    assert not {"/", "\\", "\0", "\u202e"} & set(made["name"])
    assert len(lying(house)) == 1
    assert len(lying(house)[0]) == 32
    assert (folder(house) / lying(house)[0]).stat().st_mode & 0o777 == 0o600


async def test_it_is_brought_by_a_form(house: House) -> None:
    alice = house.people["alice"].scope
    deal = await deals.create(house.db, alice, {"title": "Phones"})
    path = f"/deals/{deal['id']}/documents"
    assert await post(house, "/documents", "mona", "NDA.pdf", PDF, kind="nda", team_id="") == 303
    assert await post(house, "/documents", "alice", "NDA.pdf", PDF, kind="nda") == 404
    assert await post(house, path, "alice", "Offer.pdf", PDF, kind="offer") == 303
    assert await post(house, path, "charlie", "Offer.pdf", PDF, kind="offer") == 404
    assert await post(house, path, "alice", "Offer.html", b"<b>", kind="offer") == 422
    assert await post(house, path, "alice", "Offer.pdf", PDF, kind="poem") == 422
    assert await post(house, path, "alice", "Big.txt", b"x" * (20 * 1024 * 1024 + 1), kind="other") == 422
    page = await (await house.ask("GET", f"/deals/{deal['id']}", "alice")).text()
    assert "Offer.pdf" in page
    assert len(lying(house)) == 2


@both
async def test_a_good_offer_is_shared_to_learn_from(house: House) -> None:
    db, alice, mona, charlie = (house.db, *(house.people[who].scope for who in ("alice", "mona", "charlie")))
    deal = await deals.create(db, alice, {"title": "Phones"})
    made = await bring(house, "alice", "Offer.pdf", deal_id=deal["id"], kind="offer")
    with pytest.raises(NotFound):
        await documents.opened(db, charlie, folder(house), made["id"])
    with pytest.raises(NotFound):  # whose eyes are to see it is a manager's to say
        await documents.share(db, alice, made["id"], "1")
    await documents.share(db, mona, made["id"], "1")
    (await documents.opened(db, charlie, folder(house), made["id"])).file.close()
    assert [one["name"] for one in (await documents.library(db, charlie))["shared"]] == ["Offer.pdf"]
    await documents.share(db, mona, made["id"], "0")
    with pytest.raises(NotFound):
        await documents.opened(db, charlie, folder(house), made["id"])


async def test_away_with_it(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    deal = await deals.create(db, alice, {"title": "Phones"})
    hers, manager = await bring(house, "alice", deal_id=deal["id"]), await bring(house, "mona", deal_id=deal["id"])
    library = await bring(house, "mona")
    for denied in (manager, library):
        with pytest.raises(NotFound):
            await documents.remove(db, alice, folder(house), denied["id"])
    await documents.remove(db, alice, folder(house), hers["id"])
    assert len(lying(house)) == 2
    with pytest.raises(NotFound):
        await documents.remove(db, alice, folder(house), hers["id"])


async def test_a_full_disk_is_said_and_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pbxcrm.service.documents.os.fsync", full)
        with pytest.raises(Unavailable, match=r"is full\. Nothing was stored"):
            await bring(house, "mona")
        assert await post(house, "/documents", "mona", "NDA.pdf", PDF, kind="nda") == 503
    assert lying(house) == []
    assert (await documents.library(house.db, house.people["mona"].scope))["nda"] == []


async def test_a_file_that_is_gone_or_a_link_is_told_of(house: House, tmp_path: Path) -> None:
    made = await bring(house, "mona")
    lost = folder(house) / lying(house)[0]
    lost.unlink()
    answer = await house.ask("GET", f"/documents/{made['id']}/file", "alice")
    assert (answer.status, "backups" in await answer.text()) == (404, True)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    lost.symlink_to(secret)
    assert (await house.ask("GET", f"/documents/{made['id']}/file", "alice")).status == 404


@both
async def test_they_go_with_who_is_erased_and_with_the_years(house: House, clock: Clock) -> None:
    db, alice = house.db, house.people["alice"].scope
    ela = await contacts.create(db, alice, {"name": "Ela Nowak", "numbers": [NUMBER]})
    hers = await deals.create(db, alice, {"title": "Phones", "contact_id": ela["id"]})
    other = await deals.create(db, alice, {"title": "Headsets"})
    await bring(house, "alice", "Ela.pdf", deal_id=hers["id"])
    await bring(house, "alice", "Kept.pdf", deal_id=other["id"])
    await bring(house, "mona", "Prices.pdf")
    who = await privacy.subject(db, COMMAND_LINE, NUMBER)
    assert (await privacy.export(db, COMMAND_LINE, who))["deals"][0]["documents"][0]["name"] == "Ela.pdf"
    await privacy.erase(db, COMMAND_LINE, who, NUMBER, None, folder(house))
    assert len(lying(house)) == 2
    lost = next(s["id"] for s in (await deals.board(db, alice))["stages"] if s["kind"] == "lost")
    await moves.move(db, alice, other["id"], lost, other["version"], "Too expensive")
    keep = {"journal": 0, "calls": 0, "dials": 0, "audit": 0, "imports": 0, "documents": 30}
    clock.on(29 * 86400)
    assert (await retention.run(db, keep, documents_in=folder(house)))["documents"] == 0
    clock.on(2 * 86400)
    assert (await retention.due(db, keep))["documents"] == 1
    assert (await retention.run(db, keep, documents_in=folder(house)))["documents"] == 1
    found = await documents.library(db, house.people["mona"].scope)
    assert [one["name"] for one in found["price_list"]] == ["Prices.pdf"]
    assert len(lying(house)) == 1


async def test_what_has_no_row_is_swept_away_after_a_day(house: House, clock: Clock) -> None:
    await bring(house, "mona")
    (folder(house) / ("0" * 32)).write_text("brought, and then the power failed")
    (folder(house) / "coming-1").write_text("half of it")
    (folder(house) / "README").write_text("the operator's own")
    clock.now = (folder(house) / "coming-1").stat().st_mtime + 86_399
    assert await documents.sweep(house.db, folder(house)) == 0
    clock.on(2)
    assert await documents.sweep(house.db, folder(house)) == 2
    assert len(lying(house)) == 2
    assert "README" in lying(house)
