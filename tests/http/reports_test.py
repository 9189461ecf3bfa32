"""The quick reports: a quarter computed by hand, each number and the deals behind it, pages, tables, who sees what."""

import random
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from pbxcrm.crm.looking import NOBODY
from pbxcrm.crm.reports import Source, Sum
from pbxcrm.service import board, calls, deals, lead_qualify, leads, moves, recordings, reports
from pbxcrm.service.errors import Invalid, NotFound
from pbxcrm.service.reports import Asked, Number, Who
from pbxcrm.service.timeline import timeline
from pbxcrm.store import reports as store
from tests.http.bed import Clock, House, both
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio
DAY = 86400.0
EVERYBODY = Who("all", "")
BEGIN = 1_782_864_000.0  # 2026-07-01T00:00:00Z
QUARTER = Asked(BEGIN, BEGIN + 92 * DAY)
MONTHS = [BEGIN, BEGIN + 31 * DAY, BEGIN + 62 * DAY, BEGIN + 92 * DAY]
Move = tuple[float, str] | tuple[float, str, str]


@dataclass
class Firm:
    """A house whose deals go their way on days counted from BEGIN."""

    house: House
    clock: Clock
    stages: dict[str, str]
    todo: list[tuple[float, int, Any]] = field(default_factory=list)

    async def deal(self, owner: str | None, way: list[Move], **fields: Any) -> dict[str, Any]:
        """The first move makes it."""
        self.clock.now = BEGIN + way[0][0] * DAY
        scope = self.house.people["mona"].scope
        given = {"title": "x", "owner": owner, "stage": self.stages[way[0][1]], **fields}
        call = given.pop("call", None)
        made = await (
            calls.make_deal(self.house.db, scope, call, given) if call else deals.create(self.house.db, scope, given)
        )
        return await self.moves(made, way[1:])

    async def moves(self, made: dict[str, Any], way: list[Move]) -> dict[str, Any]:
        scope = self.house.people["mona"].scope
        for day, stage, *reason in way:
            self.clock.now = BEGIN + day * DAY
            version, to = made["version"], self.stages[stage]
            made = await moves.move(self.house.db, scope, made["id"], to, version, reason[0] if reason else None)
        return made


async def firm_of(house: House, clock: Clock) -> Firm:
    clock.now = BEGIN - 40 * DAY
    found = await board.board(house.db, house.people["mona"].scope)
    return Firm(house, clock, {stage["name"]: stage["id"] for stage in found["stages"]})


async def quarter(house: House, clock: Clock) -> Firm:
    """Ten deals: three won, three lost, four open of which one is made after the quarter."""
    firm = await firm_of(house, clock)
    db, mona = house.db, house.people["mona"].scope
    clock.now = BEGIN
    call = await call_of(db, house.people["alice"], "first", "+48221234501")
    await firm.deal(
        "alice",
        [(0, "New"), (5, "Qualified"), (10, "Offer"), (20, "Won")],
        value="1000", source="Website", call=call,
    )  # fmt: skip
    await firm.deal("alice", [(1, "New"), (31, "Won")], value="3000", source="Website")
    await firm.deal("bob", [(2, "New"), (12, "Offer"), (22, "Lost", "Too expensive")], value="2000", source="Website")
    four = await firm.deal("bob", [(3, "New")], value="500", source="Fair")
    said = {"competitors": "Acme, Globex", "objections": "Price"}
    four = await deals.change(db, mona, four["id"], four["version"], said)
    await firm.moves(four, [(13, "Lost", "Chose a competitor")])
    await firm.deal("bob", [(4, "New"), (14, "Qualified"), (15, "New")], value="700")
    await firm.deal("charlie", [(-30, "New"), (6, "Won")], value="900")
    seven = await firm.deal("charlie", [(7, "Unsorted")], value="100", currency="USD")
    seven = await deals.change(db, mona, seven["id"], seven["version"], {"competitors": "acme"})
    await firm.moves(seven, [(8, "Lost", "Not a lead")])
    await firm.deal(None, [(9, "New")], value="50")
    clock.now = BEGIN + 5 * DAY
    lead = await leads.create(db, house.people["alice"].scope, {"name": "Ela", "source": "Website"})
    lead = await leads.change(db, mona, lead["id"], lead["version"], {"quality": ["need", "budget"]})
    await lead_qualify.qualify(db, mona, lead["id"], lead["version"], {"deal": "new", "value": "10", "currency": "EUR"})
    await firm.deal("alice", [(100, "New")], value="77777")
    clock.now = BEGIN + 110 * DAY
    return firm


