"""`make bench`: the figures of docs/performance.md. `python -m tests.bench [--first] [wire|ceiling …]` for a part."""

import argparse
import os

from tests.bench import board, ceiling, flood, imports, lookup, paint, reports, search, tables, wire
from tests.bench.cpu import ahead, machine

ROUNDS = [(1.0, 20.0, True), (5.0, 20.0, True), (10.0, 25.0, True), (10.0, 25.0, False)]
PARTS = ["wire", "ceiling", "search", "reports", "lookup", "board", "flood", "paint", "imports"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all without any")
    parser.add_argument("--first", action="store_true", help="ahead of other work on this machine (root)")
    parser.add_argument("--rows", type=int, default=imports.ROWS, help="of a table that is imported")
    given = parser.parse_args()
    if wrong := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(wrong))}")
    print(f"{machine()}, load average {os.getloadavg()[0]:.1f} at the start\n", flush=True)
    if given.first:
        ahead()
    for part in given.parts or PARTS:
        if part == "wire":
            found = wire.run(ROUNDS, first=given.first)
            print(f"Wire to screen\n\n{tables.latency(found)}\n\nCPU ms a call\n\n{tables.cpu(found)}\n", flush=True)
        elif part == "search":
            print(f"Search, ms\n\n{search.run()}\n", flush=True)
        elif part == "reports":
            print(f"Reports, ms (and how long the loop waited)\n\n{reports.run()}\n", flush=True)
        elif part == "paint":
            print(f"Ring to painted card\n\n{tables.painted(paint.run(first=given.first))}\n", flush=True)
        elif part == "lookup":
            print(f"Lookup, ms\n\n{lookup.run()}\n", flush=True)
        elif part == "board":
            print(f"Board\n\n{board.run()}\n", flush=True)
        elif part == "imports":
            print(f"Imports\n\n{imports.run(given.rows)}\n", flush=True)
        elif part == "flood":
            print(f"Flood\n\n{flood.run()}\n", flush=True)
        else:
            print(f"Ceiling\n\n{tables.ceilings(ceiling.run())}\n", flush=True)


if __name__ == "__main__":
    main()
