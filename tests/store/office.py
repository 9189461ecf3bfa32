"""The people of every test, their devices, and calls as the tracker tells of them."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select

from pbxcrm.calls.facts import Fact, FactKind
from pbxcrm.calls.model import Call, Talk, Transfer
from pbxcrm.crm.access import Role, Scope
from pbxcrm.store import schema
from pbxcrm.store.db import Database, Work

START = 1_795_000_000.0  # 2026-11-18T11:06:40Z


@dataclass
class Clock:
    """Time that a test moves."""

    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class Office:
    """A database with people in it."""

    db: Database
    clock: Clock
    alice: Scope
    bob: Scope
    charlie: Scope
    olga: Scope
    mia: Scope
    stage: dict[str, str] = field(default_factory=dict)  # name -> id

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """All of a table."""
        return await self.db.reading(lambda conn: table_rows(conn, table))


def table_rows(conn: Any, table: str) -> list[dict[str, Any]]:
    found = schema.metadata.tables[table]
    return [dict(row) for row in conn.execute(select(found).order_by(*found.primary_key.columns)).mappings()]


PEOPLE: dict[str, tuple[Role, str | None]] = {
    "alice": ("agent", "north"),
    "bob": ("agent", "north"),
    "charlie": ("agent", "south"),
    "olga": ("agent", "north"),
    "mia": ("manager", None),
}


async def settle(db: Database, clock: Clock) -> Office:
    def run(work: Work) -> dict[str, Scope]:
        conn, found = work.conn, {}
        teams = {}
        for name in ("north", "south"):
            teams[name] = conn.execute(insert(schema.teams).values(name=name).returning(schema.teams.c.id)).scalar_one()
        for name, (role, team) in PEOPLE.items():
            row = {"name": name, "role": role, "team_id": teams.get(team), "operator": name == "olga"}
            statement = insert(schema.users).values(**row, full_name=name.title(), created_at=START)
            key = conn.execute(statement.returning(schema.users.c.id)).scalar_one()
            found[name] = Scope(key, name, role, teams.get(team))
        dids = [
            {"did": "+48221000100", "source": "website", "team_id": None},
            {"did": "+48221000200", "source": "fair", "team_id": teams["north"]},
        ]
        conn.execute(insert(schema.dids), dids)
        work.journal("user.added", {"count": len(found)}, None)
        return found

    people = await db.writing(run)
    stages = {row["name"]: str(row["id"]) for row in await db.reading(lambda conn: table_rows(conn, "stages"))}
    return Office(db, clock, **people, stage=stages)


class Caller:
    """One call as the tracker tells of it: each method gives the next fact."""

    def __init__(
        self, number: str | None, uid: str = "1795000000.1", at: float = START, direction: str = "inbound", **more: Any
    ) -> None:
        self.n = 0
        self.at = at
        self.call = Call(
            pbx="pbx",
            boot="b1",
            uid=uid,
            linkedids=(uid,),
            direction=direction,  # type: ignore[arg-type]
            number=number,
            caller_name=None,
            did="+48221000100" if direction == "inbound" else None,
            outcome="ongoing",
            started_at=at,
            answered_at=None,
            ended_at=None,
            talk_seconds=0.0,
            first_answered_by=None,
            last_answered_by=None,
            rang=(),
            talks=(),
            transfers=(),
            evidence=(),
        )
        self.call = dataclasses.replace(self.call, **more)

    def _fact(self, kind: FactKind, at: float | None, **changes: Any) -> Fact:
        self.n += 1
        self.at = self.at + 1 if at is None else at
        self.call = dataclasses.replace(self.call, **changes)
        return Fact(kind, self.n, self.at, self.call)

    def rings(self, *users: str, at: float | None = None) -> Fact:
        rang = tuple(dict.fromkeys((*self.call.rang, *users))) if self.call.direction != "outbound" else ()
        return self._fact("ringing", at, ringing=users, rang=rang)

    def answers(self, user: str | None, device: str = "PJSIP/101", at: float | None = None) -> Fact:
        moment = self.at + 1 if at is None else at
        talk = Talk(user, device, moment, None)
        return self._fact(
            "answered", moment, ringing=(), talking=(user,) if user else (), talks=(*self.call.talks, talk),
            answered_at=self.call.answered_at or moment,
            first_answered_by=self.call.first_answered_by or user, last_answered_by=user or self.call.last_answered_by,
        )  # fmt: skip

    def passes(self, to: str | None, device: str = "PJSIP/102", at: float | None = None) -> Fact:
        moment = self.at + 1 if at is None else at
        *earlier, last = self.call.talks
        talks = (*earlier, dataclasses.replace(last, end=moment), Talk(to, device, moment, None))
        transfer = Transfer("attended", moment, last.user, to)
        return self._fact(
            "transferred", moment, talking=(to,) if to else (), talks=talks, last_answered_by=to,
            first_answered_by=self.call.first_answered_by or to, transfers=(*self.call.transfers, transfer),
        )  # fmt: skip

    def ends(self, outcome: str | None = None, at: float | None = None) -> Fact:
        moment = self.at + 1 if at is None else at
        talks = tuple(t if t.end else dataclasses.replace(t, end=moment) for t in self.call.talks)
        usual = "answered" if talks else "missed"
        seconds = sum((t.end or moment) - t.start for t in talks)
        return self._fact(
            "ended", moment, ringing=(), talking=(), talks=talks, outcome=outcome or usual, ended_at=moment,
            talk_seconds=seconds,
        )  # fmt: skip
