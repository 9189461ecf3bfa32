"""Who was shown what: every address that shows something of a person has its row here, and a test finds the others."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from pbxcrm.http.keys import PERSON, TRAIL, Handler

# Address -> what it shows. A list is one thing: `deals` without an id.
SHOWS = {
    "/api/v1/calls": "calls",
    "/api/v1/calls/{id}": "call",
    "/api/v1/deals": "deals",
    "/api/v1/calls.csv": "calls",
    "/api/v1/deals.csv": "deals",
    "/api/v1/contacts.csv": "contacts",
    "/api/v1/companies.csv": "companies",
    "/api/v1/leads.csv": "leads",
    "/api/v1/tasks.csv": "tasks",
    "/api/v1/deals/{id}": "deal",
    "/api/v1/deals/{id}/timeline": "deal",
    "/api/v1/unclaimed": "deals",
    "/api/v1/contacts": "contacts",
    "/api/v1/contacts/{id}": "contact",
    "/api/v1/contacts/{id}/relations": "contact",
    "/api/v1/companies/{id}/relations": "company",
    "/api/v1/companies": "companies",
    "/api/v1/companies/{id}": "company",
    "/api/v1/deals/{id}/details": "deal",
    "/api/v1/contacts/duplicates": "contacts",
    "/api/v1/contacts/{id}/merge": "contact",
    "/api/v1/companies/duplicates": "companies",
    "/api/v1/companies/{id}/merge": "company",
    "/contacts": "contacts",
    "/contacts/{id}": "contact",
    "/contacts/duplicates": "contacts",
    "/contacts/{id}/merge": "contact",
    "/companies/duplicates": "companies",
    "/companies/{id}/merge": "company",
    "/companies": "companies",
    "/companies/{id}": "company",
    "/api/v1/tasks": "tasks",
    "/api/v1/leads": "leads",
    "/api/v1/leads/{id}": "lead",
    "/api/v1/leads/{id}/timeline": "lead",
    "/leads": "leads",
    "/leads/provider": "contacts",
    "/leads/{id}": "lead",
    "/leads/{id}/qualify": "lead",
    "/api/v1/tasks/{id}": "task",
    "/day": "tasks",
    "/calendar": "tasks",
    "/tasks/{id}": "task",
    "/tasks/new": "deals",  # the one it is for
    "/api/v1/dial/{id}": "dial",
    "/api/v1/audit": "audit",
    "/api/v1/disagreements": "calls",
    "/api/v1/webhooks": "webhooks",
    "/api/v1/webhooks/{id}": "webhook",
    "/api/v1/webhooks/{id}/deliveries": "webhook",
    "/settings/webhooks": "webhooks",
    "/settings/webhooks/{id}": "webhook",
    "/api/v1/calls/{id}/recording": "recording",
    "/calls/{id}/recording": "recording",
    "/board": "board",
    "/board/heads": "board",
    "/reports/deals": "deals",
    "/reports/stale": "deals",
    "/calls": "calls",
    "/calls/missed": "tasks",
    "/calls/disagreements": "calls",
    "/calls/{id}": "call",
    "/calls/mine": "calls",
    "/search": "contacts",
    "/deals/{id}": "deal",
    "/deals/new": "calls",
    "/deals/{id}/link": "deal",
    "/deals/{id}/offers/new": "deal",
    "/api/v1/deals/{id}/offers": "deal",
    "/api/v1/offers/{id}": "offer",
    "/api/v1/deals/{id}/documents": "deal",
    "/api/v1/documents": "documents",
    "/api/v1/documents/{id}/file": "document",
    "/offers/{id}": "offer",
    "/offers/{id}/print": "offer",
    "/documents": "documents",
    "/documents/{id}/file": "document",
    "/audit": "audit",
    "/contacts/{id}/privacy": "contact",
    "/contacts/{id}/export": "contact",
    "/imports": "import",
    "/imports/{id}": "import",
    "/imports/{id}/problems.csv": "import",
    "/api/v1/imports": "import",
    "/api/v1/imports/{id}": "import",
    "/api/v1/imports/{id}/preview": "import",
    "/api/v1/imports/{id}/problems.csv": "import",
}


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note who was shown this, if it was shown."""
    response = await handler(request)
    resource = request.match_info.route.resource
    thing = SHOWS.get(resource.canonical) if resource is not None and request.method == "GET" else None
    if thing is not None and response.status < 300 and (person := request.get(PERSON)) is not None:
        request.app[TRAIL].saw(person.scope, thing, request.match_info.get("id", ""))
    return response


async def writing(app: web.Application) -> AsyncIterator[None]:
    """Write what was noted, from the start to the stop."""
    task = asyncio.create_task(app[TRAIL].run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
