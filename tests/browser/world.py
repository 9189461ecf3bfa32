"""A small firm at work, served on loopback, and stories of calls told to it as facts."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer

from pbxcrm.ami.errors import LinkDown
from pbxcrm.ami.originate import OriginateOutcome
from pbxcrm.calls.facts import Fact, FactKind
from pbxcrm.calls.model import Call, Evidence, Talk
from pbxcrm.crm.access import Scope
from pbxcrm.crm.dialling import DialPolicy
from pbxcrm.crm.views import iso
from pbxcrm.http.keys import Deps
from pbxcrm.http.server import build
from pbxcrm.live.hub import Hub
from pbxcrm.service import contacts, deals, moves, people
from pbxcrm.service import link as link_service
from pbxcrm.service.auth import Auth
from pbxcrm.service.dial import Dialler
from pbxcrm.service.intake import Intake
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate

PASSWORD = "open sesame please"
STAFF = (
    ("anna", "Anna Kowalska", "manager", "PJSIP/100", "en", "gregorian", "Europe/Warsaw"),
    ("maria", "Maria Nowak", "agent", "PJSIP/101", "en", "gregorian", "Europe/Warsaw"),
    ("tomek", "Tomasz Zieliński", "agent", "PJSIP/102", "en", "gregorian", "Europe/Warsaw"),
    ("ava", "Ava Bennett", "agent", "PJSIP/103", "en", "gregorian", "Europe/London"),
    ("sara", "سارا محمدی", "manager", "PJSIP/104", "fa", "jalali", "Asia/Tehran"),
    ("layla", "ليلى حداد", "agent", "PJSIP/105", "ar", "gregorian", "Asia/Dubai"),
)
DEVICES = {name: device for name, _, _, device, *_ in STAFF}


@dataclass
class Link:
    """How the link to the PBX is said to be."""

    up: bool = True
    since: float = 0.0
    reason: str = ""


class Pbx:
    """Takes what click-to-call would send."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []
        self.down = False

    async def originate(
        self,
        channel: str,
        context: str,
        exten: str,
        caller_id: str,
        timeout_ms: int,
        variables: Mapping[str, str],
        action_id: str,
    ) -> OriginateOutcome:
        if self.down:
            raise LinkDown("not connected")
        self.sent.append({"channel": channel, "exten": exten, "id": action_id})
        return OriginateOutcome("queued")


