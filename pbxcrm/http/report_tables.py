"""Reports as tables for spreadsheets: plain numbers, names of columns as the REST API has them."""

from collections.abc import Callable, Iterator
from typing import Any

from pbxcrm.crm.money import money
from pbxcrm.crm.reports import Sum
from pbxcrm.http.labels import Labels
from pbxcrm.service.reports import Who

Report = dict[str, Any]
Lines = Iterator[tuple[object, ...]]
Name = Callable[[Who], str]


def _value(report: Report, sums: Sum) -> str:
    return money(sums.value, report["currency"])


def over_time(report: Report, _labels: Labels, _name: Name) -> Lines:
    """A line for each bar."""
    yield ("from", "to", "created", "won", "won_value", "lost", "lost_value", "currency")
    series = report["series"]
    for i, step in enumerate(report["steps"]):
        made, won, lost = (series[name][i] for name in ("created", "won", "lost"))
        sums = (made.n, won.n, _value(report, won), lost.n, _value(report, lost))
        yield (step.first.isoformat(), step.after.isoformat(), *sums, report["currency"])


def by_person(report: Report, _labels: Labels, name: Name) -> Lines:
    """A line for each person and team."""
    yield ("kind", "who", "won", "won_value", "lost", "lost_value", "currency", "win_rate_percent")
    for who, closed in report["people"]:
        sums = (closed.won.n, _value(report, closed.won), closed.lost.n, _value(report, closed.lost))
        yield (who.kind, name(who), *sums, report["currency"], closed.rate)


def by_stage(report: Report, labels: Labels, name: Name) -> Lines:
    """A line for each stage of each person and team."""
    yield (
        *("kind", "who", "stage", "open", "open_value", "currency", "entered", "converted", "still", "left", "lost"),
        *("conversion_percent", "loss_percent"),
    )
    for who, cells in report["rows"]:
        for (stage, _sums, _weighted), cell in zip(report["columns"], cells, strict=True):
            p, standing = cell["passage"], cell["standing"]
            yield (
                *(who.kind, name(who), labels.fixed(stage["name"]), standing.n, _value(report, standing)),
                *(report["currency"], p.entered, p.converted, p.still, p.left, p.lost, p.conversion, p.loss),
            )


def why_lost(report: Report, labels: Labels, name: Name) -> Lines:
    """A line for each reason, over all, by stage and by person."""
    yield ("by", "of", "reason", "lost", "value", "currency")
    stages = {stage["id"]: labels.fixed(stage["name"]) for stage in report["stages"]}
    for reason, sums in report["reasons"]:
        yield ("all", "", labels.fixed(reason), sums.n, _value(report, sums), report["currency"])
    for reason, by in report["by_stage"].items():
        for stage, sums in by.items():
            what = labels.fixed(reason)
            yield ("stage", stages.get(stage, ""), what, sums.n, _value(report, sums), report["currency"])
    for who, reasons in report["by_person"]:
        if who.kind != "all":
            for reason, sums in reasons.items():
                what = labels.fixed(reason)
                yield (who.kind, name(who), what, sums.n, _value(report, sums), report["currency"])
    for kind in ("competitors", "objections"):
        for text, sums in report[kind]:
            yield (kind, text, "", sums.n, _value(report, sums), report["currency"])


def by_source(report: Report, _labels: Labels, _name: Name) -> Lines:
    """A line for each source."""
    yield (
        *("source", "came", "leads", "real", "deals", "won", "won_value", "currency", "mean_score"),
        *("real_percent", "conversion_percent", "needs_repair"),
    )
    for name, one, repair in report["rows"]:
        score = None if one.mean_score is None else round(one.mean_score, 1)
        yield (
            *(name, one.came, one.leads, one.real, one.deals, one.won.n, _value(report, one.won), report["currency"]),
            *(score, one.quality, one.conversion, repair),
        )


TABLES: dict[str, Callable[[Report, Labels, Name], Lines]] = {
    "overview": over_time,
    "people": by_person,
    "stages": by_stage,
    "lost": why_lost,
    "sources": by_source,
}
