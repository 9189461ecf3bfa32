"""`make bench`: the figures of docs/performance.md. `python -m tests.bench [wire|ceiling …]` for a part of them."""

import argparse
import os

from tests.bench import ceiling, wire
from tests.bench.cpu import machine

ROUNDS = [(1.0, 20.0, True), (5.0, 20.0, True), (10.0, 25.0, True), (10.0, 25.0, False)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("parts", nargs="*", choices=["wire", "ceiling", []], help="all without any")
    parts = parser.parse_args().parts or ["wire", "ceiling"]
    print(f"{machine()}, load average {os.getloadavg()[0]:.1f} at the start\n")
    if "wire" in parts:
        print("## Wire to screen\n")
        print(wire.table(wire.run(ROUNDS)), flush=True)
    if "ceiling" in parts:
        print("\n## Ceiling\n")
        print(ceiling.table(ceiling.run()))


if __name__ == "__main__":
    main()
