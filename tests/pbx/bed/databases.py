"""An Asterisk that writes its CEL and CDR into a real database, as PBXs in service do.

PostgreSQL by cel_pgsql and cdr_pgsql; MariaDB as FreePBX does it: cel_odbc and cdr_adaptive_odbc into `asteriskcdrdb`,
through unixODBC and MariaDB's own driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.fakes import mariadb, postgres
from tests.fakes.tables import FREEPBX_CDR, FREEPBX_CEL, PGSQL_CDR, PGSQL_CEL


@dataclass(frozen=True, slots=True)
class Writes:
    """What such an Asterisk needs beside the bed's own configuration: files may name the run folder as @RUN@."""

    modules: tuple[str, ...]
    files: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)


_PGSQL = """
[global]
hostname = 127.0.0.1
port = {port}
dbname = {name}
user = tests
table = {table}
"""

_RES_ODBC = """
[asteriskcdrdb]
enabled = yes
dsn = asteriskcdrdb
username = {user}
password = {password}
pre-connect = yes
"""
_ADAPTIVE = """
[asteriskcdrdb]
connection = asteriskcdrdb
table = cdr
alias start => calldate
"""
_CEL_ODBC = """
[asteriskcdrdb]
connection = asteriskcdrdb
table = cel
"""
_ODBC = """
[asteriskcdrdb]
Driver = @MODULES@/../../odbc/libmaodbc.so
Server = 127.0.0.1
Port = {port}
Database = {name}
"""


def into_postgres(server: postgres.Server) -> tuple[Writes, str]:
    """Into a new database of this server, with its URL as an operator writes it."""
    url = server.filled(PGSQL_CDR + PGSQL_CEL)
    name = url.rpartition("/")[2]
    said = {f"{table}_pgsql.conf": _PGSQL.format(port=server.port, name=name, table=table) for table in ("cdr", "cel")}
    return Writes(("cdr_pgsql.so", "cel_pgsql.so"), said), url


def into_mariadb(server: mariadb.Server) -> tuple[Writes, str]:
    """The same into a MariaDB, as FreePBX has it."""
    url = server.database(FREEPBX_CDR + FREEPBX_CEL)
    parts = urlsplit(url)
    files = {
        "res_odbc.conf": _RES_ODBC.format(user=parts.username, password=parts.password),
        "cdr_adaptive_odbc.conf": _ADAPTIVE,
        "cel_odbc.conf": _CEL_ODBC,
        "odbc.ini": _ODBC.format(port=parts.port, name=parts.path[1:]),
        "odbcinst.ini": "",
    }
    modules = ("res_odbc_transaction.so", "res_odbc.so", "cdr_adaptive_odbc.so", "cel_odbc.so")
    return Writes(modules, files, {"ODBCSYSINI": "@RUN@/etc", "ODBCINI": "@RUN@/etc/odbc.ini"}), url
