"""What an import does to contacts, companies and leads alike: whom a row is, a new one, what it fills, and all back.

What differs between them stands in import_contacts, import_companies and import_leads.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy import Connection

from pbxcrm.crm import custom
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.importing import Given, name_key
from pbxcrm.crm.matching import best, tail
from pbxcrm.service import audit
from pbxcrm.store import imports
from pbxcrm.store.db import Work, audience


@dataclass(frozen=True, slots=True)
class Bringing:
    """For whom an import works: its person with their rights, and whose the new ones are."""

    scope: Scope
    import_id: int
    owner: str | None
    owner_id: int | None
    companies: str  # make | match: what becomes of a company that a contact names


@dataclass(frozen=True, slots=True)
class Match:
    """Who a row is: nobody yet (0), somebody (`thing_id`; below 0 the row above of that number), or left out (`why`).

    `name`: of whom it cannot be, where `why` speaks of somebody.
    """

    thing_id: int = 0
    why: str = ""
    name: str = ""


@dataclass(slots=True)
class Keys:
    """What things are known by: the ends of numbers, e-mail addresses, and names where they tell one from another."""

    tails: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    emails: dict[str, list[int]] = field(default_factory=dict)
    names: dict[str, list[int]] = field(default_factory=dict)

    def put(self, thing_id: int, given: Given, *, named: bool) -> None:
        """This thing is known by what is given."""
        for number in given.get("numbers", ()):
            self.tails.setdefault(tail(number), []).append((thing_id, number))
        if given.get("email"):
            self.emails.setdefault(given["email"], []).append(thing_id)
        if name := _called(given, named=named):
            self.names.setdefault(name, []).append(thing_id)


def _called(given: Mapping[str, Any], *, named: bool) -> str:
    """The key of a name: of a company its own, of a person with the company's. "" where there is none."""
    name, company = given.get("name", ""), given.get("company", "")
    if named:
        return name_key(name)
    return f"{name}\n{name_key(company)}" if name or company else ""


def _bare(given: Given) -> bool:
    """Whether it has nothing but a name to be known by."""
    return not given.get("numbers") and not given.get("email")


class Known:
    """Who is there already, as far as a batch of rows asks."""

    def __init__(self, things: "Things", conn: Connection, scope: Scope, batch: Iterable[Given]) -> None:
        self._things, self._conn, self._scope = things, conn, scope
        self._seen: dict[int, bool] = {}
        self._keys = Keys()
        given = list(batch)
        tails = {tail(number) for one in given for number in one.get("numbers", ())}
        for thing_id, number, end in things.of_tails(conn, tails):
            self._keys.tails.setdefault(end, []).append((thing_id, number))
        emails = {one["email"] for one in given if one.get("email")}
        for thing_id, email in imports.of_emails(conn, SYSTEM, things.kind, emails):
            self._keys.emails.setdefault(email, []).append(thing_id)
        if things.named:
            keys = {name_key(one["name"]) for one in given if one.get("name")}
            for thing_id, name in imports.of_names(conn, SYSTEM, keys):
                self._keys.names.setdefault(name, []).append(thing_id)
        else:
            bare = {one.get("name", "") for one in given if _bare(one)}
            for thing_id, name, company in imports.called(conn, SYSTEM, things.kind, bare):
                key = _called({"name": name, "company": company}, named=False)
                self._keys.names.setdefault(key, []).append(thing_id)
        self.customers = things.customers(conn, scope, given)

    def find(self, given: Given) -> Match:
        """Who this row is. Several whom nobody can tell apart are nobody: it is left out."""
        if self.customers is not None and (theirs := self.customers.ids(given)):
            return Match(why="customer", name=self.customers.name_of(theirs[0]))
        found = self.ids(given)
        if len(found) > 1:
            return Match(why="several")
        if found and found[0] > 0 and (why := self._things.closed(self._conn, found[0])):
            return Match(why=why, name=self.name_of(found[0]))
        return Match(found[0]) if found else Match()

    def ids(self, given: Given) -> list[int]:
        """Those that fit: by number, as calls find them, else by e-mail, else by name where names tell: of companies,
        and of people of whom a row says nothing else to know them by.
        """
        found: dict[int, None] = {}
        for number in given.get("numbers", ()):
            theirs = [one for one in self._keys.tails.get(tail(number), ()) if self._visible(one[0])]
            found |= dict.fromkeys(best(number, theirs))
        by_email = self._those(self._keys.emails, given.get("email", ""))
        told = self._things.named or _bare(given)
        by_name = self._those(self._keys.names, _called(given, named=self._things.named)) if told else []
        for others in (by_email, by_name):
            both = [one for one in found if one in others]
            found = dict.fromkeys(both or found or others)
        return list(found)

    def _those(self, keys: Mapping[str, list[int]], key: str) -> list[int]:
        return [one for one in dict.fromkeys(keys.get(key, ())) if self._visible(one)] if key else []

    def _visible(self, thing_id: int) -> bool:
        """Whether the importer may see them. Who may not learns not even that there is such a one."""
        if thing_id <= 0 or self._scope.sees_all:
            return True
        if thing_id not in self._seen:
            self._seen[thing_id] = self._things.visible(self._conn, self._scope, thing_id)
        return self._seen[thing_id]

    def add(self, thing_id: int, given: Given) -> None:
        """This row became this thing; below 0: it would become one."""
        self._seen[thing_id] = True
        self._keys.put(thing_id, given, named=self._things.named)

    def name_of(self, thing_id: int) -> str:
        """What to call it; "" for a row above."""
        row = self._things.row(self._conn, thing_id) if thing_id > 0 else None
        return next((row[name] for name in ("name", "company", "email") if row.get(name)), "") if row else ""


