"""Which request is being answered: on every line that is logged meanwhile, also by the rooms below. Imports nothing."""

from contextvars import ContextVar

REQUEST: ContextVar[str] = ContextVar("request", default="")
