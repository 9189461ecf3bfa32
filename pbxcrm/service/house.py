"""Settings of the house that live in the database, because more than one process reads them."""

from sqlalchemy import Connection

from pbxcrm.crm.access import COMMAND_LINE, SYSTEM
from pbxcrm.service import audit
from pbxcrm.service.transact import read, unchanged, write
from pbxcrm.store import house
from pbxcrm.store.db import EVERYBODY, Database, Work


async def set_currency(db: Database, currency: str) -> None:
    """The currency (ISO 4217) of new deals and of the board's sums. Written only when it is another one."""

    def run(work: Work) -> None:
        before = house.get(work.conn, SYSTEM, "currency")
        if before == currency:
            raise unchanged(None)
        house.put(work.conn, "currency", currency)
        work.journal("settings.changed", {"changed": ["currency"]}, EVERYBODY)
        audit.note(work, COMMAND_LINE, "settings.changed", "setting", "currency", {"currency": (before, currency)})

    await write(db, run)


async def setting(db: Database, key: str) -> str | None:
    """One setting, None where it was never set."""

    def run(conn: Connection) -> str | None:
        return house.get(conn, SYSTEM, key)

    return await read(db, run)
