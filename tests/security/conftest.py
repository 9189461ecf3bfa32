"""The same bed as tests/http."""

from tests.http.conftest import clock, db

__all__ = ["clock", "db"]
