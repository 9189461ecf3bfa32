"""Calls that CEL or CDR tell of, into the CRM: each exactly once, whatever we knew of it before.

A call that nobody followed is created, one that we lost is mended, and one that we followed is held against what the
PBX wrote down. One transaction a batch; the same calls again change nothing. Recent ones do what live ones do.
"""

import asyncio
import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call
from pbxcrm.crm import views, witness
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.rules import Rules
from pbxcrm.crm.witness import Source
from pbxcrm.service import erased, recordings
from pbxcrm.service.history_bulk import Bulk
from pbxcrm.service.intake_batch import Batch
from pbxcrm.service.recordings import Files
from pbxcrm.service.transact import unchanged, write
from pbxcrm.store import calls as store
from pbxcrm.store import history, lookup
from pbxcrm.store.calls import NEAR
from pbxcrm.store.db import Database, Work
from pbxcrm.store.history import Stored

# A call that we still believe to go on, though it ended so long ago (seconds), is one whose end we missed.
STALE = 60.0


class Counts(NamedTuple):
    """What a batch did: calls that were new, were known, were mended, and are told otherwise by the two witnesses."""

    new: int = 0
    same: int = 0
    mended: int = 0
    disagreeing: int = 0


async def apply(
    db: Database, calls: Sequence[Call], *, source: Source, rules: Rules, monitor: Path | None = None
) -> Counts:
    """Write these (some thousand at most, of any order) in one transaction. Raises Unavailable: try again.

    `monitor`: the folder in which the files lie that they name.
    """
    ended = [call for call in calls if call.ended_at is not None]
    if not ended:
        return Counts()
    there = await asyncio.to_thread(recordings.there, monitor, ended)
    # History can be read again: a batch need not wait for the disk by itself.
    return await write(db, partial(_apply, calls=ended, source=source, rules=rules, there=there), durable=False)


@dataclass(slots=True)
class _Sorted:
    """A batch, by what is to be done."""

    new: list[Call] = field(default_factory=list)
    mend: list[tuple[Stored, Call]] = field(default_factory=list)
    agree: list[Stored] = field(default_factory=list)
    differ: list[tuple[Stored, Call, tuple[str, ...]]] = field(default_factory=list)
    same: int = 0
    heard: list[dict[str, str]] = field(default_factory=list)  # {call, path} of stored ones whose recording is found


def _apply(work: Work, calls: Sequence[Call], source: Source, rules: Rules, there: Files) -> Counts:
    calls = erased.calls(work.conn, calls)
    found = _sort(work, sorted(calls, key=lambda call: (call.started_at, call.uid)), source, there)
    counts = Counts(len(found.new), found.same + len(found.agree), len(found.mend), len(found.differ))
    if counts.same == len(calls) and not (found.agree or found.heard):
        raise unchanged(counts)
    since = work.at - rules.history_recent
    lately: list[tuple[Stored | None, Call]] = [(None, call) for call in found.new if call.started_at >= since]
    # However long ago: a call that is about a deal has to end with that deal's right owner.
    lately += [(s, call) for s, call in found.mend if call.started_at >= since or s.deal_id is not None]
    if lately:
        _as_live(work, rules, lately, source)
    older = [call for call in found.new if call.started_at < since]
    mended = [(s, call) for s, call in found.mend if call.started_at < since and s.deal_id is None]
    if older or mended:
        Bulk(work, lookup.house(work.conn, SYSTEM), rules, source, there).write(older, mended)
    born = [call for stored, call in lately if stored is None]
    found.heard += [{"call": call.id, "path": path} for call in born if (path := there.get(recordings.named(call)))]
    if found.heard:
        store.all_recorded(work.conn, found.heard)
    _witness(work, found, source)
    recorded = len(found.heard) + sum(recordings.named(call) in there for call in older)
    first, last = min(call.started_at for call in calls), max(call.started_at for call in calls)
    span = {"since": views.iso(first), "until": views.iso(last)}
    work.journal("history.imported", {"source": source, **counts._asdict(), "recorded": recorded, **span}, None)
    return counts


def _sort(work: Work, calls: Sequence[Call], source: Source, there: Files) -> _Sorted:
    stored: defaultdict[tuple[str, str], list[Stored]] = defaultdict(list)
    for state in history.by_uids(work.conn, SYSTEM, list(dict.fromkeys(call.uid for call in calls))):
        stored[state.pbx, state.uid].append(state)
    taken: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    found = _Sorted()
    for call in calls:
        key = call.pbx, call.uid
        known = min(stored[key], key=lambda state: abs(state.started_at - call.started_at), default=None)
        if any(abs(at - call.started_at) <= NEAR for at in taken[key]):
            found.same += 1  # twice in one batch
            continue
        taken[key].append(call.started_at)
        if known is None or abs(known.started_at - call.started_at) > NEAR:
            # Stored with the same id at another time: this one needs an id of its own.
            again = any(state.boot == call.boot for state in stored[key])
            boot = f"{call.boot}-{int(call.started_at // NEAR)}"
            found.new.append(dataclasses.replace(call, boot=boot) if again else call)
        else:
            _weigh(found, known, call, source, work.at)
            if known.recording is None and (path := there.get(recordings.named(call))):
                found.heard.append({"call": known.id, "path": path})
    return found