class Things(ABC):
    """One kind of things that are imported."""

    kind: ClassVar[str]
    thing: ClassVar[str]  # as journal and audit log call it
    texts: ClassVar[tuple[str, ...]]  # fields that are filled where they are empty
    named: ClassVar[bool] = False  # whether two of one name are one

    def known(self, conn: Connection, scope: Scope, batch: Iterable[Given]) -> Known:
        """Who is there already of those whom these rows may be."""
        return Known(self, conn, scope, batch)

    def customers(self, _conn: Connection, _scope: Scope, _batch: list[Given]) -> Known | None:
        """Those that a row of this kind must not be; None where there are none."""
        return None

    def closed(self, _conn: Connection, _thing_id: int) -> str:
        """Why nothing is filled into this one, else ""."""
        return ""

    def full(self, _conn: Connection, _who: Bringing) -> str:
        """Why no further one may be made, else ""."""
        return ""

    @abstractmethod
    def of_tails(self, conn: Connection, tails: Iterable[str]) -> list[tuple[int, str, str]]:
        """Every (thing, number, tail) that ends so."""

    @abstractmethod
    def visible(self, conn: Connection, scope: Scope, thing_id: int) -> bool:
        """Whether this person sees it."""

    @abstractmethod
    def row(self, conn: Connection, thing_id: int) -> Mapping[str, Any] | None:
        """It as it stands, whoever's it is; `numbers`: all it has."""

    @abstractmethod
    def make(self, work: Work, who: Bringing, given: Given) -> dict[str, Any]:
        """A new one: the columns of import_rows that tell of it: thing_id, version, before."""

    @abstractmethod
    def change(self, work: Work, scope: Scope, row: Mapping[str, Any], values: dict[str, Any]) -> int:
        """Set these fields, `numbers` being all it has; its new version."""

    def missing(self, row: Mapping[str, Any], given: Given) -> dict[str, Any]:
        """What of a row fills what is empty."""
        found = {name: said for name, said in given.items() if name in self.texts and said and not row[name]}
        held = custom.kept(row["details"])
        house = {key: value for key, value in given.get("custom", {}).items() if key not in held}
        return {**found, "custom": house} if house else found

    def unmade(self, _work: Work, _scope: Scope, _before: Mapping[str, Any]) -> None:
        """Take back what was made beside it; most make nothing beside."""
        return

    def lost(self, row: Mapping[str, Any]) -> audit.Changes:
        """What the audit log keeps of one that was taken back."""
        return {name: (row[name], None) for name in self.texts if row[name]}

    def fill(self, work: Work, who: Bringing, thing_id: int, given: Given) -> dict[str, Any] | None:
        """Write what is missing: version and `before`, as import_rows has them. None: nothing was to do."""
        row = self.row(work.conn, thing_id)
        assert row is not None
        values = self.missing(row, given)
        if not values:
            return None
        before = {"version": row["version"], **{name: row[name] for name in values if name != "custom"}}
        if "custom" in values:  # None takes it away again
            before["custom"] = dict.fromkeys(values["custom"])
        return {"version": self.change(work, who.scope, row, values), "before": before}

    def restore(self, work: Work, scope: Scope, thing_id: int, version: int, before: dict[str, Any]) -> str | int:
        """Put back what was: its new version; why not, where somebody has changed it since."""
        row = self.row(work.conn, thing_id)
        if row is None or not self.visible(work.conn, scope, thing_id):
            return "gone"
        return self.change(work, scope, row, before) if row["version"] == version else "changed"

    def since(self, conn: Connection, thing_id: int, at: float) -> bool:
        """Whether it is there since this moment or later."""
        row = self.row(conn, thing_id)
        return row is not None and row["created_at"] >= at

    def remove(self, work: Work, scope: Scope, thing_id: int, version: int, before: Mapping[str, Any]) -> str:
        """Take it away again; why not, where somebody has changed it or something belongs to it."""
        row = self.row(work.conn, thing_id)
        if row is None:
            return "gone"
        if row["version"] != version:
            return "changed"
        if not imports.remove(work.conn, self.kind, thing_id, version):
            return "used"
        work.journal(f"{self.thing}.removed", {"id": str(thing_id)}, audience(row["owner_id"]))
        audit.note(work, scope, f"{self.thing}.removed", self.thing, thing_id, self.lost(row))
        self.unmade(work, scope, before)
        return ""
