"""How log lines look: one line an event, UTC, and never a secret. As text for people or as JSON for programs.

A line that concerns a call is logged with `extra={"call": its id, "uid": its Uniqueid}`; the request that is being
answered is known by itself.
"""

import json
import logging
import time

from pbxcrm.http.current import REQUEST

_MARKS = ("call", "uid", "request")


def configure(level: str, shape: str = "TEXT") -> None:
    """Log to stderr. Library chatter only from WARNING on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if shape == "JSON" else _Text())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("aiosqlite", "asyncio", "panoramisk", "aiohttp", "alembic", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))


def _marks(record: logging.LogRecord) -> dict[str, str]:
    """What the line concerns."""
    found = {name: str(getattr(record, name)) for name in _MARKS if getattr(record, name, None)}
    if "request" not in found and (request := REQUEST.get()):
        found["request"] = request
    return found


class _Text(logging.Formatter):
    """For people: what it concerns stands at the end, where the message does not name it already."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        text = super().formatMessage(record)
        marks = " ".join(f"{name}={value}" for name, value in _marks(record).items() if value not in text)
        return f"{text} [{marks}]" if marks else text


class _Json(logging.Formatter):
    """An object a line: at, level, logger, message; call, uid, request where it concerns one; error: a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_marks(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