@both
async def test_a_hand_computed_quarter_in_stages(house: House, clock: Clock) -> None:
    await quarter(house, clock)
    found = await reports.by_stage(house.db, house.people["mona"].scope, QUARTER)
    names = [stage["name"] for stage, _, _ in found["columns"]]
    rows = {who: dict(zip(names, cells, strict=True)) for who, cells in found["rows"]}
    assert [(who.kind, who.name) for who, _ in found["rows"]] == [
        ("all", ""), ("team", "North"), ("person", "alice"), ("person", "bob"), ("person", "charlie"),
        ("person", NOBODY),
    ]  # fmt: skip

    def passage(who: Who, stage: str) -> tuple[int, ...]:
        p = rows[who][stage]["passage"]
        return p.entered, p.converted, p.still, p.left, p.lost

    everybody = Who("all", "")
    # 2, 3, 4, 5, 6, 8 and the lead's came into New; one of them twice; 5 went on before it came back.
    assert passage(everybody, "New") == (7, 4, 3, 6, 1)
    assert rows[everybody]["New"]["passage"].conversion == 57
    assert rows[everybody]["New"]["passage"].loss == 17
    assert passage(everybody, "Qualified") == (2, 1, 0, 2, 0)
    assert rows[everybody]["Qualified"]["passage"].conversion is None  # of two a percentage means nothing
    assert passage(everybody, "Offer") == (2, 1, 0, 2, 1)
    assert passage(everybody, "Unsorted") == (1, 0, 0, 1, 1)
    assert passage(Who("person", "bob"), "New") == (3, 2, 1, 3, 1)
    assert passage(Who("person", "charlie"), "New") == (0, 0, 0, 1, 0)
    assert passage(Who("team", "North"), "New") == (6, 4, 2, 5, 1)
    standing = {stage["name"]: (sums, weighted) for stage, sums, weighted in found["columns"]}
    # The one that was made after the quarter stands there now too: 700 + 50 + 10 + 77777, of which a tenth.
    assert standing["New"] == (Sum(4, 7_853_700, 0), 785_370)


@both
async def test_a_hand_computed_quarter_in_figures(house: House, clock: Clock) -> None:
    await quarter(house, clock)
    db, mona = house.db, house.people["mona"].scope
    found = await reports.overview(db, mona, QUARTER, MONTHS)
    closed = found["closed"]
    assert closed.won == Sum(3, 490_000)
    assert closed.lost == Sum(3, 250_000, 1)  # the dollars are counted, and not summed
    assert (closed.rate, closed.rate_by_value, closed.sure) == (50, 66, (19, 81))
    cycle = found["cycle"]
    assert (cycle.n, round(cycle.mean, 3), cycle.median, cycle.upper) == (3, 28.667, 30, 33)
    assert found["from_call"].n == 1
    assert round(found["from_call"].mean, 6) == round(20 + 60 / DAY, 6)
    velocity = found["velocity"]["now"]
    # Open on the quarter's last day: 5, 8 and the lead's. 3 x 50 % x 1633.33 / 28.667 days = 85.47 a day.
    assert (velocity.open, velocity.won, velocity.decided) == (3, 3, 6)
    assert round(found["velocity"]["a_day"], 1) == 8546.5
    assert found["velocity"]["change"] is None  # in the 90 days before those nothing was decided
    assert found["velocity"]["levers"]["open"] == 0  # 1, 2 and 6 were open then
    series = {name: [one.n for one in sums] for name, sums in found["series"].items()}
    assert series == {"created": [8, 0, 0], "won": [2, 1, 0], "lost": [3, 0, 0]}  # day 31 begins August
    people = {who: (c.won.n, c.lost.n) for who, c in found["people"]}
    assert people[Who("team", "North")] == (2, 2)
    assert people[Who("person", "charlie")] == (1, 1)
    alice = await reports.overview(db, house.people["alice"].scope, QUARTER, MONTHS)
    assert (alice["closed"].won.n, alice["closed"].lost.n, len(alice["people"])) == (2, 0, 1)
    team = await reports.overview(db, mona, Asked(QUARTER.since, QUARTER.until, team="North"), MONTHS)
    assert (team["closed"].won.n, team["closed"].lost.n) == (2, 2)


