"""`python -m tests.pbx.bed.record [scenario …] [--asterisk 22|16] [--tech PJSIP|SIP] [--user pbxcrm|everything]`

Plays scenarios on a real Asterisk and writes golden files: the manager's bytes as they came, what the PBX wrote into
its CEL and CDR files, and the phones' truth. tests/flows/<family>/<scenario>.ami, .cel.csv, .cdr.csv and .json; other
versions and users add -16, -sip, -everything to the name (CEL and CDR lie beside the user pbxcrm's stream alone).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.pbx.bed.ami import Recorder
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.fetch import REPO
from tests.pbx.bed.ledger import Ledger
from tests.pbx.bed.scenarios import SCENARIOS, play

FLOWS = REPO / "tests" / "flows"


def golden(name: str, major: str = "22", tech: str = "PJSIP", user: str = "pbxcrm") -> Path:
    """The recording's path, which ends in .ami; its truth lies beside it as .json."""
    parts = [
        name,
        *([major] if major != "22" else []),
        *(["sip"] if tech == "SIP" else []),
        *([user] if user != "pbxcrm" else []),
    ]
    return FLOWS / SCENARIOS[name].family / ("-".join(parts) + ".ami")


async def record(asterisk: Asterisk, name: str, user: str = "pbxcrm") -> Path:
    """Play and write one golden file; returns its path."""
    recorder, ledger = Recorder(), Ledger(asterisk)
    truth = await play(asterisk, name, recorder, user)
    await ledger.settled(killed=SCENARIOS[name].family == "restart")
    path = golden(name, asterisk.major, asterisk.tech, user)
    recorder.save(path)
    if user == "pbxcrm":
        ledger.save(path)
    path.with_suffix(".json").write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    return path


async def record_all(names: list[str], major: str, tech: str, user: str, lanes: int) -> list[str]:
    """Record on several Asterisks at once; returns the names of those that failed."""
    rest, failed = iter(names), []

    async def lane(rest: Iterator[str]) -> None:
        asterisk = Asterisk(major, tech)
        try:
            await asterisk.start()
            for name in rest:
                try:
                    path = await record(asterisk, name, user)
                except (AssertionError, TimeoutError, OSError):
                    failed.append(name)
                    await asterisk.restart()
                    print(f"{name}: FAILED\n{traceback.format_exc()}", file=sys.stderr)
                else:
                    print(f"{name}: {path.relative_to(REPO)}, {path.stat().st_size} bytes")
        finally:
            await asyncio.to_thread(asterisk.stop)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(lanes, len(names))):
            group.create_task(lane(rest))
    return failed


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="names; all of them by default")
    parser.add_argument("--asterisk", default="22", choices=["22", "16"])
    parser.add_argument("--tech", default="PJSIP", choices=["PJSIP", "SIP"])
    parser.add_argument("--user", default="pbxcrm", choices=["pbxcrm", "noisy", "everything"])
    parser.add_argument("--lanes", type=int, default=3, help="how many Asterisks at once")
    given = parser.parse_args()
    unknown = set(given.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}. There are: {', '.join(SCENARIOS)}")
    names = given.scenarios or list(SCENARIOS)
    failed = asyncio.run(record_all(names, given.asterisk, given.tech, given.user, given.lanes))
    if failed:
        print(f"{len(failed)} of {len(names)} failed: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
