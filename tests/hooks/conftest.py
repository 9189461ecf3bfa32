"""The same bed as tests/http."""

from tests.http.conftest import clock, db, db_url, house, postgres

__all__ = ["clock", "db", "db_url", "house", "postgres"]
