"""A call as a sequence chart for the terminal: who rang, who talked when, and the events that decided it."""

from datetime import UTC, datetime

from pbxcrm.calls.model import Call, Evidence

_WIDTH = 12
_RINGS = "rings at "  # how evidence of ringing begins: see calls/life.py


def draw(call: Call) -> str:
    """The chart. A column a person: `·` not in the call, `○` rings, `█` talks; `├──▶█` joins the outside party."""
    people = _people(call)
    lines = [_head(call), " " * 14 + "".join(name[: _WIDTH - 1].ljust(_WIDTH) for name in ("outside", *people))]
    lines += [_row(call, people, evidence) for evidence in call.evidence]
    return "\n".join(lines) + "\n"


def _people(call: Call) -> list[str]:
    """Everybody who rang or talked, in the order they came; a device that nobody owns stands for itself."""
    return list(dict.fromkeys([*call.rang, *(talk.user or talk.device for talk in call.talks)]))


def _head(call: Call) -> str:
    where = f" to {call.did}" if call.did else ""
    who = f" by {call.caller}" if call.caller else ""
    told = f"{call.direction} {call.number or 'withheld'}{where}{who}: {call.outcome}"
    return f"{_clock(call.started_at)}  {told}, {call.talk_seconds:.1f} s of talk"


def _row(call: Call, people: list[str], evidence: Evidence) -> str:
    at = evidence.at
    talking = {t.user or t.device for t in call.talks if t.start <= at and (t.end is None or at < t.end)}
    joining = {t.user or t.device for t in call.talks if t.start == at} & talking
    ringing = set(evidence.text.removeprefix(_RINGS).split(", ")) if evidence.text.startswith(_RINGS) else set()
    reach = max((people.index(name) for name in joining), default=-1)
    cells = ["├" if joining else "│"]
    for place, name in enumerate(people):
        mark = "█" if name in talking else "○" if name in ringing else "·"
        if place <= reach:
            pad = "─" * (_WIDTH - 2) + "▶" if name in joining else "─" * (_WIDTH - 1)
            cells.append(pad + mark)
        else:
            cells.append(" " * (_WIDTH - 1) + mark)
    return f"{at - call.started_at:12.3f}  {''.join(cells):<{_WIDTH * (len(people) + 1)}}  {evidence.text}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