@both
async def test_why_deals_were_lost_in_a_quarter(house: House, clock: Clock) -> None:
    firm = await quarter(house, clock)
    found = await reports.why_lost(house.db, house.people["mona"].scope, QUARTER)
    assert found["all"] == Sum(3, 250_000, 1)
    assert found["reasons"] == [
        ("Too expensive", Sum(1, 200_000)), ("Chose a competitor", Sum(1, 50_000)), ("Not a lead", Sum(1, 0, 1)),
    ]  # fmt: skip
    assert found["by_stage"]["Too expensive"] == {firm.stages["Offer"]: Sum(1, 200_000)}
    assert found["by_stage"]["Not a lead"] == {firm.stages["Unsorted"]: Sum(1, 0, 1)}
    by_person = dict(found["by_person"])
    assert by_person[Who("person", "bob")] == {
        "Too expensive": Sum(1, 200_000), "Chose a competitor": Sum(1, 50_000)
    }  # fmt: skip
    assert found["competitors"] == [("Acme", Sum(2, 50_000, 1)), ("Globex", Sum(1, 50_000))]  # "acme" is Acme
    assert found["objections"] == [("Price", Sum(1, 50_000))]
    charlie = await reports.why_lost(house.db, house.people["charlie"].scope, QUARTER)
    assert [reason for reason, _ in charlie["reasons"]] == ["Not a lead"]


@both
async def test_sources_of_a_quarter(house: House, clock: Clock) -> None:
    await quarter(house, clock)
    found = await reports.by_source(house.db, house.people["mona"].scope, QUARTER)
    rows = {name: one for name, one, _ in found["rows"]}
    # Two answers of five to the test of quality are 40 points.
    assert rows["Website"] == Source(leads=1, direct=3, real=4, deals=4, won=Sum(2, 400_000), score=40)
    assert rows["Fair"] == Source(direct=1, real=1, deals=1)
    assert rows[""] == Source(direct=3, real=2, deals=3)  # what was "not a lead" never was real
    assert rows["Website"].mean_score == 40
    assert found["all"].came == 8
    assert found["best"] == {"came": "Website", "quality": None, "conversion": None, "revenue": "Website"}


@both
async def test_each_number_is_that_many_deals(house: House, clock: Clock) -> None:
    """Chance histories, with deals opened again, taken back and handed on: what is counted is what is listed."""
    firm = await firm_of(house, clock)
    dice, db, mona = random.Random(4), house.db, house.people["mona"].scope
    names = ("Unsorted", "New", "Qualified", "Offer", "Negotiation", "Won", "Lost")
    told: list[list[tuple[float, str]]] = []
    for _ in range(40):
        day = dice.uniform(-20, 60)
        way: list[Any] = [(day, dice.choice(names[:3]))]
        for _ in range(dice.randrange(6)):
            day += dice.uniform(0.1, 25)
            to = dice.choice([name for name in names if name != way[-1][1]])
            way.append((day, to, dice.choice(("Too expensive", "No need now"))) if to == "Lost" else (day, to))
        owner = dice.choice(("alice", "bob", None))
        await firm.deal(owner, way, value=str(dice.randrange(9)), source=dice.choice(("", "Web")))
        told.append([(at, name) for at, name, *_ in way])
    clock.now = BEGIN + 250 * DAY
    for who in ("mona", "alice"):
        await _agree(house, who)

    def run(conn: Any) -> list[int]:
        sel = reports.Selection(int(board_["pipeline"]["id"]), QUARTER.since, QUARTER.until)
        return [store.open_at(conn, mona, sel, BEGIN + at * DAY) for at in moments]

    board_, moments = await board.board(db, mona), [0.0, 13.0, 50.0, 92.0, 200.0]
    naive = [sum(_open_then(way, at) for way in told) for at in moments]
    assert await db.reading(run) == naive


