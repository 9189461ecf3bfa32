"""Bringing a database to this version's tables, at every start: under a lock, in one transaction, without an ini file.

Several processes may start at once: one does the work, the others wait and find it done.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable

HEAD = "0019"  # the newest revision; a test holds it against the files

_HERE = Path(__file__).parent


async def migrate(db: Database) -> None:
    """Make or bring up to date all tables; nothing is done, and quickly, when they are.

    Raises DatabaseUnusable also when a newer pbxcrm has been here: its tables are left alone.
    """
    if await db.reading(_revision) != HEAD:
        await db.alone(_upgrade)


def _revision(conn: Connection) -> str | None:
    if not inspect(conn).has_table("alembic_version"):
        return None
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar()


def known() -> frozenset[str]:
    """The revisions that this version can bring up to date."""
    from alembic.script import ScriptDirectory

    return frozenset(revision.revision for revision in ScriptDirectory(str(_HERE)).walk_revisions())


def _upgrade(conn: Connection) -> None:
    # Imported here: most starts find nothing to do, and alembic takes longer to import than to say so.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(_HERE))
    found = _revision(conn)
    if found is not None and found not in known():
        raise DatabaseUnusable(
            f"The database was last used by a newer pbxcrm (its tables are at revision {found}). Nothing was changed. "
            "Start that newer version again, or put back a backup made before it."
        )

    def steps(revision: object, _context: MigrationContext) -> list[RevisionStep]:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001

    context = MigrationContext.configure(conn, opts={"fn": steps, "transactional_ddl": True})
    with Operations.context(context):
        context.run_migrations()
