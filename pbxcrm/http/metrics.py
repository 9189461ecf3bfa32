"""For those who watch over the process: /healthz, /readyz and /metrics (Prometheus text, written by hand)."""

import contextlib
import ipaddress
from collections.abc import Iterable, Mapping

from aiohttp import web

import pbxcrm
from pbxcrm.crm.witness import FIELDS, OWNER
from pbxcrm.http.errors import Forbidden, NotLoggedIn, json_response
from pbxcrm.http.keys import DEPS, PERSON, REQUESTS
from pbxcrm.http.live import STREAMS
from pbxcrm.http.openapi_schemas import OUTCOMES
from pbxcrm.service import disagreements
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.watch import CallCounter, Histogram, journal_ends

COUNTER: web.AppKey[CallCounter] = web.AppKey("call_counter", CallCounter)
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


async def begin(app: web.Application) -> None:
    """At the start: calls are counted from here on."""
    with contextlib.suppress(Unavailable):  # then from the first look on
        await app[COUNTER].look()


async def healthz(_request: web.Request) -> web.Response:
    """GET /healthz: the process runs."""
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """GET /readyz: it can do its work, or 503 with what is down."""
    deps = request.app[DEPS]
    link = deps.link_state()
    ami = "up" if link.up else f"down: {link.reason}" if link.reason else "down"
    try:
        await journal_ends(deps.db)
        database = "up" if deps.db.presence.up else "down"
    except Unavailable:
        database = "down"
    ready = database == "up" and link.up
    body = {"status": "ready" if ready else "not ready", "database": database, "ami": ami, "demo": deps.demo}
    return json_response(body, 200 if ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """GET /metrics: open to this machine; from elsewhere or through a proxy to those who see all."""
    _may_count(request)
    deps, streams, counter = request.app[DEPS], request.app[STREAMS], request.app[COUNTER]
    lines = [
        *_metric("pbxcrm_info", "gauge", "The version that runs.", {f'version="{pbxcrm.__version__}"': 1}),
        *_metric("pbxcrm_link_up", "gauge", "1 while the PBX is in sight.", {"": int(deps.link_state().up)}),
        *_metric("pbxcrm_live_clients", "gauge", "Open live connections.", {"": len(streams.open)}),
        *_metric("pbxcrm_live_sent_total", "counter", "Live messages sent.", {"": streams.sent}),
        *_metric("pbxcrm_live_dropped_total", "counter", "Live clients too slow to keep.", {"": streams.dropped}),
        *_metric("pbxcrm_http_requests_total", "counter", "Requests answered, by status.", _by_status(request)),
    ]
    try:
        newest = await counter.look()
    except Unavailable:
        lines += _metric("pbxcrm_database_up", "gauge", "1 while the database answers.", {"": 0})
    else:
        up = int(deps.db.presence.up)
        lines += _metric("pbxcrm_database_up", "gauge", "1 while the database answers.", {"": up})
        lines += _metric("pbxcrm_journal_id", "gauge", "The newest journal row.", {"": newest})
    lines += await _witnesses(request)
    ended = {f'outcome="{outcome}"': counter.outcomes[outcome] for outcome in OUTCOMES}
    lines += _metric("pbxcrm_calls_total", "counter", "Calls that ended since the start, by outcome.", ended)
    for name, value in sorted(deps.gauges().items()):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += _metric(name, kind, "See docs/rest.md.", {"": value})
    if deps.latency is not None:
        lines += _histogram("pbxcrm_intake_seconds", "From an event of the PBX to its commit.", deps.latency)
    return web.Response(text="\n".join(lines) + "\n", headers={"Content-Type": "text/plain; version=0.0.4"})


async def _witnesses(request: web.Request) -> Iterable[str]:
    """How often our account and the PBX's own record of a call agreed."""
    try:
        sums = await disagreements.totals(request.app[DEPS].db)
    except Unavailable:
        return ()
    told = {f'result="{name}"': sums.get(name, 0) for name in ("agreed", "disagreed")}
    differ = {f'field="{name}"': sums.get(name, 0) for name in (*FIELDS, OWNER)}
    return (
        *_metric("pbxcrm_witness_calls_total", "counter", "Calls held against the PBX's own record.", told),
        *_metric("pbxcrm_witness_differences_total", "counter", "In what the two accounts differed.", differ),
    )


def _by_status(request: web.Request) -> dict[str, int]:
    return {f'status="{status}"': count for status, count in sorted(request.app[REQUESTS].items())}


def _metric(name: str, kind: str, help_text: str, values: Mapping[str, float]) -> Iterable[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        yield f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"


def _histogram(name: str, help_text: str, taken: Histogram) -> Iterable[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} histogram"
    for bound, count in taken.buckets().items():
        yield f'{name}_bucket{{le="{bound}"}} {count}'
    yield f"{name}_sum {taken.sum:.6f}"
    yield f"{name}_count {taken.count}"


def _may_count(request: web.Request) -> None:
    person = request.get(PERSON)
    if person is not None and person.scope.sees_all:
        return
    if person is None and _on_this_machine(request):
        return
    if person is None:
        raise NotLoggedIn("From another machine, or through a proxy, send a manager's Authorization: Bearer TOKEN.")
    raise Forbidden("The numbers of the whole house are for managers.")


def _on_this_machine(request: web.Request) -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
