"""What an import does to contacts: whom a row is, a new one, filling what is empty, and all of it back."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.importing import Given
from pbxcrm.crm.matching import best, rank, tail
from pbxcrm.service import audit, contacts
from pbxcrm.store import contacts as rows
from pbxcrm.store import imports
from pbxcrm.store.db import Work, audience

_TEXTS = ("name", "company", "email", "note")


class Known:
    """Who is there already, as far as a batch of rows asks: by number as calls find them, else by e-mail."""

    def __init__(self, conn: Connection, scope: Scope, batch: Iterable[Given]) -> None:
        self._conn, self._scope = conn, scope
        self._tails: dict[str, list[tuple[int, str]]] = {}
        self._emails: dict[str, list[int]] = {}
        self._seen: dict[int, bool] = {}
        given = list(batch)
        wanted = {tail(number) for one in given for number in one.get("numbers", ())}
        for contact_id, number, end in rows.by_tails(conn, scope, wanted):
            self._tails.setdefault(end, []).append((contact_id, number))
        emails = {one["email"].lower() for one in given if one.get("email")}
        for contact_id, email in imports.contacts_of_emails(conn, scope, emails):
            self._emails.setdefault(email, []).append(contact_id)

    def find(self, given: Given) -> list[int]:
        """Those that this row may be: one, none, or several of whom nobody can tell which."""
        found: dict[int, None] = {}
        for number in given.get("numbers", ()):
            theirs = [one for one in self._tails.get(tail(number), ()) if self._visible(one[0])]
            found |= dict.fromkeys(best(number, theirs))
        by_email = [one for one in self._emails.get(given.get("email", "").lower(), ()) if self._visible(one)]
        if not found:
            return by_email
        return [one for one in found if one in by_email] if len(found) > 1 and by_email else list(found)

    def _visible(self, contact_id: int) -> bool:
        """Whether the importer may see them. Who may not learns not even that there is such a one."""
        if contact_id <= 0 or self._scope.sees_all:
            return True
        if contact_id not in self._seen:
            self._seen[contact_id] = rows.one(self._conn, self._scope, contact_id) is not None
        return self._seen[contact_id]

    def add(self, contact_id: int, given: Given) -> None:
        """This row became this contact; 0: it would become one."""
        self._seen[contact_id] = True
        for number in given.get("numbers", ()):
            self._tails.setdefault(tail(number), []).append((contact_id, number))
        if given.get("email"):
            self._emails.setdefault(given["email"].lower(), []).append(contact_id)


def name_of(conn: Connection, scope: Scope, contact_id: int) -> str:
    """What to call it."""
    row = rows.of_ids(conn, scope, [contact_id]).get(contact_id)
    return (row["name"] or row["company"] or row["email"] or str(contact_id)) if row else ""


def make(work: Work, scope: Scope, given: Given, owner: int | None) -> tuple[int, int]:
    """A new one: (id, version)."""
    row = contacts.add(work, scope, given, owner)  # type: ignore[arg-type]
    return row["id"], row["version"]


def fill(work: Work, scope: Scope, contact_id: int, given: Given) -> tuple[int, dict[str, Any]] | None:
    """Write into fields that are empty, and further numbers; (version, what was before). None: nothing was to do."""
    row: Mapping[str, Any] = rows.of_ids(work.conn, scope, [contact_id])[contact_id]
    had = rows.numbers(work.conn, scope, [contact_id])[contact_id]
    values: dict[str, Any] = {name: said for name, said in given.items() if name in _TEXTS and said and not row[name]}
    new = [one for one in given.get("numbers", ()) if all(rank(one, other) is None for other in had)]
    if new:
        values["numbers"] = [*had, *new]
    if not values:
        return None
    before = {"version": row["version"], **{name: had if name == "numbers" else row[name] for name in values}}
    changed = contacts.store_change(work, scope, contact_id, row["version"], values)  # type: ignore[arg-type]
    return int(changed["version"]), before


def restore(work: Work, scope: Scope, contact_id: int, version: int, before: dict[str, Any]) -> str | int:
    """Put back what was: its new version; why not, where somebody has changed it since."""
    row = rows.of_ids(work.conn, scope, [contact_id]).get(contact_id)
    if row is None:
        return "gone"
    if row["version"] != version:
        return "changed"
    changed = contacts.store_change(work, scope, contact_id, version, before)  # type: ignore[arg-type]
    return int(changed["version"])


def since(conn: Connection, scope: Scope, contact_id: int, at: float) -> bool:
    """Whether it is there since this moment or later."""
    row = rows.of_ids(conn, scope, [contact_id]).get(contact_id)
    return row is not None and row["created_at"] >= at


def remove(work: Work, scope: Scope, contact_id: int, version: int) -> str:
    """Take a contact away again; why not, where somebody has changed it or something belongs to it."""
    row = rows.of_ids(work.conn, scope, [contact_id]).get(contact_id)
    if row is None:
        return "gone"
    if row["version"] != version:
        return "changed"
    had = rows.numbers(work.conn, scope, [contact_id])[contact_id]
    if not imports.remove_contact(work.conn, contact_id, version):
        return "used"
    work.journal("contact.removed", {"id": str(contact_id)}, audience(row["owner_id"]))
    lost = {name: (value, None) for name, value in views.contact(row, had).items() if name in _TEXTS and value}
    audit.note(work, scope, "contact.removed", "contact", contact_id, lost)
    return ""
