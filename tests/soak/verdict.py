"""The CRM's calls beside the truth: each true call exactly once, with the right outcome, answerers and owner."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.soak.lives import Told

View = dict[str, Any]
NEAR = 10.0  # seconds by which a call that was found late may seem to have begun earlier or later
SEEN = 0.05  # seconds: its beginning was seen
SAME = 1.5  # a list of channels counts their seconds whole
EDGE = 1.0  # seconds before a PBX's death in which nobody can say what it still wrote


@dataclass
class Verdict:
    """How many true calls are right, and of each that is not what is wrong with it."""

    made: int = 0
    right: int = 0
    marked: int = 0  # outcome `lost`, and nothing false beside it
    missing: int = 0
    unsaid: int = 0  # answered and right, but who was the first, or the last, is not said
    doubled: int = 0
    wrong: int = 0
    wrong_owner: int = 0
    invented: int = 0  # calls that nobody made
    aside: int = 0  # internal calls told twice or made up
    died: int = 0  # cut by the PBX's own death: nobody wrote their end
    died_marked: int = 0
    died_missing: int = 0
    problems: list[str] = field(default_factory=list)
    worst: dict[str, list[str]] = field(default_factory=dict)  # what `bad` counts: by the problem, the linkedids

    @property
    def lost(self) -> int:
        """Marked `lost`, or not there."""
        return self.marked + self.missing

    @property
    def bad(self) -> int:
        """What nothing excuses."""
        return self.doubled + self.wrong + self.wrong_owner + self.invented + self.aside

    def blame(self, problem: str, linkedids: Iterable[str]) -> None:
        """One thing that nothing excuses."""
        self.problems.append(problem)
        self.worst[problem] = sorted(linkedids)

    def keeps(self, *, cel: bool) -> bool:
        """What is promised: nothing doubled or wrong; with the PBX's own history nothing lost either."""
        return not self.bad and not (cel and (self.lost or self.unsaid))


def judge(
    truths: Iterable[Told], calls: Sequence[View], deals: Iterable[View], deaths: Iterable[float] = ()
) -> Verdict:
    """`deaths`: epoch seconds at which the PBX was killed. Calls and deals are REST's."""
    verdict = Verdict()
    owners = {deal["id"]: deal["owner"] for deal in deals}
    died = sorted(deaths)
    lives: dict[str, list[Told]] = defaultdict(list)
    for told in truths:
        lives[told.life].append(told)
    linked: dict[str, list[View]] = defaultdict(list)
    for call in calls:
        for linkedid in call["linkedids"]:
            linked[linkedid].append(call)
    numbered: dict[str | None, list[View]] = defaultdict(list)
    for call in calls:
        numbered[call["number"]].append(call)
    claimed: set[str] = set()
    for life in lives.values():
        found = {call["id"]: call for linkedid in life[0].linkedids for call in linked[linkedid]}
        if not life[0].linkedids:  # phones know no linkedids; their customers have a number each
            found = {call["id"]: call for call in numbered[life[0].number]}
        claimed |= found.keys()
        death = next((at for at in died if at >= life[0].started - 0.1), None)
        happened = [told for told in life if death is None or told.started < death]
        linkedids = {*life[0].linkedids, *(each for call in found.values() for each in call["linkedids"])}
        _Life(verdict, owners, death, linkedids).judge(happened, list(found.values()))
    for call in calls:
        if call["id"] not in claimed:
            inside = call["direction"] == "internal"
            verdict.invented += not inside
            verdict.aside += inside
            verdict.blame(f"nobody made this call: {_name(call)}", call["linkedids"])
    return verdict


