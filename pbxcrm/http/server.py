"""The web application: middlewares, routes, and an orderly stop."""

import logging
from collections import Counter

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from pbxcrm.http import api, errors, guard, live, metrics, pages, seen
from pbxcrm.http.keys import AUTH, DEPS, REQUESTS, STATIC_URL, TRAIL, Deps, Handler
from pbxcrm.http.static import Static, web_root
from pbxcrm.service.audit import Trail
from pbxcrm.service.auth import Auth
from pbxcrm.service.watch import CallCounter

MAX_BODY = 64 * 1024
SHUTDOWN = 0.5  # seconds, when we stop, for requests that are being answered


@web.middleware
async def _count(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as redirect:
        request.app[REQUESTS][redirect.status] += 1
        raise
    request.app[REQUESTS][response.status] += 1
    return response


def build(deps: Deps) -> web.Application:
    """The application over what `deps` brings; run it with `runner`."""
    app = web.Application(
        client_max_size=MAX_BODY,
        # From the outside in: each stands before all below it.
        middlewares=[
            guard.request_id,
            _count,
            errors.middleware,
            errors.database,
            guard.host,
            guard.who,
            seen.middleware,
        ],
    )
    app[DEPS] = deps
    app[AUTH] = deps.auth or Auth(deps.db)
    app[TRAIL] = Trail(deps.db)
    app.cleanup_ctx.append(seen.writing)
    app[REQUESTS] = Counter()
    app[live.STREAMS] = streams = live.Streams()
    app[metrics.COUNTER] = CallCounter(deps.db)
    app.on_startup.append(metrics.begin)
    static = Static((deps.web_root or web_root()) / "static")
    app[STATIC_URL] = static.url
    app.on_response_prepare.append(guard.safe_headers)
    app.on_shutdown.append(streams.close_all)
    app.router.add_get("/healthz", metrics.healthz)
    app.router.add_get("/readyz", metrics.readyz)
    app.router.add_get("/metrics", metrics.metrics)
    app.router.add_get("/static/{version}/{name:.+}", static.serve)
    app.router.add_get("/live", live.live)
    api.setup(app)
    pages.setup(app)
    return app


class _OneLine(logging.Filter):
    """A request that is no HTTP, or too long a line of it, is the sender's affair: a line, no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            said = " ".join(str(error.message).split())[:120]
            record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
            record.msg, record.args = f"{record.getMessage()}: {error.code}, %s", (said,)
        return True


_log = logging.getLogger(__name__)
_log.addFilter(_OneLine())


def runner(app: web.Application) -> web.AppRunner:
    """What serves `app`: `await runner.setup()`, then a `web.TCPSite` on it; `leave` before all else at the stop.

    `access_log` is off: paths hold customers' numbers, and journal and metrics say what is worth knowing.
    """
    return web.AppRunner(app, access_log=None, logger=_log, shutdown_timeout=SHUTDOWN, handle_signals=False)


async def leave(serving: web.AppRunner) -> None:
    """Let nobody in any more, and say goodbye to those whose pages are open: they come back when we do."""
    for site in list(serving.sites):
        await site.stop()
    await serving.app[live.STREAMS].close_all(serving.app)
