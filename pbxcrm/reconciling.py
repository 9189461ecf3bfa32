"""`pbxcrm reconcile` put together: settings to sources, pages to the database, progress to a person."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pbxcrm.app import open_database, recordings_folder, rules
from pbxcrm.calls.cdr import Cdr
from pbxcrm.calls.cel import Cel
from pbxcrm.calls.people import People
from pbxcrm.history.choose import source, zone
from pbxcrm.history.sources import Kind, Page, Source
from pbxcrm.reconcile import COUNTS, Reader, Reading, when
from pbxcrm.service import history, reading
from pbxcrm.service import people as people_service
from pbxcrm.settings import Settings, WrongSetting
from pbxcrm.store.db import Database

_KINDS: tuple[Kind, ...] = ("cel", "cdr")
_EVERY = 10.0  # seconds between two lines of progress where nobody watches a bar
_WIDTH = 30


def sources(settings: Settings, only: Sequence[str] = ()) -> list[Source]:
    """The sources that are set, CEL first: it knows more. Raises WrongSetting where there is none, SourceError."""
    where: dict[Kind, tuple[str, str]] = {
        "cel": (settings.cel, settings.cel_columns),
        "cdr": (settings.cdr, settings.cdr_columns),
    }
    found = [
        source(kind, where[kind][0], settings.history_zone, where[kind][1])
        for kind in _KINDS
        if where[kind][0] and (not only or kind in only)
    ]
    if not found:
        names = " or ".join(f"PBXCRM_{kind.upper()}" for kind in only or _KINDS)
        raise WrongSetting(
            f"There is nothing to read: set {names} to the PBX's file, a glob or its database (docs/history.md). "
            "Nothing was changed."
        )
    return found


def reader(kind: Kind, people: People, settings: Settings) -> Reader:
    """What makes calls of that kind of rows."""
    made = Cel if kind == "cel" else Cdr
    return made(people, pbx=settings.pbx_name, region=settings.region)


@dataclass(slots=True)
class Progress:
    """A bar on a terminal, else a line now and then; always on stderr."""

    shown: float = 0.0

    def say(self, name: str, page: Page, counts: Counter[str]) -> None:
        share = min(1.0, page.done / page.total) if page.total > 0 else 1.0
        told = f"{100 * share:3.0f} %  {counts['rows']} rows, {counts['new']} new calls, {counts['mended']} mended"
        now = time.monotonic()
        if sys.stderr.isatty():
            full = round(_WIDTH * share)
            sys.stderr.write(f"\r{name[:40]} [{'#' * full}{'.' * (_WIDTH - full)}] {told}\x1b[K")
            sys.stderr.flush()
        elif now - self.shown >= _EVERY:
            self.shown = now
            sys.stderr.write(f"{name}: {told}\n")

    @staticmethod
    def done() -> None:
        """The bar's line is over."""
        if sys.stderr.isatty():
            sys.stderr.write("\n")


async def reconcile(settings: Settings, since: str, until: str | None, only: Sequence[str]) -> dict[str, Counter[str]]:
    """All of it; what was done, by source. Raises WrongSetting, SourceError, ServiceError, DatabaseUnusable."""
    chosen = sources(settings, only)
    at_home = zone(settings.history_zone)
    now = time.time()
    try:
        begin = when(since, now, at_home)
        end = when(until, now, at_home) if until else None
    except ValueError as error:
        raise WrongSetting(f"{error} Nothing was read.") from None
    if end is not None and end <= begin:
        raise WrongSetting("--until must be later than --since. Nothing was read.")
    db = await open_database(settings)
    try:
        people = People(await people_service.devices(db))
        return {one.kind: await _one(settings, db, one, people, begin, end) for one in chosen}
    finally:
        await db.close()


async def _one(
    settings: Settings, db: Database, one: Source, people: People, since: float, until: float | None
) -> Counter[str]:
    begun = await reading.begun(db, one.name)
    apply = partial(history.apply, db, source=one.kind, rules=rules(settings), monitor=recordings_folder(settings))
    work = Reading(one, reader(one.kind, people, settings), apply, since, until or float("inf"))
    if begun is not None and begun.since <= since and begun.until == until:
        work.since, work.cursor = begun.since, begun.cursor
        work.counts = Counter(begun.counts)
        sys.stderr.write(f"{one.name}: going on where it was stopped\n")
    progress = Progress(time.monotonic())

    async def reached(page: Page, safe: str) -> None:
        await reading.keep(db, one.name, reading.Place(work.since, until, safe, dict(work.counts)))
        progress.say(one.name, page, work.counts)

    try:
        await work.run(reached)
    finally:
        progress.done()
    await reading.keep(db, one.name, None)
    return work.counts


def told(counts: Counter[str]) -> str:
    """What was done, in a line."""
    broken = f"; {counts['broken']} rows could not be read" if counts["broken"] else ""
    calls = ", ".join(f"{counts[name]} {name}" for name in COUNTS)
    return f"{counts['rows']} rows; calls: {calls}{broken}"
