"""Templates to text: pages, the fragments in them, and the same fragments inside live messages.

One macro draws a card wherever it appears. Autoescape is on and nothing here marks foreign text as safe.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import do as do_extension
from jinja2.ext import i18n as i18n_extension
from markupsafe import Markup

from pbxcrm.crm import wrapup
from pbxcrm.crm.access import Scope
from pbxcrm.http import i18n
from pbxcrm.http.i18n import Reader, catalogue
from pbxcrm.http.labels import Labels, source_icon
from pbxcrm.http.static import Static, web_root
from pbxcrm.http.sums import short

Row = Mapping[str, Any]
HUES = 8


class Person(Protocol):
    """What rendering needs of pbxcrm.service.auth.Person."""

    @property
    def scope(self) -> Scope: ...
    @property
    def full_name(self) -> str: ...
    @property
    def locale(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def calendar(self) -> str: ...
    @property
    def toman(self) -> bool: ...


@dataclass(frozen=True)
class Viewer:
    """Who looks: the name and rights, and how they read (`r`)."""

    name: str
    full_name: str
    role: str
    r: Reader

    @property
    def sees_all(self) -> bool:
        """Whether cards of others are on the board, so that a card must say whose it is."""
        return self.role != "agent"


@lru_cache(maxsize=512)
def _viewer(name: str, full_name: str, role: str, locale: str, time_zone: str, calendar: str, *, toman: bool) -> Viewer:
    locale = locale if locale in i18n.LOCALES else "en"
    return Viewer(name, full_name or name, role, Reader(locale, time_zone, calendar, toman=toman))


def viewer(person: Person) -> Viewer:
    """The viewer for a person; the same object for the same settings."""
    s = person.scope
    how = (person.locale, person.time_zone, person.calendar)
    return _viewer(s.name, person.full_name, s.role, *how, toman=person.toman)


def stranger(locale: str) -> Viewer:
    """Somebody who has not logged in yet."""
    return _viewer("", "", "agent", locale, "UTC", "gregorian", toman=False)


def initials(name: str) -> str:
    """One or two letters for an avatar."""
    words = [word for word in name.split() if word[0].isalnum()]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


def hue(name: str) -> int:
    """A colour class 0..7, the same for the same name everywhere."""
    return hashlib.blake2b(name.encode(), digest_size=1).digest()[0] % HUES


# User name -> the name colleagues know; renewed whenever a page is drawn. Rows of the journal name users only.
_names: dict[str, str] = {}


def know(names: Mapping[str, str]) -> None:
    """Learn the full names of people."""
    _names.update(names)


def full_name(name: str) -> str:
    """What to call a person of ours."""
    return _names.get(name) or name


@lru_cache(maxsize=1)
def static() -> Static:
    """The static tree of this installation."""
    return Static(web_root() / "static")


@cache
def icon(name: str, more: str = "") -> Markup:
    """A picture of the sheet that stands in each page; says nothing to those who listen.

    Of a sheet in a file of its own Chromium makes a task and an event an icon: a third of the board's time.
    """
    return Markup('<svg class="i {}" aria-hidden="true"><use href="#icon-{}"></use></svg>').format(more, name)


@cache
def environment(locale: str) -> Environment:
    """The templates in one language."""
    env = Environment(
        loader=FileSystemLoader(web_root() / "templates"),
        extensions=[i18n_extension, do_extension],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.install_gettext_translations(catalogue(locale), newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        static=static().url,
        icon=icon,
        deal_card=deal_card,
        initials=initials,
        hue=hue,
        phone=i18n.phone,
        source_icon=source_icon,
        label=Labels(locale),
        caller_state=caller_state,
        caller_spell=caller_spell,
        locales=i18n.LOCALES,
        rtl_locales=i18n.RTL,
        short=short,
    )
    env.globals["full"] = env.filters["full"] = full_name
    env.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return env


def page(name: str, me: Viewer, /, **context: object) -> str:
    """A whole template."""
    return environment(me.r.locale).get_template(name).render(me=me, r=me.r, **context)


def part(template: str, macro: str, me: Viewer, *args: object, **kwargs: object) -> str:
    """One macro of a template under `parts/`."""
    module: Any = environment(me.r.locale).get_template(f"parts/{template}.html").module
    return str(getattr(module, macro)(me, *args, **kwargs))


# -- cards: the same on the board, in an answer and in a live message, so each is drawn once ------------------------

_cards: OrderedDict[tuple[Any, ...], Markup] = OrderedDict()
_CARDS_KEPT = 8192


def deal_card(me: Viewer, deal: Row, move_to: str = "") -> Markup:
    """A deal's card. Kept by all that it shows: the deal's fields, how it is read, and what day it is."""
    shown = tuple(deal[name] for name in _SHOWN)
    key = (me.r.locale, me.r.time_zone, me.r.calendar, me.sees_all, me.r.today(), me.r.due(deal["next_contact_at"]))
    stays = me.r.stays(deal["stage_since"], deal.get("idle_at"))
    key = (*key, me.r.toman, move_to, stays, deal.get("score"), *shown)
    made = _cards.get(key)
    if made is None:
        module: Any = environment(me.r.locale).get_template("parts/deal.html").module
        made = _cards[key] = module.card(me, deal, move_to, stays)
        if len(_cards) > _CARDS_KEPT:
            _cards.popitem(last=False)
    return made


_SHOWN = (
    "id",
    "title",
    "stage",
    "stage_name",
    "stage_kind",
    "owner",
    "owner_full_name",
    "value",
    "currency",
    "contact_name",
    "company",
    "number",
    "source",
    "priority",
    "created_at",
    "next_contact_at",
    "close_reason",
    "version",
)


# -- live messages -----------------------------------------------------------------------------------------------

_made: OrderedDict[tuple[Hashable, ...], str | None] = OrderedDict()
_KEPT = 1024
_OWN = frozenset({"ringing", "talking", "wrapup"})  # states whose card is made for one person


def message(person: Person, row: Row) -> str | None:
    """The HTML that goes with a journal row for this person, None when nothing is drawn. Pure from the row.

    Fifty agents of one language share one rendering: it is kept by row and by what about the person matters.
    """
    me, kind, data = viewer(person), row["kind"], row["data"]
    if kind.startswith("call.") and kind != "call.wrapped":
        state = caller_state(me, data)
        own = (me.sees_all, state, me.name if state in _OWN else "")
        return _kept(me, row, own, lambda: f"{part('caller', 'mine', me, data, state)}\n{_told(me, row)}")
    return _kept(me, row, (me.sees_all,), lambda: _message(me, kind, data))


def _told(me: Viewer, row: Row) -> str | None:
    """What everybody may read of a call: by far the most of it, and the same for all who read alike."""
    return _kept(me, row, (), lambda: part("call", "told", me, row["data"]))


def _kept(me: Viewer, row: Row, variant: tuple[Hashable, ...], make: Callable[[], str | None]) -> str | None:
    """What `make` gives, made once for each row, way of reading and variant."""
    key = (row["id"], row["at"], row["kind"], me.r.locale, me.r.time_zone, me.r.calendar, me.r.toman, *variant)
    if key not in _made:
        _made[key] = make()
        while len(_made) > _KEPT:
            _made.popitem(last=False)
    return _made[key]


def _message(me: Viewer, kind: str, data: Mapping[str, Any]) -> str | None:
    if kind.startswith("deal."):
        return None if data.get("gone") else str(deal_card(me, data))
    if kind in ("link.up", "link.down"):
        return part("link", "banner", me, {**data, "up": kind == "link.up"})
    if kind in ("database.up", "database.down"):
        return part("link", "database", me, data)
    return None


def caller_state(me: Viewer, call: Mapping[str, Any]) -> str:
    """How this call concerns this person now: ringing | talking | wrapup | taken | over | "" (not theirs).

    wrapup: they have talked and not yet said what came of it; it may go on with somebody else. taken: it rang here
    and somebody else has it. over: it rang here and ended unanswered.
    """
    if wrapup.concerns(me.name, call):
        return "ringing" if me.name in call["ringing"] else "talking" if me.name in call["talking"] else "wrapup"
    if call["direction"] != "internal" and me.name in call["rang"] and not wrapup.began(me.name, call):
        return "over" if call["ended_at"] else "taken"
    return ""


def caller_spell(me: Viewer, call: Mapping[str, Any]) -> str:
    """Which part of the call this person's card is about."""
    return wrapup.spell(me.name, call)
