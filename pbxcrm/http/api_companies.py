"""REST: companies; notes on companies and contacts; who has a say in a deal."""

from aiohttp import web

from pbxcrm.http.body import listing, read_json, take_version
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import companies, details, relations

THINGS = {"contacts": "contact", "companies": "company"}


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/companies", list_companies)
    app.router.add_post(prefix + "/companies", create)
    app.router.add_get(prefix + "/companies/{id}", get)
    app.router.add_patch(prefix + "/companies/{id}", change)
    app.router.add_post(prefix + "/companies/{id}/notes", note_on_company)
    app.router.add_post(prefix + "/contacts/{id}/notes", note_on_contact)
    for things in THINGS:
        app.router.add_get(f"{prefix}/{things}/{{id}}/relations", related)
        app.router.add_post(f"{prefix}/{things}/{{id}}/relations", relate)
        app.router.add_delete(f"{prefix}/{things}/{{id}}/relations/{{relation}}", unrelate)
    app.router.add_get(prefix + "/deals/{id}/details", deal_in_full)
    app.router.add_put(prefix + "/deals/{id}/people", has_say)


async def list_companies(request: web.Request) -> web.Response:
    """GET /companies?q=."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(
        await listing(
            request, ("q",), lambda p: companies.list_companies(db, scope, p.limit, p.cursor, p.filters.get("q", ""))
        )
    )


async def create(request: web.Request) -> web.Response:
    """POST /companies."""
    made = await companies.create(request.app[DEPS].db, request[PERSON].scope, await read_json(request))
    return json_response(made, 201, {"Location": f"/api/v1/companies/{made['id']}"})


async def get(request: web.Request) -> web.Response:
    """GET /companies/{id}."""
    return json_response(await companies.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def change(request: web.Request) -> web.Response:
    """PATCH /companies/{id} {version, …}: only what is sent changes."""
    body = await read_json(request)
    version = take_version(body)
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await companies.change(db, scope, request.match_info["id"], version, body))


async def _note(request: web.Request, thing: str) -> web.Response:
    body = await read_json(request)
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await companies.add_note(db, scope, thing, request.match_info["id"], body.get("text")), 201)


async def note_on_company(request: web.Request) -> web.Response:
    """POST /companies/{id}/notes {text}."""
    return await _note(request, "company")


async def note_on_contact(request: web.Request) -> web.Response:
    """POST /contacts/{id}/notes {text}."""
    return await _note(request, "contact")


async def deal_in_full(request: web.Request) -> web.Response:
    """GET /deals/{id}/details."""
    return json_response(await details.whole(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def has_say(request: web.Request) -> web.Response:
    """PUT /deals/{id}/people {contact_id, role, note?}."""
    body = await read_json(request)
    db, scope, deal_id = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    given = body.get("contact_id"), body.get("role", ""), body.get("note", "")
    return json_response(await details.has_say(db, scope, deal_id, *given))


def thing_of(request: web.Request) -> str:
    """Whether it is about a contact or a company."""
    return THINGS[request.path.split("/")[3]]


async def related(request: web.Request) -> web.Response:
    """GET /contacts/{id}/relations, /companies/{id}/relations."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response({"items": await relations.of(db, scope, thing_of(request), request.match_info["id"])})


async def relate(request: web.Request) -> web.Response:
    """POST …/relations {kind, contact_id | company_id, note?}."""
    body = await read_json(request)
    there = "company" if "company_id" in body else "contact"
    other = there, body.get(f"{there}_id", "")
    db, scope, key = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    made = await relations.add(db, scope, thing_of(request), key, body.get("kind"), other, body.get("note", ""))
    return json_response({"items": made}, 201)


async def unrelate(request: web.Request) -> web.Response:
    """DELETE …/relations/{relation}."""
    db, scope, at = request.app[DEPS].db, request[PERSON].scope, request.match_info
    await relations.remove(db, scope, thing_of(request), at["id"], at["relation"])
    return web.Response(status=204)
