"""What a use case can answer instead of doing its work. Each message is for the person who asked."""

from typing import Any


class ServiceError(Exception):
    """What happened, what it means for the data, what to do. `code` is for programs and never changes."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class NotFound(ServiceError):  # noqa: N818
    """There is none, or it is not yours: the two look the same."""

    code = "not_found"

    def __init__(
        self, message: str = "There is no such thing here, or it is not yours.", *, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)


class Merged(NotFound):
    """It is part of another now, which this person sees: `into` is that one's id."""

    code = "merged"

    def __init__(self, into: str) -> None:
        super().__init__(f"This one was merged with another and is no more. What stayed has the id {into}.")
        self.into = into


class Conflict(ServiceError):  # noqa: N818
    """Somebody else was first. `current` is how it stands now, `by` who changed it."""

    code = "conflict"

    def __init__(
        self, message: str, *, current: dict[str, Any] | None = None, by: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.current = current
        self.by = by


class Invalid(ServiceError):  # noqa: N818
    """Something in what was sent is wrong: `fields` says which, and how."""

    code = "invalid"

    def __init__(self, message: str, fields: dict[str, str] | None = None, *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.fields = fields or {}


class Refused(ServiceError):  # noqa: N818
    """Understood, and not allowed here: a policy says no."""

    code = "refused"


class NewCountry(Refused):
    """Nobody of the house has called there yet: whoever clicked says once more who they are. `country`: ISO 3166."""

    code = "confirm_password"

    def __init__(self, message: str, *, country: str, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.country = country


class TooMany(ServiceError):  # noqa: N818
    """Too often. `retry_after` seconds from now it may work."""

    code = "too_many"

    def __init__(self, message: str, *, retry_after: int = 1, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Unavailable(ServiceError):  # noqa: N818
    """Something this needs is down; nothing was done, and nothing will be done later."""

    code = "unavailable"
