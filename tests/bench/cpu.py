"""CPU time of a process, as the kernel counts it; and a process put ahead of the machine's other work."""

import contextlib
import os
from pathlib import Path


def used(pid: int | str = "self") -> float:
    """Seconds of CPU, user and system, that all threads of a process have used so far; a tick is 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> float:
    """The same of a process, its children and those of them that have ended: a database server's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return used(pid) + ended + sum(used(child) for child in children)


def machine() -> str:
    """Which processor, how many."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return f"{len(names)} x {names[0] if names else 'unknown'}"


def ahead(pid: int | str = "self") -> None:
    """Give a process and its session precedence, where we may (root): on a shared machine the figures need it."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0 if pid == "self" else int(pid), -15)
        Path(f"/proc/{pid}/autogroup").write_text("-15")


def descendants(pid: int | None = None) -> list[int]:
    """A process's children, and theirs."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found, todo = [], [pid or os.getpid()]
    while todo:
        new = parents.get(todo.pop(), [])
        found += new
        todo += new
    return found
