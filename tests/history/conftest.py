"""Real servers for the readers of the PBX's own tables."""

from tests.fakes.mariadb import mariadb
from tests.fakes.postgres import postgres

__all__ = ["mariadb", "postgres"]
