"""Whose something is to be: a seller's own, or whomever a manager names."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.service.transact import wrong
from pbxcrm.store import lookup

_NOT_THEIRS = {
    "company": "Only a manager gives a company to somebody else.",
    "contact": "Only a manager gives a contact to somebody else.",
    "lead": "Only a manager gives a lead to somebody else.",
}


def named(conn: Connection, scope: Scope, name: str | None, thing: str) -> int | None:
    """The active person of this name; None where it is to be nobody's. Raises Invalid."""
    if not scope.sees_all and name != scope.name:
        raise wrong({"owner": _NOT_THEIRS[thing]})
    if not name:
        return None
    user = lookup.user(conn, scope, name)
    if user is None:
        raise wrong({"owner": "There is no such person."})
    return user.id


def of_new(conn: Connection, scope: Scope, given: Mapping[str, Any], thing: str) -> int | None:
    """Whose a new one is: as `owner` names, else a seller's own. Raises Invalid."""
    return named(conn, scope, given["owner"], thing) if "owner" in given else scope.user_id or None