def _open_then(way: list[tuple[float, str]], at: float) -> bool:
    been = [name for day, name in way if day < at]
    return bool(been) and been[-1] not in ("Won", "Lost")


async def _agree(house: House, who: str) -> None:
    scope = house.people[who].scope

    async def listed(of: Who = EVERYBODY, **number: Any) -> int:
        asked = Asked(
            QUARTER.since,
            QUARTER.until,
            owner=of.name if of.kind == "person" else "",
            team=of.name if of.kind == "team" else "",
        )
        found = await reports.behind(house.db, scope, asked, Number(**number), limit=200)
        assert found["sum"].n == len(found["items"])
        return len(found["items"])

    by_stage = await reports.by_stage(house.db, scope, QUARTER)
    for of, cells in by_stage["rows"]:
        for (stage, _, _), cell in zip(by_stage["columns"], cells, strict=True):
            p = cell["passage"]
            for what, n in (
                ("entered", p.entered), ("converted", p.converted), ("still", p.still), ("left", p.left),
                ("dropped", p.lost), ("open", cell["standing"].n),
            ):  # fmt: skip
                assert await listed(of, what=what, stage=stage["id"]) == n, (of, stage["name"], what)
    lost = await reports.why_lost(house.db, scope, QUARTER)
    for reason, by in lost["by_stage"].items():
        assert await listed(what="lost", reason=reason) == dict(lost["reasons"])[reason].n
        for stage_id, sums in by.items():
            assert await listed(what="lost", reason=reason, stage=stage_id) == sums.n
    overview = await reports.overview(house.db, scope, QUARTER, MONTHS)
    for what, sums in (("created", overview["created"]), ("won", overview["closed"].won)):
        assert await listed(what=what) == sums.n
    sources = await reports.by_source(house.db, scope, QUARTER)
    for name, one, _ in sources["rows"]:
        assert await listed(what="source", source=name) == one.deals
        assert await listed(what="sold", source=name) == one.won.n


# -- pages -------------------------------------------------------------------------------------------------------------


async def page(house: House, who: str, path: str, status: int = 200) -> str:
    answer = await house.ask("GET", path, who)
    assert answer.status == status, await answer.text()
    return await answer.text()


OWN = "period=own&from=2026-07-01&to=2026-09-30"


async def test_pages_name_the_lame_stage_the_reasons_and_the_deals(house: House, clock: Clock) -> None:
    firm = await quarter(house, clock)
    for n in range(6):
        await firm.deal("bob", [(30 + n, "Offer"), (40 + n, "Lost", "Guarantees")], value="5")
        await firm.deal("alice", [(30 + n, "Offer"), (40 + n, "Won")], value="5")
    clock.now = BEGIN + 110 * DAY
    text = await page(house, "mona", f"/reports/stages?{OWN}")
    assert "The lame stage is Offer" in text
    assert text.count("Loses far more here than all do") == 1  # Bob, in Offer: 7 of 7, where all lose 7 of 14
    text = await page(house, "mona", f"/reports/lost?{OWN}")
    link = re.search(r'href="(/reports/deals\?[^"]*reason=Guarantees)"', text)
    assert link
    behind = await page(house, "mona", link.group(1).replace("&amp;", "&"))
    assert "Lost · <bdi>Guarantees</bdi>" in behind
    assert behind.count("data-panel") >= 6
    # A seller's page says nothing of others.
    for path in ("/reports", "/reports/stages", "/reports/lost", "/reports/sources"):
        assert "bob" not in await page(house, "alice", f"{path}?{OWN}")
    assert "Guarantees" not in await page(house, "alice", f"/reports/lost?{OWN}")
    assert "There are no such deals" in await page(house, "alice", f"/reports/deals?what=lost&who=person:bob&{OWN}")


