"""The one error of this room."""


class SourceError(Exception):
    """A record of the PBX that cannot be read: what is wrong, and what to do. Nothing was changed by it."""