class _Life:
    """One life: its true calls share linkedids, so they are told apart by direction, number and start."""

    def __init__(
        self, verdict: Verdict, owners: Mapping[str, str | None], death: float | None, linkedids: set[str]
    ) -> None:
        self.verdict, self.owners, self.death, self.linkedids = verdict, owners, death, linkedids

    def judge(self, truths: list[Told], calls: list[View]) -> None:
        rest, missing, done = list(calls), [], []
        matches = _matches(truths, calls)
        for index, told in enumerate(truths):
            match = matches.get(index)
            if match is not None:
                rest.remove(match)
                done.append(told)
            if told.optional:
                continue
            if match is None:
                missing.append(told)
            elif self._cut(told):
                self._died(told, match)
            else:
                self._matched(told, match)
        for told in missing:
            self._missing(told, rest)
        for call in rest:
            twice = any(_alike(told, call) for told in done)
            inside = call["direction"] == "internal"
            self.verdict.doubled += twice and not inside
            self.verdict.invented += not twice and not inside
            self.verdict.aside += inside
            self._blame(f"{'doubled' if twice else 'nobody made this call'}: {_name(call)}")

    def _cut(self, told: Told) -> bool:
        return self.death is not None and told.ended > self.death - EDGE

    def _missing(self, told: Told, rest: list[View]) -> None:
        other = min(rest, key=lambda c: _apart(told, c), default=None)
        if other is not None and other["outcome"] == "lost":  # of what was not seen neither number nor direction
            rest.remove(other)
            self._died(told, other) if self._cut(told) else self._matched(told, other)
        elif other is not None:
            rest.remove(other)
            self.verdict.made += 1
            self.verdict.wrong += 1
            self._blame(f"wrong: {_name(other)} is truly {told.direction} {told.number}")
        elif self._cut(told):
            self.verdict.died += 1
            self.verdict.died_missing += 1
        else:
            self.verdict.made += 1
            self.verdict.missing += 1
            self.verdict.problems.append(f"missing: {told.direction} {told.number} {told.life} {told.outcome}")

    def _died(self, told: Told, call: View) -> None:
        """Whatever was seen of it must be true; its end nobody wrote."""
        assert self.death is not None
        self.verdict.died += 1
        seen = [(start, user) for user, start, _ in told.talkers if user and start <= self.death]
        first = min(seen, key=lambda talk: talk[0])[1] if seen and told.direction != "internal" else None
        if call["outcome"] == "lost":
            self.verdict.died_marked += 1
        elif told.ended > self.death and told.direction != "internal":  # when a consultation was refused nobody notes
            self._wrong(told, call, [f"the PBX died in it, and it is {call['outcome']}"])
        if told.direction != "internal":
            self._owner(replace(told, first=first), call)

    def _matched(self, told: Told, call: View) -> None:
        self.verdict.made += 1
        outside = told.direction != "internal"
        if call["outcome"] == "lost":
            self.verdict.marked += 1
            self.verdict.problems.append(f"lost: {_name(call)} was {told.outcome}")
            if outside:
                self._people(told, call)
        elif differ := _other_outcome(told, call):
            self._wrong(told, call, differ)
        elif not outside:
            self.verdict.right += 1
        elif self._people(told, call):
            unsaid = [what for what, is_, should in _answerers(told, call) if is_ != should]
            self.verdict.right += not unsaid
            self.verdict.unsaid += bool(unsaid)
            if unsaid:
                who = f"{told.first} and {told.last}"
                self.verdict.problems.append(f"{' and '.join(unsaid)} not said: {_name(call)}, it was {who}")
        if outside:
            self._owner(told, call)

    def _people(self, told: Told, call: View) -> bool:
        """Whether nobody is named who was not the first, or the last: nobody at all may be."""
        differ = [f"{what} {is_}, not {it}" for what, is_, it in _answerers(told, call) if is_ not in (None, it)]
        if differ:
            self._wrong(told, call, differ)
        return not differ

    def _owner(self, told: Told, call: View) -> None:
        if call["deal_id"] is None:
            if (
                told.direction == "inbound"
                and not _unsaid(told, call)
                and told.number
                and told.first
                and call["outcome"] == "answered"
            ):
                self.verdict.wrong_owner += 1
                self._blame(f"no deal: {_name(call)}, answered by {told.first}")
            return
        owner = self.owners.get(call["deal_id"])
        unknown = call["outcome"] == "lost" or _unsaid(told, call)
        if owner != told.first and not (owner is None and unknown):
            self.verdict.wrong_owner += 1
            self._blame(f"wrong owner: {_name(call)}: {owner}, not {told.first}")

    def _wrong(self, told: Told, call: View, differ: list[str]) -> None:
        self.verdict.wrong += 1
        self._blame(f"wrong: {_name(call)} {told.life}: {'; '.join(differ)}")

    def _blame(self, problem: str) -> None:
        self.verdict.blame(problem, self.linkedids)


def _other_outcome(told: Told, call: View) -> list[str]:
    is_, should = call["outcome"], told.outcome or call["outcome"]
    return [f"outcome {is_}, not {should}"] if is_ != should else []


def _answerers(told: Told, call: View) -> tuple[tuple[str, str | None, str | None], ...]:
    return ("first", call["first_answered_by"], told.first), ("last", call["last_answered_by"], told.last)


def _unsaid(told: Told, call: View) -> bool:
    """Answered, and it names nobody as the first: what was not seen is not guessed."""
    return call["outcome"] == "answered" and told.first is not None and call["first_answered_by"] is None


def _matches(truths: Sequence[Told], calls: Sequence[View]) -> dict[int, View]:
    """By the truth's index the call that tells of it: the nearest in time, and of those what surely is a call."""
    pairs: list[tuple[bool, bool, bool, float, int, int]] = []
    for i, told in enumerate(truths):
        for k, call in enumerate(calls):
            if _alike(told, call):
                apart = _apart(told, call)
                pairs.append((apart > SEEN, apart > SAME, told.optional, apart, i, k))
    matches: dict[int, View] = {}
    taken: set[int] = set()
    for *_, i, k in sorted(pairs):
        if i not in matches and k not in taken:
            matches[i] = calls[k]
            taken.add(k)
    return matches


def _alike(told: Told, call: View) -> bool:
    """A customer's number is in one life only; colleagues call each other more than once in it."""
    same = (call["direction"], call["number"]) == (told.direction, told.number)
    return same and (told.direction != "internal" or _apart(told, call) < NEAR)


def _apart(told: Told, call: View) -> float:
    return abs(datetime.fromisoformat(call["started_at"]).timestamp() - told.started)


def _name(call: View) -> str:
    return f"{call['direction']} {call['number']} {call['outcome']} {call['started_at']}"