async def test_from_a_lost_deal_to_its_calls(house: House, clock: Clock) -> None:
    firm = await firm_of(house, clock)
    clock.now = BEGIN
    call = await call_of(house.db, house.people["alice"], "heard", "+48221234501")
    await recordings.keep(house.db, call, "call.wav")
    made = await firm.deal("alice", [(0, "New"), (3, "Lost", "Price")], call=call)
    text = await page(house, "mona", f"/reports/deals?what=lost&{OWN}")
    assert "Calls: 1" in text
    assert "1 to listen to" in text
    assert f'src="/calls/{call}/recording"' in await page(house, "mona", f"/deals/{made['id']}")


@both
async def test_a_coaching_note_is_a_managers_and_marked(house: House) -> None:
    db, alice, mona = house.db, house.people["alice"].scope, house.people["mona"].scope
    made = await deals.create(db, alice, {"title": "x"})
    with pytest.raises(Invalid):
        await deals.add_note(db, alice, made["id"], "Myself", coaching=True)
    answer = await house.ask(
        "POST",
        f"/deals/{made['id']}/wrapup",
        "mona",
        data={"note": "Ask for the budget first", "coaching": "1"},
        headers={"Origin": house.origin},
    )
    assert answer.status == 303
    await deals.add_note(db, mona, made["id"], "Plain")
    marked = {
        item["text"]: item["coaching"] for item in await timeline(db, alice, made["id"]) if item["kind"] == "note"
    }
    assert marked == {"Ask for the budget first": True, "Plain": False}
    text = await page(house, "alice", f"/deals/{made['id']}")
    assert text.count("for the owner to learn from") == 1
    assert "Add as coaching" not in text
    assert "Add as coaching" in await page(house, "mona", f"/deals/{made['id']}")
    await page(house, "bob", f"/deals/{made['id']}", 404)
    with pytest.raises(NotFound):
        await timeline(db, house.people["bob"].scope, made["id"])


async def test_tables_are_ones_own_and_hold_no_formula(house: House, clock: Clock) -> None:
    firm = await quarter(house, clock)
    await firm.deal("bob", [(30, "New"), (31, "Lost", '=HYPERLINK("http://evil.example","x")')], source="@SUM(A1)")
    clock.now = BEGIN + 110 * DAY
    for name in ("overview", "people", "stages", "lost", "sources"):
        text = await page(house, "mona", f"/reports/{name}.csv?{OWN}")
        lines = text.splitlines()
        assert len(lines) > 1, name
        assert len({line.count('","') for line in lines if "HYPERLINK" not in line}) == 1, name
        assert not re.search(r'(^|,)"[=+@]', text, re.MULTILINE), name
    assert '"\'=HYPERLINK(""http://evil.example"",""x"")"' in await page(house, "mona", f"/reports/lost.csv?{OWN}")
    assert "HYPERLINK" not in await page(house, "alice", f"/reports/lost.csv?{OWN}")
    await page(house, "mona", "/reports/nothing.csv", 404)
    noted = await house.json("GET", "/api/v1/audit?action=exported&thing=reports", "mona")
    assert {one["changes"]["name"][1] for one in noted["items"]} >= {"lost", "stages"}


async def test_an_address_that_makes_no_sense_is_said(house: House) -> None:
    assert "This quarter is shown" in await page(house, "alice", "/reports?period=own&from=2026-09-30&to=2026-01-01")
    assert "This quarter is shown" in await page(house, "alice", "/reports?period=nonsense")
    for path in ("/reports?pipeline=999", "/reports/deals?what=nothing", "/reports/deals?what=entered&stage=x"):
        await page(house, "mona", path, 404)
    await page(house, "mona", "/reports/deals?what=lost&cursor=%00", 422)