def _weigh(found: _Sorted, known: Stored, call: Call, source: Source, now: float) -> None:
    """What a second account of a stored call is good for."""
    if known.origin == "part" and source == "cel" and call.outcome != "lost":
        found.mend.append((known, call))  # what we did not see of it, the PBX did
    elif known.origin in ("cel", "cdr"):
        better = known.origin == "cdr" and source == "cel"
        more = known.origin == source and (call.ended_at or 0.0) > (known.ended_at or 0.0) + 0.5
        if better or more:
            found.mend.append((known, call))
        else:
            found.same += 1
    elif known.ended_at is None and source == "cdr":
        found.same += 1  # its first legs may be over while it goes on: whoever follows it says when it ended
    elif known.outcome == "lost" or known.ended_at is None or _not_all_seen(known):
        missed_its_end = known.ended_at is not None or (call.ended_at or now) < now - STALE
        if missed_its_end and call.outcome not in ("lost", "ongoing"):
            found.mend.append((known, call))
        else:
            found.same += 1
    elif known.witness is not None or call.outcome in ("lost", "ongoing") or known.direction == "internal":
        found.same += 1
    elif fields := witness.differences(known, call, source):
        found.differ.append((known, call, fields))
    else:
        found.agree.append(known)


def _not_all_seen(known: Stored) -> bool:
    """Whether somebody may have answered, or talked last, while nobody looked: the PBX wrote down who it was."""
    said = (known.first_answered_by, known.last_answered_by)
    return said.count(None) == 1 or (known.origin == "part" and known.outcome == "answered" and None in said)


def _as_live(work: Work, rules: Rules, lately: Sequence[tuple[Stored | None, Call]], source: Source) -> None:
    """The same rules as for live calls, with no card popping up for a talk that is over."""
    facts: list[Fact] = []
    for stored, call in sorted(lately, key=lambda pair: pair[1].ended_at or 0.0):
        facts += _facts(stored, call)
    batch = Batch(work, lookup.house(work.conn, SYSTEM), rules, len(facts))
    mended = {stored.id: (stored, call) for stored, call in lately if stored is not None}
    batch.load(facts, {key: _has_asked(stored, rules) for key, (stored, _) in mended.items()})
    ours = history.views(work.conn, SYSTEM, list(mended))
    batch.run()
    batch.store()
    if batch.kept:
        told = [(ours[key], *mended[key]) for key in batch.kept]
        history.differ(work.conn, [_owners(work.at, view, stored, call, source) for view, stored, call in told])
        history.count(work.conn, [{"key": "owner", "count": len(told)}, {"key": "disagreed", "count": len(told)}])
    work.rows[:] = [row for row in work.rows if row["kind"] != "call.answered"]
    marks = [{"call": fact.call.id, "told_by": source, "beside": None} for fact in facts if fact.kind == "ended"]
    history.mark(work.conn, marks)


def _has_asked(stored: Stored, rules: Rules) -> bool:
    """Whether what was told of it before has asked for a call back: see rules.wants_callback."""
    over = stored.ended_at is not None and stored.direction == "inbound" and stored.outcome in rules.callback_outcomes
    return over and not stored.talk_seconds and stored.last_answered_by is None


def _owners(at: float, ours: str, stored: Stored, call: Call, source: Source) -> dict[str, Any]:
    """A call that was mended, while the deal it made stays with whom a person left it to."""
    return _difference(at, ours, stored, call, (*witness.differences(stored, call, source), "owner"), source)


def _facts(stored: Stored | None, call: Call) -> list[Fact]:
    """What the tracker would have said of it: that somebody talked, and that it is over."""
    at, n = call.ended_at or call.started_at, 0
    answered = call.answered_at or at
    if stored is not None:
        call = dataclasses.replace(call, boot=stored.boot, uid=stored.uid)
        # It left a task to call back when it was lost: a talk in it closes that.
        at = answered = max(at, stored.ended_at or at)
        n = stored.n
    facts = [Fact("answered", n + 1, answered, call)] if call.talks else []
    return [*facts, Fact("ended", n + len(facts) + 1, at, call)]


def _witness(work: Work, found: _Sorted, source: Source) -> None:
    """Keep who was asked, and both accounts where they differ."""
    asked = [*found.agree, *(stored for stored, _, _ in found.differ)]
    if not asked:
        return
    history.mark(work.conn, [{"call": stored.id, "told_by": stored.origin, "beside": source} for stored in asked])
    sums: Counter[str] = Counter(name for _, _, fields in found.differ for name in fields)
    sums["agreed"] = len(found.agree)
    sums["disagreed"] = len(found.differ)
    history.count(work.conn, [{"key": key, "count": count} for key, count in sums.items() if count])
    if found.differ:
        ours = history.views(work.conn, SYSTEM, [stored.id for stored, _, _ in found.differ])
        rows = [_difference(work.at, ours[s.id], s, call, fields, source) for s, call, fields in found.differ]
        history.differ(work.conn, rows)


def _difference(
    at: float, ours: str, stored: Stored, call: Call, fields: Sequence[str], source: Source
) -> dict[str, Any]:
    kept = {name: value for name, value in json.loads(ours).items() if name not in views.KEPT}
    return {
        "call_id": stored.id,
        "source": source,
        "at": at,
        "call_at": stored.started_at,
        "fields": ",".join(fields),
        "ours": json.dumps(kept),
        "theirs": json.dumps(views.call(call, stored.id)),
    }
