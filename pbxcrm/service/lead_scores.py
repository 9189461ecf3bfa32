"""What leads are worth: the house's rules, why a lead has its score, and all scores anew when a rule or a day is new.

A lead's own change and a call that is over score it at once. What follows from a new rule, and what time alone changes,
is done in parts by Scores: how far it has come is a setting, so that a part is done once however often it is begun.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from pbxcrm.crm import leads as lead_rules
from pbxcrm.crm import scoring
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.scoring import Reason, Rule, Scorer, Subject
from pbxcrm.service import audit, contact_scores
from pbxcrm.service.errors import NotFound, Unavailable
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import house, leads, score_rules
from pbxcrm.store.db import EVERYBODY, Database, Work
from pbxcrm.store.errors import overtaken

PART = 2_000  # leads a transaction
SAMPLE = 5_000  # leads that are looked at to say how many a rule reaches: true to within two of a hundred
PAUSE = 0.2  # seconds, after a call wanted to write what was being scored
POLL = 60.0  # seconds: another process may have changed a rule, and days end
_VERSION, _DONE = "score_rules", "scored"  # settings: how often rules were changed; how far the scores have come


# -- the rules ---------------------------------------------------------------------------------------------------------


async def rules(db: Database, scope: Scope) -> list[dict[str, Any]]:
    """The house's rules, [{id, basis, field, full, part, points, part_points, reach}]; `reach` as `preview` says it.
    For administrators; NotFound for others.
    """
    _allowed(scope)

    def run(conn: Connection) -> tuple[list[Rule], Leads]:
        found = score_rules.rules(conn, scope)
        return found, _leads(conn, {rule.field for rule in found})

    found, known = await read(db, run)
    now = db.clock()

    def told() -> list[dict[str, Any]]:
        return [{**r._asdict(), "id": str(r.id), "basis": r.basis, "reach": _reach(known, r, now)} for r in found]

    return await asyncio.to_thread(told)


def _allowed(scope: Scope) -> None:
    if not scope.administers:
        raise NotFound


class Leads(NamedTuple):
    """How many leads there are, and by field those that are looked at: (one, how many are like it)."""

    all: int
    kinds: dict[str, list[tuple[Subject, int]]]


def _leads(conn: Connection, fields: Iterable[str]) -> Leads:
    """Of many leads a part: whoever writes a rule wants to know at once about how many it reaches."""
    all_ = score_rules.many(conn, SYSTEM)
    stride = -(-all_ // SAMPLE)
    return Leads(all_, {field: list(score_rules.kinds(conn, SYSTEM, field, stride)) for field in fields})


def _reach(known: Leads, rule: Rule, now: float) -> dict[str, int]:
    """{full, part, all, looked}: how many leads meet it wholly, how many partly, of how many; where fewer were looked
    at than there are, as many of all as of those.
    """
    match, found = scoring.matching(rule), {"full": 0, "part": 0}
    looked = 0
    for one, n in known.kinds[rule.field]:
        looked += n
        if how := match(one, now):
            found[how] += n
    if looked < known.all:
        found = {how: n * known.all // max(1, looked) for how, n in found.items()}
    return {**found, "all": known.all, "looked": looked}


async def preview(db: Database, scope: Scope, given: Mapping[str, object]) -> dict[str, int]:
    """How many leads a rule that is not stored would reach: {full, part, all, looked}; `looked` below `all`: judged by
    so many of them. Raises Invalid.
    """
    _allowed(scope)
    rule = checked(lambda: scoring.rule(given))
    known = await read(db, lambda conn: _leads(conn, [rule.field]))
    return await asyncio.to_thread(_reach, known, rule, db.clock())  # calls go on meanwhile


async def save(db: Database, scope: Scope, rule_id: object, given: Mapping[str, object]) -> str:
    """A new rule (`rule_id` None), or another in the place of that one; gives its id. Raises Invalid, NotFound."""
    _allowed(scope)
    rule = checked(lambda: scoring.rule(given))
    wanted = None if rule_id is None else key(rule_id)

    def run(work: Work) -> str:
        known = {one.id: one for one in score_rules.rules(work.conn, scope)}
        if wanted is None and len(known) >= scoring.MOST_RULES:
            raise wrong({"field": f"There are {scoring.MOST_RULES} rules already; remove one first."})
        if wanted is not None and wanted not in known:
            raise NotFound
        if wanted is not None and known[wanted]._replace(id=0) == rule:
            raise unchanged(str(wanted))
        made = wanted if wanted is not None else score_rules.add(work.conn, rule)
        if wanted is not None:
            score_rules.change(work.conn, wanted, rule)
        _changed(work, scope, made, known.get(made), rule)
        return str(made)

    return await write(db, run)


async def remove(db: Database, scope: Scope, rule_id: object) -> None:
    """Take a rule away. Raises NotFound."""
    _allowed(scope)
    wanted = key(rule_id)

    def run(work: Work) -> None:
        before = next((one for one in score_rules.rules(work.conn, scope) if one.id == wanted), None)
        if before is None:
            raise NotFound
        score_rules.remove(work.conn, wanted)
        _changed(work, scope, wanted, before, None)

    await write(db, run)


def _changed(work: Work, scope: Scope, rule_id: int, before: Rule | None, after: Rule | None) -> None:
    version = int(house.get(work.conn, SYSTEM, _VERSION) or 0) + 1
    house.put(work.conn, _VERSION, str(version))
    work.journal("settings.changed", {"changed": ["score_rules"]}, EVERYBODY)
    said = {"score_rule": (_words(before), _words(after))}
    audit.note(work, scope, "settings.changed", "setting", f"score_rules {rule_id}", said)


def _words(rule: Rule | None) -> str | None:
    if rule is None:
        return None
    return f"{rule.field}: {rule.full} {rule.points}" + (
        f"; {rule.part} {rule.part_points}" if rule.part_points else ""
    )


# -- one lead ----------------------------------------------------------------------------------------------------------


class Scoring:
    """By the house's rules and the calls with these numbers, the scores of leads as they stand."""

    def __init__(self, conn: Connection, numbers: Iterable[str | None]) -> None:
        self._scorer = Scorer(score_rules.rules(conn, SYSTEM), lead_rules.POINTS)
        self._calls = score_rules.stats(conn, SYSTEM, {number for number in numbers if number})

    def _subject(self, row: Mapping[str, Any]) -> Subject:
        return lead_rules.subject(row, self._calls.get(row.get("number") or "", score_rules.NOTHING))

    def of(self, row: Mapping[str, Any], now: float) -> int:
        """The score of one."""
        return self._scorer.score(self._subject(row), now)

    def why(self, row: Mapping[str, Any], now: float) -> list[Reason]:
        """Where its points come from."""
        return self._scorer.reasons(self._subject(row), now)


