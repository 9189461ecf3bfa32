"""The REST API under /api/v1: which routes there are. What each takes and gives: openapi.py."""

from aiohttp import web

from pbxcrm.http import (
    api_audit,
    api_calls,
    api_companies,
    api_contacts,
    api_deals,
    api_dial,
    api_disagreements,
    api_documents,
    api_exports,
    api_fields,
    api_imports,
    api_leads,
    api_merge,
    api_offers,
    api_tasks,
    api_webhooks,
    live,
    recordings,
)
from pbxcrm.http.errors import json_response
from pbxcrm.http.openapi import SPEC

PREFIX = "/api/v1"


def setup(app: web.Application) -> None:
    """Add every route of the API."""
    records = (recordings, api_calls, api_deals, api_contacts, api_companies, api_leads, api_tasks, api_dial)
    selling = (api_merge, api_offers, api_documents)
    for part in (*records, *selling, api_fields, api_audit, api_exports, api_imports, api_webhooks, api_disagreements):
        part.setup(app, PREFIX)
    app.router.add_get(PREFIX + "/live", live.live)
    app.router.add_get(PREFIX + "/openapi.json", openapi)


async def openapi(_request: web.Request) -> web.Response:
    """GET /openapi.json: this API, for programs. Says nothing of what is kept here, so anybody may read it."""
    return json_response(SPEC)