@dataclass
class World:
    """The firm. `deal` and `call` make things in it; `cookie` lets a browser in."""

    db: Database
    intake: Intake
    pbx: Pbx
    link: Link
    server: TestServer
    scopes: dict[str, Scope] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)

    @property
    def papers(self) -> Path:
        """The folder of documents."""
        return Path(str(self.db.url.database)).parent / "documents"

    @property
    def recordings(self) -> Path:
        """The folder of recordings."""
        return Path(str(self.db.url.database)).parent / "recordings"

    @property
    def url(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")

    async def cookie(self, name: str) -> dict[str, Any]:
        raw = await Auth(self.db).login(name, PASSWORD, "127.0.0.1")
        return {"name": "pbxcrm_session", "value": raw, "url": self.url}

    async def deal(self, owner: str | None, stage: str = "New", **fields: Any) -> dict[str, Any]:
        fields = {"title": "A deal", **fields}
        person = {k: fields.pop(k) for k in ("name", "company") if k in fields}
        boss = self.scopes["anna"]
        if person:
            numbers = [fields["number"]] if "number" in fields else []
            made = await contacts.create(self.db, boss, {**person, "numbers": numbers})
            fields["contact_id"] = made["id"]
        lost = stage == "Lost"
        fields["stage"] = self.stages["New" if lost else stage]
        deal = await deals.create(self.db, boss, {"owner": owner, **fields})
        if lost:
            deal = await moves.move(self.db, boss, deal["id"], self.stages["Lost"], deal["version"], "Too expensive")
        return deal

    async def get(self, deal_id: str) -> dict[str, Any]:
        return await deals.get(self.db, self.scopes["anna"], deal_id)

    async def set_link(self, *, up: bool, reason: str = "") -> None:
        self.link.up, self.link.since, self.link.reason = up, self.db.clock(), reason
        await link_service.changed(self.db, "main", up, self.link.since, reason)

    def call(self, number: str | None = "+48221234599", **more: Any) -> "Story":
        return Story(self, number, more)


class Story:
    """One call as the tracker would tell it: each step is a fact with the whole call as it stands."""

    def __init__(self, world: World, number: str | None, more: dict[str, Any]) -> None:
        self.world = world
        self.n = 0
        now = world.db.clock()
        base: dict[str, Any] = {
            "pbx": "main",
            "boot": "1",
            "uid": uuid.uuid4().hex,
            "linkedids": ("1",),
            "direction": "inbound",
            "number": number,
            "caller_name": None,
            "did": "+48221110000",
            "outcome": "ongoing",
            "started_at": now,
            "answered_at": None,
            "ended_at": None,
            "talk_seconds": 0.0,
            "first_answered_by": None,
            "last_answered_by": None,
            "rang": (),
            "talks": (),
            "transfers": (),
            "evidence": (),
        }
        self.call = Call(**{**base, **more})

    async def _tell(self, kind: FactKind, **change: Any) -> Call:
        self.n += 1
        self.call = replace(self.call, **change)
        await self.world.intake.apply([Fact(kind, self.n, self.world.db.clock(), self.call)])
        return self.call

    async def rings(self, *names: str) -> Call:
        rang = tuple(dict.fromkeys((*self.call.rang, *names)))
        return await self._tell("ringing", ringing=names, rang=rang)

    async def answered(self, name: str) -> Call:
        now = self.world.db.clock()
        why = Evidence(now, "BridgeEnter", f"{DEVICES[name]} and the caller's channel were in one conversation")
        return await self._tell(
            "answered",
            answered_at=now,
            ringing=(),
            talking=(name,),
            talks=(*self.call.talks, Talk(name, DEVICES[name], now, None)),
            first_answered_by=self.call.first_answered_by or name,
            last_answered_by=name,
            evidence=(*self.call.evidence, why),
        )

    async def ended(self, outcome: str | None = None, talked: float = 125.0) -> Call:
        now = self.world.db.clock()
        talks = tuple(replace(t, end=t.end or now) for t in self.call.talks)
        return await self._tell(
            "ended",
            outcome=outcome or ("answered" if talks else "missed"),
            ended_at=now,
            ringing=(),
            talking=(),
            talks=talks,
            talk_seconds=talked if talks else 0.0,
        )


@asynccontextmanager
async def world(folder: Path, *, demo: bool = False) -> AsyncIterator[World]:
    """The firm with its people and no deals yet."""
    db = Database(f"sqlite+aiosqlite:///{folder}/pbxcrm.db", region="PL")
    await migrate(db)
    pbx, hub = Pbx(), Hub(db)
    link = Link(since=db.clock() - 3600)
    dialler = Dialler(db, pbx.originate, DialPolicy(region="PL", prefixes=("*",)), link_up=lambda: link.up)
    folders = {"documents": folder / "documents", "recordings": folder / "recordings"}
    folders["recordings"].mkdir()
    server = TestServer(build(Deps(db, hub, dialler, lambda: link, demo=demo, **folders)))
    running = asyncio.create_task(hub.run())
    await server.start_server(access_log=None, shutdown_timeout=0.5)
    firm = World(db, Intake(db), pbx, link, server)
    try:
        await _settle(firm)
        yield firm
    finally:
        await server.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await db.close()


async def _settle(firm: World) -> None:
    for name, full, role, device, locale, calendar, zone in STAFF:
        made = await people.add_user(
            firm.db,
            name,
            role,
            [device],
            full_name=full,
            password=PASSWORD,
            locale=locale,
            calendar=calendar,
            time_zone=zone,
        )
        firm.scopes[name] = Scope(made, name, role)  # type: ignore[arg-type]
    board = await deals.board(firm.db, firm.scopes["anna"], None, 1)
    firm.stages = {s["name"]: s["id"] for s in board["stages"]}


CUSTOMERS = (
    ("Elżbieta Wójcik", "Nordlicht Solar", "+4822123450"),
    ("James Okafor", "Brightwater Homes", "+4420794601"),
    ("Sofia Rossi", "Cantina Rossi", "+3906512345"),
    ("Piotr Lewandowski", "Lewandowski i Synowie", "+486012233"),
    ("علی رضایی", "بازرگانی آریا", "+9821887766"),
    ("Nadia Petrova", "Вектор Логистика", "+749512345"),
    ("Lucas Meyer", "Meyer Dental", "+49301234567"),
    ("Grace Lin", "Harbor Freight Co", "+121255501"),
    ("Omar Haddad", "حدّاد للتجارة", "+97143219"),
    ("Ines Duarte", "Quinta do Vale", "+3512134567"),
    ("Kasper Holm", "Holm & Datter", "+45331234"),
    ("Yuki Tanaka", "Tanaka Seisakusho", "+8131234567"),
    ("Chloé Martin", "Atelier Martin", "+331423456"),
    ("Zofia Kamińska", "Kwiaciarnia Zosia", "+485126677"),
)
SUBJECTS = (
    "40 phones for the new office",
    "Annual service",
    "Rooftop installation",
    "Second warehouse",
    "Call recording add-on",
    "Trial, 10 seats",
    "Website enquiry",
    "Renewal 2027",
    "Headsets",
    "Migration from ISDN",
    "Door stations",
    "SIP trunk",
    "Training day",
    "Support plan",
    "Reception desk",
)
PLAN = (("Won", 4), ("Lost", 2), ("Negotiation", 4), ("Offer", 5), ("Qualified", 5), ("New", 6), ("Unsorted", 4))
DAY = 86400.0


async def busy_week(firm: World) -> None:
    """A board as it looks after a week of work: the same each time, but for the day it is."""
    dice, now, n = random.Random(5), firm.db.clock(), 0
    moment = [now - 9 * DAY]
    firm.db.clock = lambda: moment[0]
    for stage, count in PLAN:
        for i in range(count):
            moment[0] += 1500 if stage == "Unsorted" else dice.uniform(7000, 31000)
            moment[0] = min(moment[0], now - 600 + n)
            await firm.deal(**_fields(dice, stage, n, i, now))
            n += 1
    firm.db.clock = time.time


def _fields(dice: random.Random, stage: str, n: int, i: int, now: float) -> dict[str, Any]:
    name, company, number = CUSTOMERS[n % len(CUSTOMERS)]
    number = f"{number}{n % 90 + 10}"
    owner: str | None = ("maria", "tomek", "ava")[n % 3]
    source = ("Website", "Google Ads", "Reception", "")[n % 4]
    if stage == "Unsorted":
        return {
            "owner": owner if i else None,
            "stage": stage,
            "title": name if i % 2 else number,
            "number": number,
            "source": source,
        }
    fields: dict[str, Any] = {
        "owner": owner,
        "stage": stage,
        "title": SUBJECTS[n % len(SUBJECTS)],
        "name": name,
        "company": company,
        "number": number,
        "source": source,
        "value": str(dice.choice((900, 1250, 2400, 4800, 7600, 12400, 18900, 32000, 1499.5))),
        "priority": 1 if dice.random() < 0.2 else 0,
    }
    luck = dice.random()
    if luck < 0.25:
        fields["next_contact_at"] = iso(now - dice.uniform(3600, 2 * DAY))
    elif luck < 0.45:
        fields["next_contact_at"] = iso(now + dice.uniform(600, 5000))
    elif luck < 0.85:
        fields["next_contact_at"] = iso(now + dice.uniform(DAY, 9 * DAY))
    return fields
