"""What a report is asked for, as it stands in its address; and how its figures read."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from pbxcrm.crm.money import money
from pbxcrm.crm.reports import Sum
from pbxcrm.http.i18n import Reader
from pbxcrm.http.periods import Period, of
from pbxcrm.service.reports import Asked, Who

_TEAM, _PERSON = "team:", "person:"


@dataclass(frozen=True)
class Address:
    """`who`: "team:NAME", "person:NAME", or "" for everybody."""

    period: Period
    given: Mapping[str, str]  # period, from, to
    pipeline: str = ""
    who: str = ""

    @classmethod
    def of(cls, r: Reader, query: Mapping[str, str], now: float) -> "Address":
        """Of what a browser sent; what makes no sense is left out."""
        given = {name: query[name][:20] for name in ("period", "from", "to") if query.get(name)}
        who = query.get("who", "")[:120]
        return cls(
            of(r, given, now),
            given,
            query.get("pipeline", "")[:20],
            who if who.startswith((_TEAM, _PERSON)) else "",
        )

    @property
    def asked(self) -> Asked:
        """As the service is asked."""
        owner = self.who.removeprefix(_PERSON) if self.who.startswith(_PERSON) else ""
        team = self.who.removeprefix(_TEAM) if self.who.startswith(_TEAM) else ""
        return Asked(self.period.since, self.period.until, self.pipeline, owner, team)

    @property
    def query(self) -> str:
        """The same, for another report."""
        return urlencode(self._names())

    def _names(self) -> dict[str, str]:
        names = {**self.given, "pipeline": self.pipeline, "who": self.who}
        return {name: value for name, value in names.items() if value}

    def to(self, path: str, who: Who | None = None, **more: str | None) -> str:
        """The address of a report with the same period and pipeline, of `who` or of the same people."""
        names: dict[str, str] = self._names()
        if who is not None and who.kind != "all":
            names["who"] = (_TEAM if who.kind == "team" else _PERSON) + who.name
        names |= {name: value for name, value in more.items() if value is not None}
        return f"{path}?{urlencode(names)}" if names else path


@dataclass(frozen=True)
class Figures:
    """Money and counts as one person reads them."""

    r: Reader
    currency: str

    def money(self, minor: float) -> str:
        """Whole minor units, or a mean of them, as money without its fraction where it is large."""
        text = money(round(minor), self.currency)
        return self.r.money(text.partition(".")[0] if abs(float(text)) >= 100 else text, self.currency)

    def sum(self, sums: Sum) -> str:
        """A sum; nothing where it is zero."""
        return self.money(sums.value) if sums.value else ""

    def percent(self, n: int | None) -> str:
        """`62%`, a dash where there is none."""
        return "–" if n is None else self.r.percent(n)
