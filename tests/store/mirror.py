"""What a page knows that was read once and then only listened: it must never differ from one read anew."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pbxcrm.crm import wrapup
from pbxcrm.crm.access import Scope
from pbxcrm.service import calls, deals, tasks
from pbxcrm.service.calls import WRAPUPS
from pbxcrm.store import journal
from tests.store.office import Office

View = dict[str, Any]


def _without_card(call: View) -> View:
    """The card says what was known when this call was told of last; other calls and people go on meanwhile, and say
    what came of theirs."""
    return {name: value for name, value in call.items() if name not in ("card", "wrapped_by")}


@dataclass
class Mirror:
    """One person's page: cards, sums, tasks, ongoing calls; `last` is the journal id it is true at."""

    scope: Scope
    team: str | None
    last: int = 0
    cards: dict[str, View] = field(default_factory=dict)
    sums: dict[tuple[str, str], tuple[int, Decimal]] = field(default_factory=dict)
    tasks: dict[str, View] = field(default_factory=dict)
    live: dict[str, View] = field(default_factory=dict)

    @classmethod
    async def read(cls, office: Office, scope: Scope, team: str | None) -> "Mirror":
        """The page read anew."""
        db = office.db
        page = cls(scope, team)
        board = await deals.board(db, scope, per_column=200)
        page.last = board["as_of"]
        for stage in board["stages"]:
            page.cards |= {deal["id"]: deal for deal in stage["deals"]}
            money = {board["currency"]: stage["value"], **stage["other"]}
            for currency, value in money.items():
                if Decimal(value):
                    page.sums[stage["id"], currency] = (0, Decimal(value))
            page.sums[stage["id"], "count"] = (stage["count"], Decimal(0))
        page.tasks = {task["id"]: task for task in (await tasks.list_tasks(db, scope, 200))["items"]}
        page.live = {call["id"]: _without_card(call) for call in await calls.live(db, scope)}
        return page

    async def listen(self, office: Office) -> None:
        """Take what the journal said since."""
        rows = await office.db.reading(lambda conn: journal.after(conn, self.scope, self.last, 10_000))
        for row in rows:
            self.last = row["id"]
            self._hear(row["kind"], row["data"])

    def _hear(self, kind: str, data: View) -> None:
        if kind.startswith("deal."):
            self._deal(data)
        elif kind.startswith("task."):
            self.tasks.pop(data["id"], None)
            if kind == "task.due" and self._for_me(data):
                self.tasks[data["id"]] = data
        elif kind == "call.wrapped":
            self.live.pop(data["id"], None)
        elif kind.startswith("call."):
            self.live.pop(data["id"], None)
            if wrapup.concerns(self.scope.name, data):
                self.live[data["id"]] = _without_card(data)
            waiting = [key for key, call in self.live.items() if not self._is_on(call)]
            for key in sorted(waiting, key=lambda key: wrapup.began(self.scope.name, self.live[key]))[:-WRAPUPS]:
                del self.live[key]

    def _is_on(self, call: View) -> bool:
        return self.scope.name in (*call["ringing"], *call["talking"])

    def _for_me(self, task: View) -> bool:
        if self.scope.sees_all or task["user"] == self.scope.name:
            return True
        return task["user"] is None and task["kind"] == "callback" and task["team"] in (None, self.team)

    def _deal(self, data: View) -> None:
        before = data.get("before")
        if before and (self.scope.sees_all or before["owner"] == self.scope.name):
            self._add(before["stage"], before["currency"], -1, -Decimal(before["value"]))
        self.cards.pop(data["id"], None)
        if not data.get("gone"):
            self._add(data["stage"], data["currency"], 1, Decimal(data["value"]))
            self.cards[data["id"]] = {k: v for k, v in data.items() if k not in ("before", "by")}

    def _add(self, stage: str, currency: str, count: int, value: Decimal) -> None:
        deals_, _ = self.sums.get((stage, "count"), (0, Decimal(0)))
        self.sums[stage, "count"] = (deals_ + count, Decimal(0))
        _, sum_ = self.sums.pop((stage, currency), (0, Decimal(0)))
        if sum_ + value:
            self.sums[stage, currency] = (0, sum_ + value)


class Pages:
    """Everybody's page, open since before anything happened."""

    def __init__(self, office: Office, pages: list[Mirror]) -> None:
        self._office = office
        self._pages = pages

    @classmethod
    async def open(cls, office: Office) -> "Pages":
        people = [(office.alice, "north"), (office.bob, "north"), (office.charlie, "south"), (office.mia, None)]
        return cls(office, [await Mirror.read(office, *person) for person in people])

    async def agree(self) -> None:
        """Each page, having listened, is what it would be if it were read now."""
        for page in self._pages:
            await page.listen(self._office)
            anew = await Mirror.read(self._office, page.scope, page.team)
            for name in ("cards", "sums", "tasks", "live"):
                assert getattr(page, name) == getattr(anew, name), f"{name} of {page.scope.name}"
