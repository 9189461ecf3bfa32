"""The figures as Markdown."""

import math
from collections.abc import Sequence

from tests.bench import ceiling, paint, wire

GOAL = 0.05  # seconds


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies (nearest rank), nan without any."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def latency(results: Sequence[wire.Result]) -> str:
    """Milliseconds from wire to screen."""
    rows = []
    for r in results:
        every = [value for kind in wire.KINDS for value in r.samples[kind]]
        for kind, values in [*r.samples.items(), ("all", every)]:
            times = [f"{1000 * percentile(values, share):.1f}" for share in (0.5, 0.99, 1.0)]
            late = sum(value > GOAL for value in values)
            rows.append([_rate(r), r.calls, kind, len(values), *times, late])
    return _table("calls/s, calls, event, messages, p50 ms, p99 ms, max ms, over 50 ms", rows)


def cpu(results: Sequence[wire.Result]) -> str:
    """CPU milliseconds a call, and what else tells whether to believe the figures."""
    rows = []
    for r in results:
        each = {name: 1000 * seconds / r.calls for name, seconds in r.cpu.items()}
        ratio = f"{each['pbxcrm'] / each['asterisk']:.2f}"
        noise = [f"{1000 * percentile(values, 0.99):.1f}" for values in (r.lag, r.disk)]
        rows.append([_rate(r), *(f"{value:.1f}" for value in each.values()), ratio, r.missing, r.wrong, *noise])
    heads = (
        "calls/s, pbxcrm, Asterisk, phones, browsers, pbxcrm : Asterisk, missing, wrong, wake-up p99 ms, disk p99 ms"
    )
    return _table(heads, rows)


def ceilings(results: Sequence[ceiling.Result]) -> str:
    """Calls a second until committed."""
    rows = [
        [r.name, f"{r.calls / r.wall:.0f}", f"{1000 * r.cpu / r.calls:.2f}", r.calls, r.events, r.facts, r.stored]
        for r in results
    ]
    return _table("database, calls/s, CPU ms a call, plays, events, facts, calls stored", rows)


def painted(r: paint.Result) -> str:
    """Milliseconds from the wire to the card, and what the browsers cost."""
    rows = []
    for name, values in (("in the document", r.dom), ("painted", r.painted)):
        times = [f"{1000 * percentile(values, share):.0f}" for share in (0.5, 0.9, 0.99, 1.0)]
        load = f"{r.load[0]:.1f} to {r.load[1]:.1f}"
        cpu = f"{1000 * r.cpu['browsers'] / r.calls:.0f}"
        rows.append([name, r.calls, len(values), *times, r.missing, load, f"{1000 * percentile(r.lag, 0.99):.0f}", cpu])
    heads = "card, calls, cards, p50 ms, p90 ms, p99 ms, max ms, missing, load, wake-up p99 ms, browsers' CPU ms a call"
    return _table(heads, rows)


def _rate(r: wire.Result) -> str:
    return f"{r.rate:g}" if r.audio else f"{r.rate:g}, no audio"


def _table(heads: str, rows: Sequence[Sequence[object]]) -> str:
    names = heads.split(", ")
    lines = [names, ["--:"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
