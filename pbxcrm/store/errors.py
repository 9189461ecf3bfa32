"""The one way a database says that it cannot be used: in words for the person who runs pbxcrm."""

import sqlite3

from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    StatementError,
)


class DatabaseUnusable(Exception):  # noqa: N818
    """The database cannot be read or written. `message`: what happened, what it means for the data, what to do.

    `passing`: it may mend by itself, or by what somebody does elsewhere; no setting of ours is wrong.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.passing = passing


_BUSY = (
    "Another program keeps the database locked; nothing was stored, and what was asked can be asked again. "
    "Close the program that holds the file open (a backup, a database browser)."
)
_FULL = "The disk is full; nothing was stored, and what was there before is safe. Free some space."
_FAILED = "The disk failed; what was asked was not stored. Look at the disk (dmesg, df), then start again."
REMOVED = "the database file was removed or replaced"
_GONE = (
    "Nothing more was stored in it. Put the file, or the newest backup of it, back in its place; to begin anew, "
    "restart pbxcrm."
)

# What SQLite says -> what it means and what to do.
_SQLITE = {
    "file is not a database": "The file is no SQLite database (or it is encrypted); it was not touched. "
    "Point PBXCRM_DATABASE_URL at another file, or put a backup in its place.",
    "malformed": "The database file is damaged; nothing more is written to it. "
    "Stop pbxcrm, keep a copy of the file, and put back the newest backup.",
    REMOVED: _GONE,
    "unable to open": "The file cannot be opened or made; nothing was stored. "
    "Create its folder, and let the user who runs pbxcrm read and write there.",
    "locked": _BUSY,
    "busy": _BUSY,
    "readonly": "The file may only be read; nothing was stored. "
    "Let the user who runs pbxcrm write to the file and to its folder.",
    "full": _FULL,
    "disk i/o": _FAILED,
}
_SERVER_FULL = "The server has no connection left; nothing was stored. Raise max_connections, or stop what holds them."
_PASSING = frozenset({_BUSY, _FULL, _FAILED, _GONE, _SERVER_FULL})

# A class asyncpg raises -> what it means and what to do.
_POSTGRES = {
    "InvalidPassword": "The server refuses the password; nothing was stored. "
    "Check the user and password in PBXCRM_DATABASE_URL.",
    "InvalidAuthorization": "The server does not let this user in; nothing was stored. "
    "Check the user in PBXCRM_DATABASE_URL, "
    "and pg_hba.conf on the server.",
    "InvalidCatalogName": "There is no such database on the server; nothing was stored. Make it: createdb NAME.",
    "TooManyConnections": _SERVER_FULL,
    "InsufficientPrivilege": "This user may not do that in this database; nothing was stored. Make them its owner.",
    "DiskFull": _FULL,
    "ReadOnly": "The server takes no writes (a standby?); nothing was stored. Name the primary in PBXCRM_DATABASE_URL.",
}


def explain(url: URL, error: BaseException) -> DatabaseUnusable:
    """The same error in words: where, what, what it means, what to do. Never shows the password."""
    where = f"The database {url.render_as_string(hide_password=True)} cannot be used"
    if isinstance(error, (ArgumentError, NoSuchModuleError)):
        return DatabaseUnusable(f"{where}: {_first_line(error)}. {_URL_HELP}")
    if isinstance(error, ModuleNotFoundError):
        return DatabaseUnusable(
            f"{where}: {error.name} is not installed. Nothing was stored. Install it: pip install 'pbxcrm[postgres]'."
        )
    original = getattr(error, "orig", None) or error
    said = _first_line(original)
    for sign, advice in _SQLITE.items() if url.get_backend_name() == "sqlite" else ():
        if sign in said.lower():
            return DatabaseUnusable(f"{where}: {said}. {advice}", passing=advice in _PASSING)
    for sign, advice in _POSTGRES.items():
        if sign in _class_names(original):
            return DatabaseUnusable(f"{where}: {said}. {advice}", passing=advice in _PASSING)
    return DatabaseUnusable(
        f"{where}: {said}. Nothing was stored. Check that the server runs and that PBXCRM_DATABASE_URL names it.",
        passing=True,
    )


_URL_HELP = (
    "Nothing was read or stored. PBXCRM_DATABASE_URL looks like sqlite+aiosqlite:///var/pbxcrm.db "
    "or postgresql+asyncpg://user:password@host/name."
)


def wrong_url(url: str, error: BaseException | None = None) -> DatabaseUnusable:
    """The setting itself cannot be read; it may hold a password, so only its beginning is shown."""
    said = f" ({_first_line(error)})" if error else ""
    return DatabaseUnusable(f"PBXCRM_DATABASE_URL does not name a database: {url.split(':')[0]}:…{said}. {_URL_HELP}")


def unusable(error: BaseException) -> bool:
    """Whether this error is about the database as a whole, not about what was asked of it."""
    if isinstance(error, (OperationalError, InterfaceError)) or bare(error):
        return True
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return error.orig is not None and bare(error.orig)  # a connection that was lost is made anew at a statement
    if isinstance(error, sqlite3.DatabaseError):  # a prepared statement meets the driver's own errors
        return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError
    if not isinstance(error, DBAPIError):
        return False
    said = str(error.orig)
    return (
        error.connection_invalidated
        or _sqlstate(error.orig).startswith(_AWAY)
        or any(sign in said for sign in ("not a database", "malformed"))
        or any(sign in _class_names(error.orig) for sign in _POSTGRES)
    )


# Classes of SQLSTATE that speak of the server, not of the statement: connection, resources, operator, system.
_AWAY = ("08", "53", "57", "58")


def _sqlstate(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(getattr(error, "__cause__", None), "sqlstate", None) or "")


# PostgreSQL: a row that is named is gone, or is named by now; a lock was waited for too long, or in a circle.
_OVERTAKEN = ("23503", "55P03", "40P01")


def overtaken(error: BaseException) -> bool:
    """Whether another process wrote the same rows at the same moment: read anew, it may work."""
    return isinstance(error, DBAPIError) and _sqlstate(error.orig) in _OVERTAKEN


def bare(error: BaseException) -> bool:
    """Whether it is asyncpg's own, or the network's (TimeoutError too), bare: no connection was there to speak of."""
    return isinstance(error, OSError) or type(error).__module__.startswith("asyncpg")


def _class_names(error: BaseException | None) -> str:
    # SQLAlchemy's asyncpg adapter raises its own classes, with the driver's one as their cause.
    return " ".join(c.__name__ for c in type(getattr(error, "__cause__", None) or error).__mro__)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
