"""`make soak`: faults of every kind, for as long as you like; then the CRM's calls beside the truth.

    python -m tests.soak [--minutes N] [--seed S] [--pbx fake|real|both] [--database sqlite|postgres|both]
                         [--rate CALLS_A_SECOND] [--no-cel] [--folder F]

Exit status 0 when all is as promised. What happened is kept in the folder (default var/soak).
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from tests.soak.run import Plan, Result, soak
from tests.soak.tables import tables


def plans(given: argparse.Namespace) -> list[Plan]:
    """The time is shared by those that follow one another; fake and real run at once."""
    pbxes = ["fake", "real"] if given.pbx == "both" else [given.pbx]
    databases = ["sqlite", "postgres"] if given.database == "both" else [given.database]
    return [
        Plan(pbx, database, given.minutes / len(databases), given.seed, given.rate, not given.no_cel,
             given.folder / f"{pbx}-{database}-{'no-cel-' * given.no_cel}{given.seed}-{int(time.time())}")
        for database in databases
        for pbx in pbxes
    ]  # fmt: skip


async def run(every: list[Plan]) -> list[Result]:
    """One database after the other; its PBXes side by side."""
    results: list[Result] = []
    for database in dict.fromkeys(plan.database for plan in every):
        results += await asyncio.gather(*(soak(plan) for plan in every if plan.database == database))
    return results


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pbx", choices=("fake", "real", "both"), default="both")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--rate", type=float, default=4.0, help="calls a second on the fake PBX")
    parser.add_argument("--no-cel", action="store_true", help="pbxcrm is not told of the PBX's CEL file")
    parser.add_argument("--folder", type=Path, default=Path("var/soak").absolute())
    return parser.parse_args(words)


def main() -> int:
    given = parse()
    results = asyncio.run(run(plans(given)))
    print(tables(results))
    for result in results:
        for problem in [*result.verdict.problems[:20], result.evidence]:
            print(f"{result.plan.name}: {problem}", file=sys.stderr)
    return 0 if all(result.clean() for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
