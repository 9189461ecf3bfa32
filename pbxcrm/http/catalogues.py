"""Collects every text that can be translated and merges it into web/locale: `python -m pbxcrm.http.catalogues`.

A development tool; the running program only reads the catalogues. Prints what is still to translate.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

import pbxcrm
from pbxcrm.http.i18n import LOCALES
from pbxcrm.http.static import web_root

_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}


def template() -> Catalog:
    """All messages of the code and the templates, with where they are used."""
    catalog = Catalog(project="pbxcrm", charset="utf-8")
    for method, path in _sources():
        options = {"silent": "false", "trimmed": "true", "extensions": "jinja2.ext.do"}
        with path.open("rb") as source:
            for _line, message, comments, context in extract(method, source, KEYWORDS, (), options):
                catalog.add(message, None, [(path.name, 0)], auto_comments=comments, context=context)
    return catalog


def _sources() -> Iterator[tuple[str, Path]]:
    yield from (("python", path) for path in sorted((Path(pbxcrm.__file__).parent / "http").glob("*.py")))
    yield from (("jinja2", path) for path in sorted((web_root() / "templates").rglob("*.html")))


def path_of(locale: str) -> Path:
    """The catalogue's file."""
    return web_root() / "locale" / locale / "LC_MESSAGES" / "messages.po"


def load(locale: str) -> Catalog:
    """The catalogue of one language, empty where there is none yet."""
    path = path_of(locale)
    if not path.exists():
        return Catalog(locale=locale, project="pbxcrm", charset="utf-8")
    with path.open("rb") as source:
        return read_po(source, locale=locale)


def missing(locale: str, known: Catalog | None = None) -> list[str]:
    """What this language lacks: messages without a translation, or with a guessed one."""
    have = load(locale)
    lacking = []
    for message in known or template():
        if message.id:
            mine = have.get(message.id)
            said = mine.string if mine is not None else None
            texts = [said] if isinstance(said, str) else list(said or ())
            if not texts or not all(texts) or (mine is not None and mine.fuzzy):
                lacking.append(message.id if isinstance(message.id, str) else message.id[0])
    return lacking


def main() -> int:
    """Merge into every language; gives 1 while something is untranslated."""
    lacking = 0
    for locale in LOCALES:
        known = template()  # its messages become the catalogue's own
        catalog = load(locale)
        catalog.update(known, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.creation_date = catalog.revision_date = _NO_DATE  # a date would change with every run
        catalog.header_comment = "# Made by `python -m pbxcrm.http.catalogues`; translate the msgstr lines."
        catalog.fuzzy = False
        if locale == "en":
            for message in catalog:
                if message.id:
                    message.string = message.id
        path = path_of(locale)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            write_po(target, catalog, width=120, omit_header=False, no_location=True, sort_output=True)
        left = missing(locale)
        lacking += len(left)
        sys.stdout.write("".join(f"{locale}: {text}\n" for text in left))
    return 1 if lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
