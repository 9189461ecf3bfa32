"""A table of somebody else's database: the PBX's own. Looked at, paged through, never changed and never locked.

It stands here because SQL is spoken in this room alone; nothing of our own schema, transactions or journal takes part.
Each page is a statement of its own in a session that may only read, along the table's whole-number key where it has
one, else along its time: then a page ends before a moment that may have more rows than it holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pbxcrm.store.errors import DatabaseUnusable

# What a person writes before `://`, and the driver that is used for it, with our extra that brings it.
_DRIVERS = {"postgresql": ("postgresql+asyncpg", "postgres"), "postgres": ("postgresql+asyncpg", "postgres"),
            "mysql": ("mysql+aiomysql", "mariadb"), "mariadb": ("mysql+aiomysql", "mariadb"),
            "sqlite": ("sqlite+aiosqlite", "")}  # fmt: skip
_READ_ONLY = {
    "postgresql": text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
    "mysql": text("SET SESSION TRANSACTION READ ONLY"),
    "sqlite": text("PRAGMA query_only = ON"),
}
_PATIENCE = 10  # seconds to connect

Value = Any  # a column's, as the driver gives it


def is_url(text: str) -> bool:
    """Whether a setting names a database, not a file."""
    return "://" in text and text.split("://")[0].split("+")[0] in _DRIVERS


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table looks like: its columns as they are written, and the whole-number key they are in order of."""

    columns: tuple[str, ...]
    key: str | None


class ForeignTable:
    """Raises DatabaseUnusable from every method: where, what is wrong, what to do; never with the password."""

    def __init__(self, url: str, table: str) -> None:
        try:
            given = make_url(url)
            scheme = given.drivername.split("+")[0]
            driver, self._extra = _DRIVERS[scheme]
        except (ArgumentError, ValueError, KeyError) as error:
            raise DatabaseUnusable(
                f"{url.split(':')[0]}:… names no database. Nothing was read. "
                "Write mysql://user:password@host/asteriskcdrdb or postgresql://…; a table's name goes into ?table=cel."
            ) from error
        self._name = str(given.query.get("table") or table)
        self._url: URL = given.set(drivername=driver, query={})
        self._table: Table | None = None
        self._engine: AsyncEngine | None = None

    @property
    def where(self) -> str:
        """The table, for people."""
        return f"{self._url.render_as_string(hide_password=True)}, table {self._name}"

    async def close(self) -> None:
        """Let the connections go."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def shape(self) -> Shape:
        """The table's columns, found by looking."""
        table = await self._run(self._reflect)
        return Shape(tuple(column.name for column in table.columns), _key(table))

    async def by_key(self, after: int, limit: int) -> list[Mapping[str, Value]]:
        """Rows whose key is beyond `after`, in order of it."""
        table = await self._run(self._reflect)
        key = table.c[_key(table) or ""]
        return await self._rows(select(table).where(key > after).order_by(key).limit(limit))

    async def keys(self) -> tuple[int, int]:
        """The first and the last key; (0, -1) of an empty table."""
        table = await self._run(self._reflect)
        key = table.c[_key(table) or ""]
        found = await self._rows(select(func.min(key).label("low"), func.max(key).label("high")))
        low, high = found[0]["low"], found[0]["high"]
        return (0, -1) if low is None else (int(low), int(high))

    async def by_time(self, column: str, since: Value, limit: int) -> list[Mapping[str, Value]]:
        """Rows from that moment on, in order of it."""
        table = await self._run(self._reflect)
        moment = table.c[column]
        return await self._rows(select(table).where(moment >= since).order_by(moment).limit(limit))

    async def newest(self, column: str) -> Value:
        """The newest row's moment, None in an empty table."""
        table = await self._run(self._reflect)
        key = _key(table)
        order: Column[Any] = table.c[key] if key else table.c[column]
        rows = await self._rows(select(table.c[column].label("at")).order_by(order.desc()).limit(1))
        return rows[0]["at"] if rows else None

    async def _rows(self, statement: Any) -> list[Mapping[str, Value]]:
        found: list[Mapping[str, Value]] = await self._run(
            lambda conn: [dict(row) for row in conn.execute(statement).mappings()]
        )
        return found

    def _reflect(self, conn: Connection) -> Table:
        if self._table is None:
            self._table = Table(self._name, MetaData(), autoload_with=conn, resolve_fks=False)
        return self._table

    async def _run(self, work: Any) -> Any:
        try:
            async with self._open().connect() as conn:
                await conn.execute(_READ_ONLY[self._url.get_backend_name()])
                return await conn.run_sync(work)
        except NoSuchTableError:
            tables = await self._tables()
            raise DatabaseUnusable(
                f"There is no table {self._name} in {self._url.render_as_string(hide_password=True)}. Nothing was "
                f"read. Tables there: {', '.join(tables) or 'none'}; name one in the setting: ?table=NAME."
            ) from None
        except ModuleNotFoundError as error:
            raise self._missing(error) from error
        except (SQLAlchemyError, OSError, TimeoutError, OverflowError) as error:
            raise self._explained(error) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("asyncpg", "pymysql", "aiomysql"):
                raise self._explained(error) from error
            raise

    async def _tables(self) -> Sequence[str]:
        async with self._open().connect() as conn:
            return await conn.run_sync(lambda sync: sorted(inspect(sync).get_table_names())[:20])

    def _open(self) -> AsyncEngine:
        if self._engine is None:
            backend = self._url.get_backend_name()
            connect = {"mysql": {"connect_timeout": _PATIENCE}, "postgresql": {"timeout": _PATIENCE}}.get(backend, {})
            try:
                self._engine = create_async_engine(
                    self._url, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0, pool_pre_ping=True,
                    connect_args=connect,
                )  # fmt: skip
            except (ModuleNotFoundError, NoSuchModuleError) as error:
                raise self._missing(error) from error
        return self._engine

    def _missing(self, error: BaseException) -> DatabaseUnusable:
        name = getattr(error, "name", None) or str(error)
        return DatabaseUnusable(
            f"{self.where} cannot be read: {name} is not installed. Nothing was read. "
            f"Install it: pip install 'pbxcrm[{self._extra}]'."
        )

    def _explained(self, error: BaseException) -> DatabaseUnusable:
        original = getattr(error, "orig", None) or error
        lines = str(original).strip().splitlines() or [type(original).__name__]
        said = lines[0].rstrip(".")
        if self._url.password:
            said = said.replace(self._url.password, "***")
        return DatabaseUnusable(
            f"{self.where} cannot be read: {said}. Nothing was changed. Check host, user, password and the name of the "
            "database in the setting, and that this user may SELECT from the table."
        )


def _key(table: Table) -> str | None:
    """The one whole-number column that is the primary key, if that is what there is."""
    keys = list(table.primary_key.columns)
    return keys[0].name if len(keys) == 1 and isinstance(keys[0].type, Integer) else None
