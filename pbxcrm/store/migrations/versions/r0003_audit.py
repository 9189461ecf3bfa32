"""Who saw and changed what; how long things are kept."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