def of(conn: Connection, row: Mapping[str, Any], now: float) -> int:
    """The score of a lead as it stands."""
    return Scoring(conn, [row.get("number")]).of(row, now)


def why(conn: Connection, row: Mapping[str, Any], now: float) -> list[dict[str, Any]]:
    """Where a lead's points come from: [{field, asked, how, points}], the weightiest first. May they see it?"""
    return scoring.told(Scoring(conn, [row.get("number")]).why(row, now))


def rescore(work: Work, ids: list[int]) -> None:
    """These leads once more, for what their calls say has changed."""
    rows = leads.of_ids(work.conn, SYSTEM, ids)
    _store(work.conn, rows, work.at)


def _store(conn: Connection, rows: list[lead_rules.LeadRow], now: float) -> int:
    scores = Scoring(conn, [row["number"] for row in rows])
    new = []
    for row in rows:
        points = scores.of(row, now)
        if points != row["score"]:
            new.append({"lead": row["id"], "points": points})
    score_rules.scored(conn, new)
    return len(new)


# -- all of them -------------------------------------------------------------------------------------------------------


async def step(db: Database) -> bool:
    """The next part of what is to be scored anew, leads before contacts; whether there may be more. Raises
    Unavailable.
    """
    if await read(db, lambda conn: _state(conn, db.clock())["done"]):
        return False
    return await write(db, _step)


async def _gently(db: Database) -> bool:
    """The same, where calls write what is to be scored: they go first."""
    try:
        return await step(db)
    except DBAPIError as error:
        if not overtaken(error):
            raise
        await asyncio.sleep(PAUSE)
        return True


def _state(conn: Connection, now: float) -> dict[str, Any]:
    """{rules, day, of, after, changed, done}: how far the scores by these rules have come on this day (UTC); `of`
    leads, then contacts.
    """
    said = house.some(conn, SYSTEM, [_VERSION, _DONE])
    known = {"rules": int(said.get(_VERSION, 0)), "day": int(now // scoring.DAY)}
    state = json.loads(said.get(_DONE, "{}"))
    if "of" in state and {name: state.get(name) for name in known} == known:
        return dict(state)
    # Without rules of the house time changes nothing.
    return {**known, "of": "leads", "after": 0, "done": not known["rules"]}


def _step(work: Work) -> bool:
    state = _state(work.conn, work.at)
    if state["done"]:
        raise unchanged(False)
    if state["of"] == "leads":
        rows = score_rules.part(work.conn, SYSTEM, state["after"], PART)
        changed, more = _store(work.conn, rows, work.at), len(rows) == PART
        state |= {"after": rows[-1]["id"]} if more else {"of": "contacts", "after": 0}
    else:
        changed, state["after"], more = contact_scores.part(work.conn, state["after"], work.at)
        state["done"] = not more
    state["changed"] = changed + state.get("changed", 0)
    house.put(work.conn, _DONE, json.dumps(state))
    told = EVERYBODY if state["done"] and state["changed"] else None
    work.journal("lead.scored", {"changed": state["changed"], "done": state["done"]}, told)
    return not state["done"]


class Scores:
    """Scores anew what is to be, woken by a change of the rules."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seen = db.generation
        self._wake = asyncio.Event()
        db.on_commit(self._look)

    def _look(self) -> None:
        if self._db.generation != self._seen:  # rules are among what seldom changes
            self._seen = self._db.generation
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled. While the database is away it waits."""
        while True:
            self._wake.clear()
            with contextlib.suppress(Unavailable):
                while await _gently(self._db):
                    pass  # a part after the other: others write in between
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._wake.wait()
