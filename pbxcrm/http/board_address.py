"""The board's address: what is looked for stands in it, so that it can be kept, sent and gone back to."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from pbxcrm.crm.looking import DUES, NAMES, NOBODY, Due
from pbxcrm.crm.money import TOMAN
from pbxcrm.http.render import Viewer, full_name

Link = tuple[str, str]  # text, address


@dataclass(frozen=True)
class Address:
    """`pipeline` is an id or "", `filters` those that are set."""

    pipeline: str
    filters: Mapping[str, str]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Address":
        """Out of a request's query; what else stands in it is not the board's."""
        set_ = {name: query[name].strip() for name in NAMES if query.get(name, "").strip()}
        return cls(query.get("pipeline", ""), set_)

    @property
    def query(self) -> str:
        """Without the question mark."""
        return urlencode({**({"pipeline": self.pipeline} if self.pipeline else {}), **self.filters})

    def but(self, **changes: str) -> str:
        """The board's address with these filters changed; empty ones are taken out."""
        filters = {name: value for name, value in {**self.filters, **changes}.items() if value}
        return Address(self.pipeline, filters).path

    @property
    def path(self) -> str:
        """The whole."""
        return f"/board?{self.query}" if self.query else "/board"

    @property
    def bare(self) -> str:
        """The same pipeline, all of it."""
        return Address(self.pipeline, {}).path

    def due(self, due: Due) -> str:
        """Only such a next step; once more: all again."""
        return self.but(due="" if self.filters.get("due") == due else due)


def due_words(me: Viewer) -> dict[Due, str]:
    """What each state of a next step is called."""
    _ = me.r.gettext
    said = (_("Overdue"), _("Due today"), _("Planned"), _("No next step"))
    return dict(zip(DUES, said, strict=True))


def chips(me: Viewer, address: Address) -> list[Link]:
    """Each filter that is set, in words, with the address without it."""
    _, f = me.r.gettext, address.filters
    named: dict[str, str] = {}
    if owner := f.get("owner"):
        named["owner"] = _("Nobody's") if owner == NOBODY else full_name(owner)
    if source := f.get("source"):
        named["source"] = _("Source: %(source)s", source=source)
    if due := f.get("due"):
        named["due"] = {str(k): v for k, v in due_words(me).items()}.get(due, due)
    counted = f"\u00a0{_('toman')}" if f.get("unit") == TOMAN else ""
    if low := f.get("low"):
        named["low"] = _("from %(amount)s", amount=me.r.digits(low) + counted)
    if high := f.get("high"):
        named["high"] = _("up to %(amount)s", amount=me.r.digits(high) + counted)
    if tag := f.get("tag"):
        named["tag"] = _("Tag: %(name)s", name=tag)
    if q := f.get("q"):
        named["q"] = _("“%(words)s”", words=q)
    return [(text, address.but(**{name: ""})) for name, text in named.items()]
