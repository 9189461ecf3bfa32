"""What a database's planner is told where it cannot know better. It changes no answer."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Unsought(FunctionElement[Any]):
    inherit_cache = True


def unsought(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, by which SQLite shall neither look up nor sort: there is a better way, and without statistics it
    takes any comparison for one that few rows meet. PostgreSQL has statistics, and sees the column itself.
    """
    return _Unsought(column)


@compiles(_Unsought)
def _plain(element: _Unsought, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_Unsought, "sqlite")
def _sqlite(element: _Unsought, compiler: SQLCompiler, **options: Any) -> str:
    # https://www.sqlite.org/optoverview.html: a unary plus keeps a term from being used with an index.
    return f"+{compiler.process(element.clauses, **options)}"
