"""Calls of the past: what CEL and CDR say of them, and where two witnesses disagree."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing yet."""
