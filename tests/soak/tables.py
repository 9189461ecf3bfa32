"""A soak's tables, as Markdown."""

from collections.abc import Sequence

from tests.soak.run import Result

_COUNTS = (
    ("calls made", "made"), ("right", "right"), ("lost, marked", "marked"), ("lost, not there", "missing"),
    ("answered, first or last not said", "unsaid"),
    ("doubled", "doubled"), ("wrong", "wrong"), ("wrong owner", "wrong_owner"), ("nobody's", "invented"),
    ("internal, twice or nobody's", "aside"),
    ("cut by the PBX's death", "died"), ("of these marked lost", "died_marked"), ("not there", "died_missing"),
)  # fmt: skip


def tables(results: Sequence[Result]) -> str:
    """Faults by kind, and the calls; a column a soak."""
    names = [result.plan.name for result in results]
    kinds = sorted({kind for result in results for kind in result.faults})
    faults = [[kind, *(result.faults[kind] for result in results)] for kind in kinds]
    calls = [[title, *(getattr(result.verdict, field) for result in results)] for title, field in _COUNTS]
    took = ["minutes", *(f"{result.seconds / 60:.1f}" for result in results)]
    return f"{_table(['faults', *names], [*faults, took])}\n\n{_table(['calls', *names], calls)}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
