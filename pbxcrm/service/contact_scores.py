"""What customers are worth, by the rules that score leads.

Points and reasons are kept with each contact: a ringing card, a board and a list ask nothing more. A change of the
contact and a call that is over score it at once, a new rule and a new day by parts (service.lead_scores). Where the
house has no rules no contact has a score.
"""

import json
from collections.abc import Sequence

from sqlalchemy import Connection

from pbxcrm.crm import leads, scoring
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.scoring import Rule, Scorer
from pbxcrm.service import tell
from pbxcrm.store import contact_scores, deals, merging, score_rules
from pbxcrm.store.db import Work

PART = 250  # contacts a transaction: a call waits no longer than these take, some twenty milliseconds


def rescore(work: Work, ids: Sequence[int]) -> None:
    """These contacts once more, for what is known of them has changed, or a call is over; whoever has their deals on
    the screen hears of it.
    """
    rules = score_rules.rules(work.conn, SYSTEM) if ids else []
    changed = _anew(work.conn, rules, ids, work.at) if rules else []
    for row in deals.of_ids(work.conn, SYSTEM, contact_scores.their_deals(work.conn, SYSTEM, changed)):
        tell.deal(work, "deal.changed", row, row, SYSTEM)


def part(conn: Connection, after: int, now: float) -> tuple[int, int, bool]:
    """Score the next contacts after this id: how many changed, the last id, whether there may be more."""
    merging.give_way(conn)
    ids = contact_scores.part(conn, SYSTEM, after, PART)
    changed = _anew(conn, score_rules.rules(conn, SYSTEM), ids, now)
    return len(changed), ids[-1] if ids else after, len(ids) == PART


def _anew(conn: Connection, rules: Sequence[Rule], ids: Sequence[int], now: float) -> list[int]:
    """The ids of those that have another score now, or other reasons for it."""
    scorer = Scorer(rules, 0)
    new = []
    for row in contact_scores.facts(conn, SYSTEM, ids):
        reasons = scorer.reasons(leads.subject(row, row["calls"]), now)
        points, why = scoring.total(reasons), json.dumps(scoring.told(reasons), ensure_ascii=False) if rules else ""
        if (points, why) != (row["score"], row["score_why"]):
            new.append({"contact": row["id"], "points": points, "why": why})
    contact_scores.scored(conn, new)
    return [row["contact"] for row in new]
