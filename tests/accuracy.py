"""Who had the customer in the end? Our rule and the rules that connectors use, on every recorded call.

`python -m tests.accuracy` prints the table and writes docs/accuracy.md; with `--check` it writes nothing and fails
where that page says something else.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People, device_of
from pbxcrm.crm import views
from tests.truth import differences
from tests.unit.calls.goldens import Headers, Recording, calls, recordings

PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"


@dataclass(frozen=True)
class Case:
    """One customer's call in a recording: his channel, what the tracker says, and the truth."""

    recording: Recording
    found: Call
    truth: dict[str, Any]

    @property
    def owner(self) -> str | None:
        owner: str | None = self.truth["last_answered_by"]
        return owner

    @property
    def frames(self) -> list[Headers]:
        return self.recording.frames

    def person(self, channel: str) -> str | None:
        """Whose device the channel is."""
        return People(self.recording.devices).of(device_of(channel))


# ---- the rules


def ours(case: Case) -> str | None:
    """Reachable from the customer's channel through bridges and Local pairs."""
    return case.found.last_answered_by


def last_rung(case: Case) -> str | None:
    """Whoever's phone rang last among the channels that bear the call's Linkedid."""
    owner = None
    for f in case.frames:
        if f.get("event") == "Newstate" and f.get("channelstate") == "5" and _linked(case, f):
            owner = case.person(f.get("channel", "")) or owner
    return owner


def channel_up(case: Case) -> str | None:
    """Whoever's channel was last to be Up among those that bear the call's Linkedid."""
    owner = None
    for f in case.frames:
        if f.get("event") == "Newstate" and f.get("channelstate") == "6" and _linked(case, f):
            owner = case.person(f.get("channel", "")) or owner
    return owner


def dial_end(case: Case) -> str | None:
    """Whoever the last DialEnd ANSWER of the call's Linkedid names."""
    owner = None
    for f in case.frames:
        if f.get("event") == "DialEnd" and f.get("dialstatus") == "ANSWER" and _linked(case, f):
            owner = case.person(f.get("destchannel", "")) or owner
    return owner


def same_bridge(case: Case) -> str | None:
    """Whoever was last in a bridge together with the customer's channel; Local channels are not followed."""
    owner = None
    where: dict[str, tuple[str, str]] = {}  # uniqueid -> bridge, channel
    for f in case.frames:
        uid = f.get("uniqueid", "")
        if f.get("event") == "BridgeEnter" and f.get("bridgetechnology") != "holding_bridge":
            where[uid] = f.get("bridgeuniqueid", ""), f.get("channel", "")
        elif f.get("event") in ("BridgeLeave", "Hangup"):
            where.pop(uid, None)
        bridge = where.get(case.found.customer or "", ("", ""))[0]
        names = [name for other, (there, name) in where.items() if there == bridge and other != case.found.customer]
        beside = [person for name in names if not name.startswith("Local/") and (person := case.person(name))]
        owner = beside[-1] if bridge and beside else owner
    return owner


def _linked(case: Case, frame: Headers) -> bool:
    return frame.get("linkedid") == case.found.linkedids[0] or frame.get("destlinkedid") == case.found.linkedids[0]


Rule = Callable[[Case], str | None]
RULES: dict[str, Rule] = {
    "ours": ours,
    "last channel rung": last_rung,
    "channel Up": channel_up,
    "DialEnd ANSWER": dial_end,
    "same bridge": same_bridge,
}


# ---- the cases


def cases() -> Iterator[Case]:
    """Every call with somebody outside whose last talker the truth names, or names nobody."""
    for recording in recordings():
        found = [c for c in calls(recording.frames, recording.tracker()) if c.direction != "internal" and c.linkedids]
        sure = [t for t in recording.truth if t["direction"] != "internal"]
        for truth in sorted(sure, key=lambda t: t["started_at"]):
            match = next((c for c in found if (c.direction, c.number) == (truth["direction"], truth["number"])), None)
            if match is None:
                raise SystemExit(f"{recording.name}: the call of {truth['number']} was not found")
            found.remove(match)
            if "last_answered_by" not in truth.get("unsure", []):
                yield Case(recording, match, truth)


def pbx_of(case: Case) -> str:
    """`22`, `16`, `16 SIP`: which Asterisk, and chan_sip where it is not PJSIP."""
    stem = case.recording.path.stem
    return "16 SIP" if stem.endswith("-sip") else "16" if "-16" in stem else "22"


def family_of(case: Case) -> str:
    return case.recording.path.parent.name


@dataclass
class Count:
    """Right of all."""

    right: int = 0
    all: int = 0

    def add(self, *, right: bool) -> None:
        self.all += 1
        self.right += right

    def __str__(self) -> str:
        return f"{self.right}/{self.all}" if self.all else "–"

    @property
    def share(self) -> str:
        return f"{100 * self.right / self.all:.0f} %" if self.all else "–"


# ---- the page

PBXES = ("22", "16", "16 SIP")
HEAD = """# Accuracy

Who had the customer in the end, on every recorded call with somebody outside: right / all. The recordings
(`tests/flows`) are manager streams of real Asterisk with SIP phones; the truth is what the phones heard, by their own
clocks. Written by `python -m tests.accuracy`; a test fails where this page says something else than the recordings.

Beside our rule, four that connectors use: whose phone rang last in the call's Linkedid; whose channel was last Up in
it; whom the last `DialEnd ANSWER` names; who was last in one bridge with the customer's channel, Local channels not
followed. Each is given our own list of devices and the right customer's channel to begin with.
"""


def page() -> str:
    """docs/accuracy.md."""
    by_family: dict[str, dict[str, Count]] = {}
    totals = {name: Count() for name in (*PBXES, *RULES, "whole")}
    for case in cases():
        row = by_family.setdefault(family_of(case), {name: Count() for name in (*PBXES, *RULES, "whole")})
        for name, rule in RULES.items():
            right = rule(case) == case.owner
            for counts in (row, totals):
                counts[name].add(right=right)
                if name == "ours":
                    counts[pbx_of(case)].add(right=right)
        whole = not differences(views.call(case.found), case.truth)
        for counts in (row, totals):
            counts["whole"].add(right=whole)
    naive = list(RULES)[1:]
    lines = [HEAD, f"| family | ours, 22 | ours, 16 | ours, 16 chan_sip | every field | {' | '.join(naive)} |"]
    lines.append("| --- |" + " --: |" * (len(naive) + 4))
    for family, counts in sorted(by_family.items()):
        lines.append(_row(family, counts, naive))
    lines.append(_row("**all**", totals, naive))
    lines.append(
        f"| | {totals['22'].share} | {totals['16'].share} | {totals['16 SIP'].share} | {totals['whole'].share} | "
        + " | ".join(totals[name].share for name in naive)
        + " |"
    )
    lines.append(_tail())
    return "\n".join(lines) + "\n"


def _row(name: str, counts: dict[str, Count], naive: list[str]) -> str:
    return f"| {name} | " + " | ".join(str(counts[key]) for key in (*PBXES, "whole", *naive)) + " |"


def _tail() -> str:
    families = Counter(r.path.parent.name for r in recordings())
    return (
        "\n*Every field*: direction, number, dialled number, outcome, first and last talker, who rang, each spell of"
        f"\ntalk, transfers and times as well. {sum(families.values())} recordings in {len(families)} families."
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.accuracy", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where docs/accuracy.md is another")
    given = parser.parse_args(arguments)
    text = page()
    print(text)
    if not given.check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print("docs/accuracy.md says something else: run `python -m tests.accuracy`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
